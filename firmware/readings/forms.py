"""How tariff objects and periods of a load curve are written (TITAN reference 3.3)."""

_TIMES = ("FMPA", "DINI", "DEND")


def tariff(job, item):
    """Write one tariff object (types 135 and 136) with TITAN's 21 keys, times as `2022-07-11T13:49-1`."""
    from firmware.iec102.tariff import NAMES

    out, envelope = job.out, job.envelope
    out.raw("{")
    for key in NAMES:
        if key in _TIMES:
            out.text(key, envelope.tag(item[key], job.clock.zone))
        elif key == "DO":
            out.int(envelope.object_key, item[key])
        else:
            out.int(key, item[key])
    out.raw("}")


# Names of the eight integrated totals by object address (protocol reference 3.3).
_TOTALS = ("AI", "AE", "R1", "R2", "R3", "R4", "R7", "R8")


def period(job, record, tag, pairs):
    """Write one period of a load curve: `REC`, its end `DT`, then value and qualifier of each total.

    `pairs` is a list of (object address 1..8, dict with `value` and `qualifier`).
    """
    out = job.out
    out.int("REC", record)
    out.text("DT", job.envelope.tag(tag, job.clock.zone))
    for address, total in pairs:
        name = _TOTALS[address - 1]
        out.int(name, total["value"])
        out.int("C" + name, total["qualifier"])
