"""`python -m tools.doctor meter|modem|broker|line`: what is wrong, and what to do next."""

import argparse
import asyncio
import sys

from firmware.config import settings
from firmware.core.zone import Zone
from tools.doctor import broker, lines, linescan, secrets
from tools.doctor.report import Fault, Report
from tools.options import Parser

_EPILOG = """Each line begins with what it is: ... under way, ok, note, FAULT, do (what to do next).
Exit code: 0 all is well, 1 a fault was named, 2 the command was not understood.

examples:
  .venv/bin/python -m tools.doctor meter --port /dev/ttyUSB0
  .venv/bin/python -m tools.doctor meter --port tcp://192.168.1.50:4001 --link 7000
  .venv/bin/python -m tools.doctor modem --port /dev/ttyUSB2 --apn internet
  .venv/bin/python -m tools.doctor broker tls://broker.example --user meter17
  .venv/bin/python -m tools.doctor line 5A3F     (after "last ran: task mqtt, line mqtt 5A3F, 345 s after the start")

Passwords never stand on the command line: they are asked for, or come from --password-file or the environment
(LECTOR_METER_PASSWORD, LECTOR_SIM_PIN, LECTOR_APN_PASSWORD, LECTOR_MQTT_PASSWORD)."""
_MOST = 0xFFFF


def _numbers(text):
    """Numbers 0..65535 of `1,5,10-20`."""
    found = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdigit() or (dash and not last.isdigit()):
            raise argparse.ArgumentTypeError("numbers such as 1,5,10-20, not %r" % text)
        start, end = int(first), int(last or first)
        if start > end or end > _MOST:
            raise argparse.ArgumentTypeError("0 to %d, not %s" % (_MOST, part))
        found += range(start, end + 1)
    return found


def _number(text):
    return _numbers(text)[0] if text.isdigit() else _numbers("x")


def _above(text):
    if not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError("a whole number above 0, not %r" % text)
    return int(text)


