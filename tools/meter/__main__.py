"""`python -m tools.meter`: simulated meters on a pty or a TCP port."""

import argparse
import ctypes
import datetime as dt
import signal
import sys
import time

from firmware.core import zone
from tools.meter import faults, manners, values
from tools.meter.control import Control, Orders
from tools.meter.line import Line
from tools.meter.model import Meter
from tools.meter.station import BEFORE_SESSION, WRONG_PASSWORD, Station
from tools.meter.transport import Pty, Tcp
from tools.options import Parser, whole

_PR_SET_PDEATHSIG = 1


def _moment(text):
    """UTC seconds of an ISO time; without an offset it is UTC."""
    try:
        moment = dt.datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise argparse.ArgumentTypeError("a time like 2026-03-29T00:30:00, not %r" % text) from None
    if not 2000 <= moment.year < 2100:
        raise argparse.ArgumentTypeError("the years of a meter are 2000 to 2099, not %d" % moment.year)
    return moment.replace(tzinfo=moment.tzinfo or dt.timezone.utc).timestamp()


def _address(text):
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise argparse.ArgumentTypeError("HOST:PORT, not %r" % text)
    return host, int(port)


def arguments(argv):
    parser = Parser(
        prog="tools.meter",
        description="Simulate IEC 60870-5-102 meters (Spanish REE profile) on one line.",
        epilog="While it runs it takes orders from standard input, a line each: drop 0.1, mute on, clear, stats …",
    )
    add = parser.add_argument
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--pty", nargs="?", const="", metavar="LINK", help="a pty; LINK is a symlink to make to it")
    where.add_argument("--tcp", type=_address, metavar="HOST:PORT", help="a TCP port (0: any free one)")
    _who(parser)
    _when(parser)
    _how(parser)
    add(
        "--baud",
        type=int,
        default=0,
        help="pace the line as at this speed; 0 = as fast as it goes (0)",
    )
    add("--format", choices=("8N1", "8E1"), default="8N1", help="10 or 11 bits a byte (8N1)")
    add("--log", metavar="FILE", help="append what is on the wire as JSON lines")
    add(
        "--control",
        metavar="HOST:PORT|PATH",
        help="take orders from a TCP port or a UNIX socket too",
    )
    add(
        "--die-with-parent",
        action="store_true",
        help="end when the process that started this one ends (Linux)",
    )
    _faults(parser)
    _manners(parser)
    args = parser.parse_args(argv)
    _check(parser, args)
    return args


def _who(parser):
    add = parser.add_argument
    add(
        "--link",
        type=int,
        action="append",
        help="link address (1); give it again for more meters on the line",
    )
    add(
        "--meters",
        type=int,
        default=1,
        help="meters on the line, counting up from --link and --password (1)",
    )
    add("--point", type=int, default=1, help="measuring point (1)")
    add("--password", type=int, default=1, help="password (1); more meters count up from it")
    add("--seed", type=whole, default=1, help="which meter it is, and which faults come (1)")
    add("--peak", type=int, default=40, metavar="KW", help="its highest load (40)")
    add(
        "--values",
        metavar="FILE",
        help='JSON with "instant" and "closings": what it tells instead',
    )


def _when(parser):
    add = parser.add_argument
    add(
        "--clock",
        type=_moment,
        metavar="UTC",
        help="time it starts at, such as 2026-03-29T00:30:00 (now)",
    )
    add(
        "--clock-speed",
        type=float,
        default=1.0,
        metavar="X",
        help="how many times as fast its time runs (1)",
    )
    add(
        "--drift",
        type=whole,
        default=0,
        metavar="PPM",
        help="parts per million its clock runs too fast (0)",
    )
    add(
        "--ahead",
        type=whole,
        default=0,
        metavar="S",
        help="seconds its clock is ahead at the start (0)",
    )
    add("--zone", default="Europe/Madrid", help="its local time (Europe/Madrid)")


def _how(parser):
    add = parser.add_argument
    add(
        "--no-type",
        type=int,
        action="append",
        default=[],
        metavar="N",
        help="an ASDU type it lacks (cause 14)",
    )
    add(
        "--wrong-password",
        choices=WRONG_PASSWORD,
        default="negative",
        help="what it is answered with (negative)",
    )
    add(
        "--before-session",
        choices=BEFORE_SESSION,
        default="nack",
        help="what a request before 183 gets (nack)",
    )
    add(
        "--no-events",
        choices=("refuse", "end"),
        default="refuse",
        help="cause 13, or an empty stream (refuse)",
    )
    add(
        "--session-timeout",
        type=int,
        default=120,
        metavar="S",
        help="silence that ends a session (120)",
    )


