"""What can be read from a meter: one module per kind, loaded when it is first needed.

Each module has `TYPE` (the record's TYPE) and `async def read(master, meter, job)`: it asks the open `master`,
writes JSON into `job.out` and hands each finished record to `job.emit(view)`. May import telemetry and iec102.
"""

from firmware.port import const

# Kinds as they stand in the log, one byte each. Bit 7 marks the extended form.
INSTANT = const(1)
EXTENDED = const(0x80)

_MODULES = {
    INSTANT: "instant",
}


def module_of(kind):
    """Import and return the module that reads `kind`."""
    name = _MODULES[kind & 0x7F]
    return __import__("firmware.readings." + name, None, None, ("read",))
