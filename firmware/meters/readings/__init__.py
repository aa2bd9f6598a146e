"""What can be read from a meter: `kinds` is the table, the other modules are loaded for the session that needs them.

Each kind is an `async def NAME(master, meter, job)`: it asks the open `master`, writes JSON into `job.out` and hands
each finished record to `await job.emit(view)`. May import records, iec102 and core.
"""

# Kinds that are spoken of by name, as they stand in kinds.py. Bit 7 marks the extended form.
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
