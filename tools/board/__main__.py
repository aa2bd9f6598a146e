"""`python -m tools.board flash|deploy|rollback|config|console|backup|restore`:
everything over the cable.
"""

import argparse
import contextlib
import sys
import time
from pathlib import Path

from serial.tools import list_ports

from tools.board import backup, console, deploy, flash, page, sealed, settings
from tools.board.device import BoardError, Device
from tools.options import Parser, above, between

_FLAVOURS = {"auto": None, "base": False, "full": True}
_CRASHED = b"main: restarting"  # main.py, behind the traceback


def find_port(given, wait=0):
    """The port named, or the only one there is; one that was just flashed takes up to `wait` seconds to show."""
    if given:
        return given
    end = time.monotonic() + wait
    while True:
        ports = [port.device for port in list_ports.comports() if port.vid is not None]
        if ports or time.monotonic() >= end:
            break
        time.sleep(0.5)
    if len(ports) == 1:
        return ports[0]
    if not ports:
        raise BoardError(
            "no board found: plug it in, or name its port (PORT=/dev/ttyUSB0); "
            "no board yet? make board-sim has a simulated one"
        )
    raise BoardError("more than one port; say which: PORT=%s" % " or PORT=".join(ports))


def watch(device, seconds, out=print):
    """Show what the board says after its restart; BoardError when its firmware does not get through its start."""
    text = b""
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            text += device.link.serial.read(1) or b""
            if b"heap in use" in text or _CRASHED in text:
                break
    except OSError:
        return  # native USB goes away with the reset; the console shows the start
    for line in text.decode("utf-8", "replace").splitlines():
        if line.strip():
            out("  " + line)
    if _CRASHED in text:
        raise BoardError(
            "the firmware crashes at its start, see above. Is it the right BOARD=? `make rollback` brings the version "
            "before back; the device does that by itself after three such starts"
        )


@contextlib.contextmanager
def board(args, wait=0):
    """The board; however the work with it ends, what it had to stop for that runs again."""
    with Device(find_port(args.port, wait), wait) as device:
        try:
            yield device
        finally:
            device.restart()


def _deploy(args):
    with board(args, args.wait) as device:
        work = deploy.Deployment(device, args.source, full=_FLAVOURS[args.flavour])
        sent = work.run(args.board)
        page.give(device, work)
        if sent:
            device.reset()
            watch(device, args.watch)


def _rollback(args):
    with board(args) as device:
        deploy.rollback(device)
        device.reset()
        watch(device, args.watch)


def _flash(args):
    # A Pico that waits for its first MicroPython has no serial port.
    port = args.port if flash.facts(args.board)["family"] == "rp2" else find_port(args.port)
    flash.flash(args.board, port, args.image)


def _config(args):
    with board(args) as device:
        if settings.run(device, args):
            watch(device, args.watch)
            print("make console%s goes on from here" % (" PORT=" + args.port if args.port else ""))


def _console(args):
    console.run(find_port(args.port), args.baud, args.silence)


def _backup(args):
    path = args.file or Path(time.strftime("lector102-%Y%m%d-%H%M%S.backup"))
    password = None if args.plain else sealed.new()
    with board(args) as device:
        backup.backup(device, path, password)


def _restore(args):
    with board(args) as device:
        backup.restore(device, args.file)


def parser():
    top = Parser(prog="tools.board", description=__doc__)
    top.add_argument("--port", help="serial port; default: the only board plugged in")
    sub = top.add_subparsers(dest="what", required=True)

    def command(name, run, text):
        made = sub.add_parser(name, help=text)
        made.set_defaults(run=run)
        return made

    one = command("flash", _flash, "put MicroPython onto the board (erases it)")
    one.add_argument("--board", required=True, choices=deploy.board_names())
    one.add_argument("--image", help="MicroPython image, 1.29 or newer")
    one = command("deploy", _deploy, "bring the firmware onto the board; only what changed")
    one.add_argument("--board", help="which board it is; needed the first time")
    one.add_argument("--flavour", choices=_FLAVOURS, default="auto", help="base or full version (what its chip takes)")
    one.add_argument("--source", type=Path, default=deploy.ROOT, help=argparse.SUPPRESS)
    one.add_argument("--wait", type=int, default=0, help="seconds to wait for the port")
    one.add_argument("--watch", type=float, default=8, help="seconds to watch the start")
    one = command("rollback", _rollback, "back to the version before")
    one.add_argument("--watch", type=float, default=8, help="seconds to watch the start")
    one = command("config", _config, "ask for the settings and write them")
    one.add_argument("--file", help="settings file: JSON or `name = value` lines")
    one.add_argument("--ca", help="a root of your own (PEM or DER), for tls.ca own")
    one.add_argument("--cert", help="the device's certificate (PEM or DER), with --key, for tls.client own")
    one.add_argument("--key", help="its private key (PEM or DER)")
    one.add_argument("--show", action="store_true", help="show what differs from the defaults")
    one.add_argument("--all", action="store_true", help="show every setting")
    one.add_argument("--watch", type=float, default=8, help="seconds to watch the start")
    one.add_argument("set", nargs="*", help="name=value; a secret by its name alone")
    one = command("console", _console, "the console: AT lines with history")
    one.add_argument("--baud", type=between(300), default=115200)
    one.add_argument("--silence", type=above(0), default=1.0, help="with a pipe: ends an answer (s)")
    one = command("backup", _backup, "settings, wiring and records into an encrypted file")
    one.add_argument("file", nargs="?", type=Path)
    one.add_argument("--plain", action="store_true", help="a bare zip, with all secrets in the clear")
    one = command("restore", _restore, "settings and wiring from a backup")
    one.add_argument("file", type=Path)
    return top


def main(argv=None):
    args = parser().parse_args(argv)
    try:
        args.run(args)
    except BoardError as error:
        print("board: %s" % error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
