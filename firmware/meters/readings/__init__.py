"""What can be read from a meter; its modules are loaded for the session that needs them.

Each kind is an `async def NAME(master, meter, job)`: it asks the open `master`, writes JSON into `job.out` and hands
each finished record to `await job.emit(view)`. May import telemetry, iec102 and zone.
"""

from firmware.core import overlay

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
PROBE = const(14)  # no reading but a look at the line, see firmware/meters/line_probe.py
ERROR = const(15)
EXTENDED = const(0x80)

_NAMES = const("instant closings curve tariff events identity meterclock power setup")


def name_of(kind):
    """KeyError where there is no such reading."""
    names = _NAMES.split(" ")
    at = (kind & 0x7F) - INSTANT
    if not 0 <= at < len(names):
        raise KeyError(kind)
    return names[at]


def reader(kind):
    """Import the module that reads `kind` and return the function that does; within a session."""
    with overlay.use("session"):
        if kind == INSTANT:
            from firmware.meters.readings import instant as found
        elif kind in (CLOSINGS, TARIFF):
            from firmware.meters.readings import closings as found
        elif kind == CURVE:
            from firmware.meters.readings import curve as found
        else:
            from firmware.meters.readings import facts as found
        return getattr(found, name_of(kind))
