"""`python -m tools.pico IMAGE`: the firmware on an emulated Pico W; its console and each record are shown."""

import importlib.util
import signal
import sys
import tempfile
import time
from pathlib import Path

from tools.board.device import BoardError as DeployError
from tools.options import Parser
from tools.pico.image import Image, ImageError
from tools.twin.device import end_like_ctrl_c

_FIRST_RECORD_S = 240


def arguments(argv):
    parser = Parser(prog="tools.pico", description=__doc__.partition(": ")[2])
    add = parser.add_argument
    add("image", nargs="?", default="", help="MicroPython for RPI_PICO_W, a UF2 file")
    add("--check", action="store_true", help="say whether the image is one for this, and end")
    add("--once", action="store_true", help="end after the first record (exit 0) or 240 emulated s without (exit 1)")
    add("--no-cmux", action="store_true", help="without CMUX on the line to the modem")
    add("--folder", type=Path, help="where the flash and the log are kept (a folder that is removed at the end)")
    return parser.parse_args(argv)


def show(rig, once):
    """Show records until Ctrl-C or, with `once`, the first one; the exit code."""
    shown = 0
    while rig.board.alive():
        for at, topic, payload in rig.listener.messages[shown:]:
            shown += 1
            print("\n--- %s at %.1f s\n%s\n" % (topic, at, payload.decode("utf-8", "replace")), flush=True)
        if once and rig.records():
            return 0
        if once and rig.board.now > _FIRST_RECORD_S:
            print("pico: no record within %d emulated s" % _FIRST_RECORD_S, file=sys.stderr)
            return 1
        time.sleep(0.1)
    print("pico: the emulator ended", file=sys.stderr)
    return 1


def run(args, folder):
    # These need what only `make pico` installs.
    from tools.pico.rig import Rig
    from tools.twin.broker import EmbeddedBroker

    broker = EmbeddedBroker().start()
    try:
        values = {"uplink.cmux": not args.no_cmux}
        with Rig(folder, args.image, broker, modem=["--running"], values=values, on_line=print) as rig:
            print("broker        tcp://127.0.0.1:%d (embedded amqtt)" % broker.port)
            print("console log   %s" % rig.board.folder.joinpath("console.log"), flush=True)
            rig.board.on()
            return show(rig, args.once)
    finally:
        broker.stop()


def main(argv=None):
    args = arguments(argv)
    try:
        Image(args.image)
    except ImageError as error:
        print("pico: %s" % error, file=sys.stderr)
        return 1
    if args.check:
        return 0
    if not importlib.util.find_spec("rp2040py"):
        print(
            "pico: the emulator is not installed; make pico IMAGE=%s brings and starts it" % args.image,
            file=sys.stderr,
        )
        return 1

    end_like_ctrl_c(signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
    try:
        with tempfile.TemporaryDirectory() as folder:
            return run(args, args.folder or folder)
    except DeployError as error:
        print("pico: %s" % error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nended", flush=True)
        return 0


if __name__ == "__main__":
    sys.exit(main())
