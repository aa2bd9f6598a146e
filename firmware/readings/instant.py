"""Instantaneous values: ASDU 162 with objects 192, 193 and 194, answered by one 163 (protocol reference 6.8).

VABA, VABRI and VABRC are A+, Q1 and Q4 of object 192 or, with `iec102.totals` tariff, the absolute energies of the
current tariff total: ASDU 133, object 20 (TITAN reference O6).
"""

from firmware.iec102.errors import NotAvailableError
from firmware.port import const

TYPE = "IEC102"
_READ = const(162)
_OBJECTS = (192, 193, 194)
_CURRENT = const(133)
_CONTRACT_I = const(134)
_TOTAL = const(20)

_PHASES = ("T", "F1", "F2", "F3")


def write(out, envelope, utc, meter_id, objects, energies=None):
    """Write the `IEC102` record of a 163 answer (`objects` as the codec gives them); returns the view.

    Values are the wire's integers (kWh, kvarh, kW, kvar, per mille, 0.1 A, 0.1 V). An object the meter
    does not have leaves its keys out. `energies`: (VABA, VABRI, VABRC) from elsewhere.
    """
    by_address = {item["address"]: item for item in objects}
    envelope.begin(out, "IEC102", utc, meter_id)
    totals = by_address.get(192)
    if totals and not energies:
        energies = [totals["totals"][index]["value"] for index in (0, 2, 5)]
    if energies:
        for key, value in zip(("VABA", "VABRI", "VABRC"), energies):
            out.int(key, value)
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
    energies = None
    if meter.options.get("totals") == "tariff":
        energies = await _tariff(master, meter)
    await job.emit(write(job.out, job.envelope, utc, meter.ident, answer.objects, energies))
    if job.extended:
        await job.extended.instant(answer.objects)


async def _tariff(master, meter):
    """(active, inductive, capacitive) of the contract's total, or None where the meter has none."""
    found = []

    def take(answer):
        for item in answer.objects:
            if item["DO"] == _TOTAL:
                found.append((item["EaA"], item["EaRi"], item["EaRc"]))

    try:
        await master.stream(_CURRENT, _CONTRACT_I + meter.options.get("contract", 1) - 1, (), take)
    except NotAvailableError:
        return None
    return found[0] if found else None
