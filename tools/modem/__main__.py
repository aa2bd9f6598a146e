"""`python -m tools.modem`: a modem on a pty or a TCP port."""

import argparse
import json
import random
import signal
import sys
import time

from tools.modem import control, weather
from tools.modem.engine import Modem
from tools.modem.faults import NAMES, Faults
from tools.modem.host import Control, Host, Pty, Tcp
from tools.modem.profiles import PROFILES
from tools.options import Parser, above, between, whole


def _arguments(argv):
    faults = "\n".join("  %-12s %s" % item for item in NAMES.items())
    parser = Parser(
        prog="tools.modem",
        description=__doc__,
        epilog="faults:\n" + faults + "\n\ncontrol lines:\n" + control.control.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--pty", metavar="PATH", help="link this path to the modem's pty")
    parser.add_argument("--tcp", type=between(0, 65535), metavar="PORT", help="listen on loopback; 0 = any free port")
    parser.add_argument("--profile", default="generic", choices=sorted(PROFILES))
    parser.add_argument("--fault", action="append", default=[], metavar="NAME[=VALUE]")
    parser.add_argument("--control", type=between(0, 65535), metavar="PORT", help="control port; 0 = any free port")
    parser.add_argument("--pin", default="", help="the SIM's PIN")
    parser.add_argument("--imei", default="860000000000001")
    parser.add_argument("--auth", default="", metavar="pap|chap:USER:PASSWORD")
    parser.add_argument("--baud", type=between(300), default=115200, help="speed it listens at")
    parser.add_argument("--pace", type=int, default=0, metavar="BAUD", help="slow the line down to this")
    parser.add_argument("--echo-period", type=float, default=0, help="LCP echo every so many seconds")
    parser.add_argument("--scale", type=above(0), default=1.0, help="boot, key and registration times times this")
    parser.add_argument("--off", action="store_true", help="start switched off, wait for the power key")
    parser.add_argument("--running", action="store_true", help="has been up for long: no boot, no boot messages")
    parser.add_argument("--map", action="append", default=[], metavar="FROM:TO", help="port on loopback")
    parser.add_argument(
        "--script", metavar="FILE", help="answers in place of its own: `script` of a file of tests/corpus/at"
    )
    parser.add_argument(
        "--weather", type=whole, metavar="SEED", help="a mix of faults that a link has to live with, by chance"
    )
    parser.add_argument("--quiet", action="store_true")
    return parser.parse_args(argv)


def main(argv=None):
    args = _arguments(argv)
    started = time.monotonic()

    def log(*words):
        if not args.quiet:
            print("%9.3f" % (time.monotonic() - started), *words, file=sys.stderr, flush=True)

    faults = weather.mix(random.Random(args.weather)) if args.weather is not None else {}
    faults.update(Faults.parse(args.fault))
    script = {}
    if args.script:
        with open(args.script) as file:
            script = json.load(file)["script"]
    modem = Modem(
        args.profile,
        faults,
        script=script,
        log=log,
        pin=args.pin,
        imei=args.imei,
        auth=args.auth,
        baud=args.baud,
        scale=args.scale,
        map=dict(tuple(map(int, pair.split(":"))) for pair in args.map),
        ppp={"echo_s": args.echo_period},
    )
    line = Tcp(args.tcp) if args.tcp is not None else Pty(args.pty or "modem.pty")
    port = Control(modem, args.control) if args.control is not None else None
    if not args.off:
        modem.start(running=args.running)
    host = Host(modem, line, port, args.pace)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, host.stop)
    # One line for whoever started us: where the modem is.
    print("modem %s control %s" % (line.name, port.port if port else "-"), flush=True)
    host.run()


if __name__ == "__main__":
    main()
