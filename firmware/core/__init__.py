"""What every other room stands on and that knows none of them: `overlay` says which code is in memory, whose turn
it is to fill the heap; `errors` has the classes of errors, what they say is in `error_*`; `log` the diagnostic lines,
`clock` and `zone` the time, `flash_gate` when the flash may be written, `serial_port` a UART for asyncio, `compat`
what MicroPython and CPython call differently.

May be imported by everything; imports nothing of firmware/ but itself.
The version of the project stands here alone: pyproject.toml and tools/ take it from here, CHANGES.md tells of it.
"""

VERSION = "0.1.0"
