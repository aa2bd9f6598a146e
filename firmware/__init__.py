"""The firmware: everything that runs on the board. See docs/architecture.md for what may import what.

`const()` needs no import: it is a word of MicroPython's compiler, which puts the value where the name stands. CPython
is given it here; no device has this file.
"""

import builtins
import sys

if sys.implementation.name != "micropython":
    builtins.const = lambda value: value