def _faults(parser):
    add = parser.add_argument
    kind = {"type": faults.chance, "default": 0.0, "metavar": "P"}
    add("--drop", help="probability (0.1) or number (3x) of answers that are lost", **kind)
    add("--corrupt", help="… of which bits flip", **kind)
    add("--noise", help="… before which rubbish comes", **kind)
    add("--half", help="… of which only the beginning comes", **kind)
    add("--delay", type=int, default=0, metavar="MS", help="wait before each answer")
    add("--busy", type=int, default=0, metavar="N", help="say N times that there is no data yet")
    add("--mute", action="store_true", help="never answer")
    add("--echo", action="store_true", help="repeat what is heard, as optical heads do")


def _manners(parser):
    group = parser.add_argument_group("odd manners", "of real meters; as orders they are typed without the dashes")
    for name, (kind, text) in manners.HELP.items():
        switch = {"action": "store_const", "const": "on"} if kind == "on|off" else {"metavar": kind}
        group.add_argument("--" + name, dest="manner_" + name, help=text.replace("%", "%%"), **switch)


def _odd(parser, args):
    """The Manners that the options ask for."""
    found = manners.Manners()
    for name in manners.HELP:
        value = getattr(args, "manner_" + name)
        try:
            if value is not None:
                found.set(name, value)
        except ValueError as error:
            parser.error("--%s: %s" % (name, error))
    return found


def _check(parser, args):
    links = args.link or [1]
    if len(links) > 1 and args.meters > 1:
        parser.error("--meters counts up from one --link, %d are given" % len(links))
    args.link = links if len(links) > 1 else [links[0] + i for i in range(args.meters)]
    if not args.link or len(set(args.link)) < len(args.link) or not all(0 <= n <= 0xFFFF for n in args.link):
        parser.error("--link: different addresses, 0 to 65535")
    for name in ("baud", "delay", "busy"):
        if getattr(args, name) < 0:
            parser.error("--%s: not below 0" % name)
    for name in ("peak", "session_timeout"):
        if getattr(args, name) < 1:
            parser.error("--%s: not below 1" % name.replace("_", "-"))
    if not 0 <= args.point <= 0xFFFF:
        parser.error("--point: 0 to 65535")
    if not 0 <= args.password <= 0x100000000 - len(args.link):
        parser.error("--password: 0 to 4294967295, also that of the last meter")
    args.manners = _odd(parser, args)
    if args.clock_speed <= 0:
        parser.error("--clock-speed: more than 0")
    try:
        zone.Zone(args.zone)
    except ValueError as error:
        parser.error("--zone: %s" % error)


def clock(args):
    """A function that gives the UTC of the simulation: it starts at --clock and runs at its speed."""
    start = time.monotonic()
    begin = time.time() if args.clock is None else args.clock
    return lambda: begin + (time.monotonic() - start) * args.clock_speed


def build(args):
    """(the line with its stations, its control), ready to run."""
    fixed = values.load(args.values) if args.values else None
    now = clock(args)
    stations = [
        Station(
            Meter(args.seed + i, now, args.zone, args.peak, args.drift, fixed, ahead=args.ahead),
            link,
            args.point,
            args.password + i,
            wrong_password=args.wrong_password,
            before_session=args.before_session,
            session_s=args.session_timeout,
            no_types=args.no_type,
            no_events=args.no_events,
            ticks=time.monotonic,
            manners=args.manners,
        )
        for i, link in enumerate(args.link)
    ]
    for station in stations:
        station.meter.totals(int(now()))  # years are summed up now, so that no answer has to wait for it
    wrong = faults.Faults(args.seed)
    for name in faults.NAMES:
        setattr(wrong, name, getattr(args, name))
    transport = Tcp(*args.tcp) if args.tcp else Pty(args.pty or None)
    line = Line(transport, stations, wrong, args.baud, 10 if args.format == "8N1" else 11, args.log)
    stdin = sys.stdin.fileno() if sys.stdin and not sys.stdin.closed else None
    return line, Control(Orders(wrong, stations, args.manners), stdin, args.control)


def _ended(*_):
    raise KeyboardInterrupt


def main(argv=None):
    args = arguments(argv)
    signal.signal(signal.SIGTERM, _ended)
    signal.signal(signal.SIGTTIN, signal.SIG_IGN)  # a job in the background has no terminal to take orders from
    if args.die_with_parent:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    line = control = None
    try:
        line, control = build(args)
        links = ",".join(map(str, args.link))
        banner = "meter listening on %s link=%s point=%d" % (
            line.transport.name,
            links,
            args.point,
        )
        print(banner + (" control=%s" % control.name if control.name else ""), flush=True)
        line.run(control)
    except (OSError, ValueError) as error:
        print("meter: %s" % error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    finally:
        for part in (line, control):
            if part:
                part.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
