"""What can be read from a meter: one module per kind, loaded for the session that needs it.

Each module has `TYPE` (the record's TYPE) and `async def read(master, meter, job)`: it asks the open `master`,
writes JSON into `job.out` and hands each finished record to `await job.emit(view)`. May import telemetry,
iec102 and zone.
"""

from firmware.port import const

# Kinds as they stand in the log, one byte each. Bit 7 marks the extended form.
INSTANT = const(1)
CLOSINGS = const(2)
CURVE = const(3)
TARIFF = const(4)
EVENTS = const(5)
IDENTITY = const(6)
CLOCK = const(7)
POWER = const(8)
SETUP = const(9)
PROBE = const(14)  # no reading but a look at the line, see firmware/meterprobe.py
ERROR = const(15)
EXTENDED = const(0x80)

_MODULES = {
    INSTANT: "instant",
    CLOSINGS: "closings",
    CURVE: "curve",
    TARIFF: "tariff",
    EVENTS: "events",
    IDENTITY: "identity",
    CLOCK: "meterclock",
    POWER: "power",
    SETUP: "setup",
}


def name_of(kind):
    return _MODULES[kind & 0x7F]


def module_of(kind):
    """Import and return the module that reads `kind`."""
    return __import__("firmware.readings." + name_of(kind), None, None, ("read",))
