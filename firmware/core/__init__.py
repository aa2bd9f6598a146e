"""What every other room stands on and that knows none of them: overlay.py says which code is in memory, and whose turn
it is to fill the heap; compat.py has what MicroPython and CPython call differently; errors.py the classes of errors,
whose words are in error_*.py; clock, zone, diagnostic lines (log), serial port, flash gate. And the version of the
project, here alone: pyproject.toml and tools/ take it from here, CHANGES.md tells of it.

May be imported by everything; imports nothing but itself.
"""

VERSION = "0.1.0"
