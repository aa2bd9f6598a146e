"""One module per board: pins, UARTs, flash, clock, network, watchdog.

The only place in firmware/ that may import `machine`, `esp32`, `rp2`, `network` or `termios`. A board module has a
class `Board` with:

- `name`, `root` (folder of the flash file system, `""` on boards), `reset_cause()` (text),
- `ident()`: a text of up to 15 characters that is the same for ever (used as IMEI until a modem tells its own),
- `uart(index, baud, bits, parity, stop)` -> a firmware.serialport.SerialPort, `ports` (how many there are),
- `console()` -> a SerialPort, or None where there is none,
- `rtc` (`get()`, `set(utc)`), `rtc_source` (a source of firmware.clock: HOST where it is right from the start),
- `link(config)` -> the way out (docs/architecture.md, Link),
- `feed()`: keeps the watchdog quiet, `reset(reason)`: restarts the device.
"""

import sys


def this_board():
    """Import and make the Board of the machine this runs on. `board.txt` on the flash names it."""
    if sys.platform == "linux":
        from firmware.boards.twin import Board

        return Board()
    with open("board.txt") as file:
        name = file.read().strip()
    module = __import__("firmware.boards." + name, None, None, ("Board",))
    return module.Board()
