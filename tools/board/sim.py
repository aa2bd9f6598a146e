"""`python -m tools.board.sim` (make board-sim): a board for those who have none yet.

MicroPython's unix port with a littlefs as its flash, behind a pty that `make deploy`, `config`, `console` and the
others take for a board's cable; a simulated meter hangs on its line, and a broker runs beside it. The flash stays in
`board-sim/` from one time to the next.
"""

import os
import signal
import sys
import time
from pathlib import Path

from tools import micropython
from tools.board.unixboard import UnixBoard
from tools.options import Parser, between
from tools.twin.broker import EmbeddedBroker
from tools.twin.device import ROOT, MeterProcess, claim, end_like_ctrl_c

# Room for two versions and an update beside them.
_BLOCKS = 1024
_LINES = """\
board         {port}
meter         on its line: link address 1, measuring point 1, password 1, 9600 baud
broker        {broker}

In a second terminal, in the order of docs/quickstart.md (5 and 6):

  make deploy BOARD=unix PORT={port}
  make config PORT={port}          Broker: {broker}; Way to the network: host
  make console PORT={port}

What reaches the broker is shown here. A minute of meter.N.interval is a second on this board. Ctrl-C ends it; {folder}
keeps the flash (make board-sim -- --fresh begins with an empty one).
"""


def arguments(argv):
    parser = Parser(prog="tools.board.sim", description=__doc__.partition("\n\n")[2])
    add = parser.add_argument
    add("--folder", type=Path, default=ROOT / "board-sim", help="where its flash is kept (board-sim/)")
    add("--baud", type=between(300, 115200), default=9600, help="speed of the meter's line (9600)")
    add("--fresh", action="store_true", help="start with an empty flash")
    return parser.parse_args(argv)


def _taken(topic, payload):
    """Show what the board delivers, as somebody who listens at the broker would see it."""
    print("%s %s" % (topic, payload.decode("utf-8", "replace")), flush=True)


def run(args):
    """Until Ctrl-C; 1 where another one has the flash."""
    lock = claim(args.folder)
    if not lock:
        where = os.path.relpath(args.folder)
        print("board-sim: another one uses %s: end it with Ctrl-C, or --folder OTHER" % where, file=sys.stderr)
        return 1
    with lock:
        if args.fresh:
            (args.folder / "flash.img").unlink(missing_ok=True)
        broker = EmbeddedBroker(taken=_taken).start()
        meter = MeterProcess("--pty", "--baud", args.baud, "--password", 1)
        wiring = {"ports": [int(meter.path.rpartition("/")[2])], "console": True, "ident": "860000000000002"}
        try:
            options = {"blocks": _BLOCKS, "heap": micropython.MIDDLE, "wiring": wiring}
            with UnixBoard(args.folder, **options) as board:
                places = {"port": board.path, "broker": broker.url, "folder": os.path.relpath(args.folder)}
                print(_LINES.format(**places), flush=True)
                while True:
                    time.sleep(1)
                    if board.dead.is_set():
                        board.power_on()
        except KeyboardInterrupt:
            print("\nending ...", flush=True)
            return 0
        finally:
            meter.stop()
            broker.stop()


def main(argv=None):
    args = arguments(argv)
    end_like_ctrl_c(signal.SIGTERM, signal.SIGHUP)
    return run(args)


if __name__ == "__main__":
    sys.exit(main())
