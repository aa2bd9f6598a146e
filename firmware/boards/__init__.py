"""The boards: pins, UARTs, flash, clock, network, watchdog.

May import net, config and core, and alone in firmware/ `machine`, `esp32`, `rp2`, `network` and `termios`. A board
is a class `Board` with:

- `name`, `root` (folder of the flash file system, `""` on boards), `reset_cause()` (text),
- `ident()`: a text of up to 15 characters that is the same for ever (used as IMEI until a modem
  tells its own),
- `uart(index, baud, bits, parity, stop)` -> a firmware.core.serial_port.SerialPort, `ports` (how many
  there are),
- `console()` -> a SerialPort, or None where there is none,
- `rtc` (`get()`, `set(utc)`), `rtc_source` (a source of firmware.core.clock: HOST where it is right
  from the start),
- `link(config)` -> the way out (docs/architecture.md, Link),
- `feed()`: keeps the watchdog quiet (the first call starts it), `reset(reason)`: restarts the
  device,
- `hold()`: keeps the watchdog quiet without the app, while somebody works at the REPL; returns
  what has to be kept alive,
- `led(code)`: shows one of the codes of docs/boards.md on the board's LED, if it has one; called ten
  times a second.

`base.py` holds what all boards share while they run, `wiring.py` what is done once, at the start; `esp32.py` and
`rp2.py` what one family shares. A board's own are pins, a row of `tables.py`; one that needs more has a module
(docs/board-file.md tells how to write one).
"""

import sys

from firmware.core import overlay


def this_board():
    """Import and make the Board of the machine this runs on. `board.txt` on the flash names it."""
    try:
        with open("board.txt") as file:
            name = file.read().strip()
    except OSError:
        if sys.platform != "linux":
            raise RuntimeError("board.txt is missing: make deploy BOARD=NAME writes it") from None
        name = "twin"
    return board(name)()


def board(name):
    """The class Board of that name: a row of tables.py, or a module."""
    with overlay.use("start"):
        from firmware.boards import tables

        family, more = tables.BOARDS.get(name, (name, None))
    # A board is chosen by its name: the one place where a module is.
    found = __import__("firmware.boards." + family, None, None, ("Board",)).Board
    return type("Board", (found,), dict(more, name=name)) if more else found
