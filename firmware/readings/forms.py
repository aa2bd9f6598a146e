"""How tariff objects and periods of a load curve are written (TITAN reference 3.3)."""

from firmware.core import overlay

_TIMES = ("FMPA", "DINI", "DEND")


def time(job, tag):
    """The text of a time tag: `2022-07-11T13:49` and the summer-time bit, the offset from UTC, or nothing.

    The setting logger.tags says which: summer, offset, plain.
    """
    text, form, zone = tag.text(), job.envelope.tags, job.clock.zone
    if form == "summer":
        return text
    if form == "offset" and tag.possible():
        offset = zone.standard + (3600 if tag.su and zone.has_summer else 0)
        return "%s+%02d:%02d" % (text[:-2], offset // 3600, offset // 60 % 60)
    return text[:-2]


def tariff(job, item):
    """Write one tariff object (types 135 and 136) with TITAN's 21 keys, times as `2022-07-11T13:49-1`."""
    with overlay.use("session"):
        from firmware.iec102.tariff import NAMES

    out = job.out
    out.raw("{")
    for key in NAMES:
        if key in _TIMES:
            out.text(key, time(job, item[key]))
        elif key == "DO":
            out.int(job.envelope.object_key, item[key])
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
    out.text("DT", time(job, tag))
    for address, total in pairs:
        name = _TOTALS[address - 1]
        out.int(name, total["value"])
        out.int("C" + name, total["qualifier"])
