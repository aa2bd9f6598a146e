"""Instantaneous values: ASDU 162 with objects 192, 193 and 194, answered by one 163 (protocol reference 6.8)."""

from firmware.port import const

TYPE = "IEC102"
_READ = const(162)
_OBJECTS = (192, 193, 194)


_PHASES = ("T", "F1", "F2", "F3")


def write(out, envelope, utc, meter_id, objects):
    """Write the `IEC102` record of a 163 answer (`objects` as the codec gives them); returns the view.

    Values are the wire's integers (kWh, kvarh, kW, kvar, per mille, 0.1 A, 0.1 V). An object the meter
    does not have leaves its keys out.
    """
    by_address = {item["address"]: item for item in objects}
    envelope.begin(out, "IEC102", utc, meter_id)
    totals = by_address.get(192)
    if totals:
        values = totals["totals"]
        # A+, Q1 and Q4: absolute active, inductive and capacitive (TITAN reference O6).
        for key, index in (("VABA", 0), ("VABRI", 2), ("VABRC", 5)):
            out.int(key, values[index]["value"])
    powers = by_address.get(193)
    if powers:
        for suffix, power in zip(_PHASES, powers["powers"]):
            out.int("PA" + suffix, power["active"])
            out.int("PR" + suffix, power["reactive"])
            out.int("FP" + suffix, power["cos_phi"])
    phases = by_address.get(194)
    if phases:
        for suffix, phase in zip(_PHASES[1:], phases["phases"]):
            out.int("I" + suffix, phase["current"])
            out.int("T" + suffix, phase["voltage"])
    return out.end()


async def read(master, meter, job):
    answer = await master.read(_READ, 0, _OBJECTS)
    utc = job.utc()
    await job.emit(write(job.out, job.envelope, utc, meter.ident, answer.objects))
    if job.extended:
        await job.extended.instant(answer.objects)
