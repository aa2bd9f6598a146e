"""MicroPython's unix port on this computer, and the heaps it runs with: one for each class of boards.

No other place writes a heap size. A 64-bit heap shows 1 / 0.78 of what the same firmware takes on a 32-bit board
(measured: docs/architecture.md, "Heap"), and the twin has its stand-ins in it beside the firmware.
"""

import sys
from pathlib import Path

PROGRAM = Path(sys.executable).parent / "micropython"

# Pico W: 192,384 bytes, 16,384 of them the modem's UART buffers: (192,384 - 16,384) / 0.78 and 9.5 KB of stand-ins.
SMALL = "235k"
# What stays in memory has grown by 3 KB since the small class was last measured on its image; and the table of names
# doubles: from the 1,270th on it has room for 1,280 more, 14,144 bytes here and 7,696 on 32 bits, which are 4,277 more
# than 0.78 says. Tests that need all of the heap have that back until it is won: eight meters on two lines, a reading
# beside an update, another delivery beside MQTT, commands one right behind the other beside readings, the most that
# settings may ask for.
SMALL_AND_3_KB = "241k"
# Pico 2 W: about 430 KB.
MIDDLE = "550k"
# Boards with PSRAM: what the smallest of them (4 MB) leaves a heap.
ROOMY = "4m"
# No board: scripts of tests, benches and tools that hold a whole flash chip, or a compiler, in their own heap.
HARNESS = "64m"

# Bytes of a board's own heap that the code a class never lets go may take, with its names (bench/_bits32.py measures
# them); under 1 % more than it took when they were set. Roomy: 20 KB of it are TLS, with all that goes with it, 16 KB
# HTTP and FTP, 26 KB the page with microdot. Line numbers, which only the full version has, are 3,400 of the middle
# class and 14,500 of the roomy one.
RESIDENT_CODE = {"small": 101_500, "middle": 107_500, "roomy": 443_000}


def command(*arguments, heap=SMALL):
    """The command line (list of str) that runs MicroPython with `arguments`; `heap`: of those above, None: its own."""
    given = ["-X", "heapsize=" + heap] if heap else []
    return [str(PROGRAM), *given, *map(str, arguments)]


def size(heap):
    """Bytes of one of those above."""
    return int(heap[:-1]) << {"k": 10, "m": 20}[heap[-1]]
