"""Instantaneous values: ASDU 162 with objects 192, 193 and 194, answered by one 163 (protocol reference 6.8).

VABA, VABRI and VABRC are A+, Q1 and Q4 of object 192 or, with `iec102.totals` tariff, the absolute energies of the
current tariff total: ASDU 133, object 20 (TITAN reference O6).
"""

from firmware.iec102 import errors
from firmware.meters.records.titan import envelope

_READ = const(162)
_OBJECTS = const((192, 193, 194))
_CURRENT = const(133)  # current tariff values, and the record of contract I
_CONTRACT_I = const(134)
_TOTAL = const(20)
_NO_SUCH_TYPE = const(14)

_PHASES = const(("T", "F1", "F2", "F3"))


def write(out, form, utc, meter_id, objects, invalid="keep"):
    """Write the `IEC102` record of a 163 answer (`objects` as the codec gives them) in the RecordFormat `form`;
    returns the view.

    Values are the wire's integers (kWh, kvarh, kW, kvar, per mille, 0.1 A, 0.1 V). An object the meter
    does not have leaves its keys out. `invalid`: values the meter calls so are kept, omitted, or kept and told in
    `Q`: bits 0 to 2 the three absolute energies, 3 to 6 the powers of all, F1, F2, F3, 7 to 9 the phases.
    """
    by_address = {item["address"]: item for item in objects}
    envelope(out, form, "IEC102", utc, meter_id)
    wrong = 0
    bit = 1
    for address, part, count in ((192, "totals", 3), (193, "powers", 4), (194, "phases", 3)):
        values = by_address.get(address, {}).get(part)
        for number in range(count):
            if values:
                # A+, Q1 and Q4 of the six totals: absolute active, inductive, capacitive (TITAN reference O6).
                value = values[(0, 2, 5)[number] if len(values) > 4 else number]
                bad = value.get("invalid")
                if bad:
                    wrong |= bit
                if bad and invalid == "omit":
                    pass
                elif address == 192:
                    out.int(("VABA", "VABRI", "VABRC")[number], value["value"])
                elif address == 193:
                    out.int("PA" + _PHASES[number], value["active"])
                    out.int("PR" + _PHASES[number], value["reactive"])
                    out.int("FP" + _PHASES[number], value["cos_phi"])
                else:
                    out.int("I" + _PHASES[1 + number], value["current"])
                    out.int("T" + _PHASES[1 + number], value["voltage"])
            bit <<= 1
    if invalid == "mark":
        out.int("Q", wrong)
    return out.end()


async def instant(master, meter, job):
    options = meter.options
    answered, refused = await _read(master)
    utc = job.utc()
    objects = answered
    if options.get("totals") == "tariff":
        objects = await _with_tariff(master, options, objects)
    if not objects:
        raise refused or errors.UnexpectedAsduError(5, 163)
    invalid = options.get("invalid", "keep")
    await job.emit(write(job.out, job.format, utc, meter.ident, objects, invalid))
    if job.extended and answered:
        await job.extended.instant(answered)


async def _read(master):
    """(objects, the refusal or None): those there are, one by one where all together are refused."""
    try:
        return (await master.read(_READ, 0, _OBJECTS)).objects, None
    except errors.Refusal as refusal:
        first = refusal
    found = []
    for address in _OBJECTS if first.cause != _NO_SUCH_TYPE else ():
        try:
            found += (await master.read(_READ, 0, (address,))).objects
        except errors.Refusal:
            continue
    return found, first


async def _with_tariff(master, options, objects):
    """`objects` with the absolute values of the current tariff total in place of object 192's.

    A meter that has none leaves their keys out: registers of another kind in their place would not be noticed.
    """
    found = [item for item in objects if item["address"] != 192]

    def take(answer):
        for item in answer.objects:
            if item["DO"] == _TOTAL:
                totals = [
                    {"value": item[key], "invalid": item[bits] & 0x80}
                    for key, bits in (("EaA", "CA"), ("EaRi", "CRi"), ("EaRc", "CRc"))
                ]
                found.append({"address": 192, "totals": totals})

    try:
        await master.stream(_CURRENT, _CONTRACT_I + options.get("contract", 1) - 1, (), take)
    except errors.Refusal:
        pass
    return found
