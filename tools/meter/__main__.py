"""`python -m tools.meter`: a simulated meter on a pty or a TCP port."""

import argparse
import datetime as dt
import json
import signal
import sys
import time

from firmware.iec102.timetag import TimeTag
from tools.meter.faults import Faults
from tools.meter.line import Line, Pty, Tcp
from tools.meter.model import Meter
from tools.meter.station import Station


def arguments(argv):
    parser = argparse.ArgumentParser(
        prog="tools.meter",
        description="Simulate IEC 60870-5-102 meters (Spanish REE profile) on one line.",
        epilog="Lines on standard input switch faults while it runs: drop 0.1, mute on, clear, show …",
    )
    add = parser.add_argument
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument(
        "--pty", nargs="?", const="", metavar="LINK", help="a pty; LINK is a symlink to make to it"
    )
    where.add_argument("--tcp", metavar="HOST:PORT", help="a TCP port (port 0: any free one)")
    add("--link", type=int, default=1, help="link address (1); more meters count up from it")
    add("--point", type=int, default=1, help="measuring point (1)")
    add("--password", type=int, default=1, help="password (1); more meters count up from it")
    add("--meters", type=int, default=1, help="meters on the line (1)")
    add(
        "--baud",
        type=int,
        default=0,
        help="pace the line as at this speed; 0 = as fast as it goes (0)",
    )
    add("--format", choices=("8N1", "8E1"), default="8N1", help="10 or 11 bits a byte (8N1)")
    add("--seed", type=int, default=1, help="which meter it is, and which faults come (1)")
    add(
        "--clock",
        default="",
        metavar="UTC",
        help="time it starts at, such as 2026-03-29T00:30:00 (now)",
    )
    add("--clock-speed", type=float, default=1.0, help="how many times as fast its clock runs (1)")
    add("--drift", type=int, default=0, help="parts per million its clock runs too fast (0)")
    add("--zone", default="Europe/Madrid", help="its local time (Europe/Madrid)")
    add(
        "--values",
        metavar="FILE",
        help='JSON with "instant" and "closings": what it answers, as decoded',
    )
    add(
        "--no-type",
        type=int,
        action="append",
        default=[],
        metavar="N",
        help="an ASDU type it lacks (cause 14)",
    )
    add("--wrong-password", choices=("negative", "nack", "silent"), default="negative")
    add("--log", metavar="FILE", help="append each piece on the line as a JSON line")
    add("--drop", type=float, default=0, metavar="P", help="probability that an answer is lost")
    add("--corrupt", type=float, default=0, metavar="P", help="… that bits of it flip")
    add("--noise", type=float, default=0, metavar="P", help="… that rubbish comes before it")
    add("--half", type=float, default=0, metavar="P", help="… that only its beginning comes")
    add("--delay", type=int, default=0, metavar="MS", help="wait before each answer")
    add("--busy", type=int, default=0, metavar="N", help="say N times that there is no data yet")
    add("--mute", action="store_true", help="never answer")
    add("--echo", action="store_true", help="repeat what is heard, as optical heads do")
    return parser.parse_args(argv)


def clock(args):
    """A function that gives the UTC the simulation starts at, running at its speed."""
    begin = time.time()
    if args.clock:
        begin = dt.datetime.fromisoformat(args.clock).replace(tzinfo=dt.timezone.utc).timestamp()
    start = time.time()
    return lambda: int(begin + (time.time() - start) * args.clock_speed)


def load_values(path):
    """The fixed answers of a JSON file; times are written as `2022-07-11T13:49-1`."""
    with open(path) as file:
        values = json.load(file)
    for item in values.get("closings", ()):
        for key in ("FMPA", "DINI", "DEND"):
            item[key] = tag_of(item[key])
    return values


def tag_of(text):
    moment = dt.datetime.strptime(text[:16], "%Y-%m-%dT%H:%M")
    tag = TimeTag(moment.year - 2000, moment.month, moment.day, moment.hour, moment.minute)
    tag.su = int(text[17:])
    tag.weekday = moment.isoweekday()
    return tag


def build(args):
    """The line with its stations, ready to run."""
    if args.tcp is not None:
        host, _, port = args.tcp.rpartition(":")
        transport = Tcp(host, int(port))
    else:
        transport = Pty(args.pty or None)
    now = clock(args)
    fixed = load_values(args.values) if args.values else None
    stations = [
        Station(
            Meter(args.seed + i, now, args.zone, drift_ppm=args.drift, fixed=fixed),
            args.link + i,
            args.point,
            args.password + i,
            wrong_password=args.wrong_password,
            no_types=args.no_type,
        )
        for i in range(args.meters)
    ]
    faults = Faults(args.seed)
    for name in ("drop", "corrupt", "noise", "half", "delay", "busy", "mute", "echo"):
        setattr(faults, name, getattr(args, name))
    bits = 10 if args.format == "8N1" else 11
    return Line(transport, stations, faults, args.baud, bits, args.log)


def main(argv=None):
    args = arguments(argv)

    def ended(*_):
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, ended)
    try:
        line = build(args)
        last = args.link + args.meters - 1
        links = str(args.link) if last == args.link else "%d to %d" % (args.link, last)
        print(
            "meter listening on %s link=%s point=%d" % (line.transport.name, links, args.point),
            flush=True,
        )
        line.run(sys.stdin)
    except OSError as error:
        print("meter: %s" % error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