def _target(text):
    try:
        return broker.Target(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _zone(text):
    try:
        Zone(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def arguments(argv):
    parser = Parser(
        prog="tools.doctor",
        example="make doctor -- meter --port /dev/ttyUSB0, make doctor broker tcp://broker.example:1883",
        description="Find out what is wrong between a meter, a modem and the broker.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parts = parser.add_subparsers(dest="part", required=True, metavar="meter|modem|broker|line")
    _meter(parts.add_parser("meter", help="find a meter on a line, and try to read it"))
    _modem(parts.add_parser("modem", help="modem, SIM, network, data connection"))
    _broker(parts.add_parser("broker", help="the way from this computer to the broker"))
    line = parts.add_parser("line", help="which diagnostic line a device said last before a reset")
    line.add_argument("number", type=_line, help="the four digits behind the line's source")
    args = parser.parse_args(argv)
    if args.part == "meter":
        args.links = _first(args.link, args.links or linescan.LINKS)
        args.points = _first(args.point, args.points or [*range(1, 6), 0])
    return args


def _line(text):
    try:
        return int(text, 16) if len(text) == 4 else int("x")
    except ValueError:
        raise argparse.ArgumentTypeError("four hexadecimal digits such as 5A3F, not %r" % text) from None


def _first(given, rest):
    return [*([given] if given is not None else []), *(n for n in rest if n != given)]


def _speeds(name):
    """The speeds that the device can be set to: another one could be found, but not be used."""
    return [int(each) for each in settings.row(name)[3].split(",")]


def _meter(parser):
    add = parser.add_argument
    add(
        "--port",
        required=True,
        help="/dev/ttyUSB0, COM3, a pty, tcp://HOST:PORT, rfc2217://HOST:PORT",
    )
    add(
        "--baud",
        type=int,
        choices=_speeds("port.baud"),
        help="the speed the device is set to (unknown: all are tried)",
    )
    add("--format", choices=sorted(linescan.FORMATS), help="bits, parity, stop bits it is set to")
    add("--only", action="store_true", help="try no other speed and format than these")
    add("--link", type=_number, help="the link address it is set to")
    add("--links", type=_numbers, metavar="LIST", help="link addresses to look for (1-10,0,100)")
    add("--point", type=_number, help="the measuring point it is set to")
    add("--points", type=_numbers, metavar="LIST", help="measuring points to try (1-5,0)")
    add("--password-file", metavar="FILE", help="the meter's password")
    add("--no-login", action="store_true", help="only look for the meter, without the password")
    add("--frames", type=_above, default=200, help="most frames to send while looking (200)")
    add("--pause-ms", type=_above, default=100, help="silence between two of them (100)")
    add("--answer-ms", type=_above, help="how long to wait for an answer while looking (400)")
    add("--via", choices=("wire", "tcp", "gsm"), help="how patient to be with it (wire)")
    add(
        "--zone",
        type=_zone,
        default="Europe/Madrid",
        help="the meter's local time (Europe/Madrid)",
    )
    add("--trace", action="store_true", help="show every frame, with what it means")


def _modem(parser):
    add = parser.add_argument
    add("--port", required=True, help="the modem's AT port")
    add("--baud", type=int, choices=_speeds("uplink.baud"), help="the speed it is set to (unknown: all are tried)")
    add("--pin-file", metavar="FILE", help="the PIN of the SIM; it is tried once")
    add("--wait", type=_above, default=60, metavar="S", help="for the registration, then an address (60)")
    add("--apn", default="", help="access point of the SIM")
    add("--auth", choices=("none", "pap", "chap"), default="none", help="how the APN checks")
    add("--user", default="", help="user of the APN")
    add("--password-file", metavar="FILE", help="its password")
    add("--no-dial", action="store_true", help="no data connection")


def _broker(parser):
    add = parser.add_argument
    add("url", type=_target, help="tcp://HOST[:PORT] or tls://HOST[:PORT], as in mqtt.broker")
    add("--user", default="", help="user at the broker")
    add("--password-file", metavar="FILE", help="the password")
    add("--id", default="", help="client id (one that nobody has)")
    add("--ca", metavar="FILE", help="certificates to trust (PEM) in place of the system's")
    add("--board", metavar="PORT", help="a board whose tls.ca is set to the root that is found (/dev/ttyUSB0)")
    add("--topic", help="topic to write and read (lector102/doctor/…)")
    add("--timeout", type=_above, default=15, metavar="S", help="deadline of each step (15)")


async def _examine_meter(args, report):
    from tools.doctor import meter, serialline

    password = None
    if not args.no_login:
        text = secrets.get("password of the meter", args.password_file, "LECTOR_METER_PASSWORD")
        if not text.isdigit() or int(text) > 0xFFFFFFFF:
            raise secrets.NoSecret("a meter's password is a number, 0 to 4294967295")
        password = int(text)
    uart = serialline.HostUart(args.port, args.baud or 9600)
    args.via = args.via or ("tcp" if uart.fixed else "wire")
    if uart.fixed and args.answer_ms is None:
        args.answer_ms = 2000
    trace = None
    if args.trace:
        from tools.doctor import trace as tracing

        trace = tracing.Trace(report.plain)
    try:
        port = serialline.port_over(uart, args.baud or 9600)
        await meter.MeterDoctor(uart, port, args, password, report, trace).run()
    finally:
        if trace:
            trace.flush()
        uart.close()


async def _examine_modem(args, report):
    from tools.doctor import modem, serialline

    pin = secrets.get("PIN", args.pin_file, "LECTOR_SIM_PIN", needed=False)
    needed = bool(args.user) and args.auth != "none"
    password = secrets.get("password of the APN", args.password_file, "LECTOR_APN_PASSWORD", needed)
    uart = serialline.HostUart(args.port, args.baud or 115200)
    try:
        await modem.ModemDoctor(uart, args, pin, password, report).run()
    finally:
        uart.close()


async def _examine_broker(args, report):
    password = secrets.get("password at the broker", args.password_file, "LECTOR_MQTT_PASSWORD", bool(args.user))
    await broker.BrokerDoctor(args.url, args, password, report).run()


async def _examine_line(args, report):
    await lines.LineDoctor(args.number, report).run()


_EXAMINE = {"meter": _examine_meter, "modem": _examine_modem, "broker": _examine_broker, "line": _examine_line}


def main(argv=None):
    args = arguments(argv)
    report = Report(lambda line="": print(line, flush=True))
    from firmware.core import log

    log.sink = lambda line: None  # the report says what there is to say
    try:
        asyncio.run(_examine(args, report))
    except secrets.NoSecret as problem:
        print("doctor: %s" % problem, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("doctor: interrupted", file=sys.stderr)
        return 2
    return report.end()


async def _examine(args, report):
    try:
        await _EXAMINE[args.part](args, report)
    except Fault as fault:  # the port
        report.fault(fault, *fault.todo)


if __name__ == "__main__":
    sys.exit(main())
