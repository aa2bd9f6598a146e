"""The options of `python -m tools.twin`, from the command line and from the environment."""

import argparse
import os
import secrets
import socket
from pathlib import Path

from firmware.config.config import Config
from firmware.core.errors import ConfigError
from tools import micropython
from tools.modem.profiles import PROFILES
from tools.options import Parser, above, between, whole
from tools.twin.device import ROOT

CLASSES = ("small", "middle", "roomy")
# Option and its name in the environment (and for make), with the default.
_ENVIRONMENT = {
    "interval": "15",
    "speed": "1",
    "meters": "1",
    "broker": "",
    "board_class": "middle",
}


def _broker(text):
    if text:
        try:
            Config().set_many({"mqtt.broker": text})
        except ConfigError as error:
            raise argparse.ArgumentTypeError(str(error)) from None
    return text


def _free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def _folder(text):
    path = Path(text)
    found = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    if not found.is_dir() or not os.access(found, os.W_OK):
        raise argparse.ArgumentTypeError("%s is no folder that you may write to" % found)
    return path


def _parser():
    names = {name: os.environ.get(name.upper()) or value for name, value in _ENVIRONMENT.items()}
    parser = Parser(
        prog="tools.twin",
        description="Run the firmware on MicroPython against simulated meters and a real MQTT broker.",
        epilog="INTERVAL, SPEED, METERS, BROKER and BOARD_CLASS in the environment (make run METERS=3) set the same.",
    )
    add = parser.add_argument
    add(
        "--board-class",
        choices=CLASSES,
        type=str,
        default=names["board_class"],
        help="the class of boards whose heap it has (default: middle)",
    )
    add("--once", action="store_true", help="end after the first record (exit 0) or after 60 s without (exit 1)")
    add("--interval", type=between(1), default=names["interval"], help="seconds between two reads (15)")
    add("--speed", type=above(0), default=names["speed"], help="how many times as fast the clocks run (1)")
    add("--meters", type=between(1, 8), default=names["meters"], help="meters on the line, 1 to 8 (1)")
    add(
        "--broker",
        type=_broker,
        default=names["broker"],
        help="tcp://host:port of your own broker (default: embedded)",
    )
    add("--no-broker", action="store_true", help="without one: records wait; Enter starts it, and they arrive")
    add("--tls", action="store_true", help="over MQTTS, with an authority and a certificate made on the spot")
    add("--baud", type=between(300, 115200), default=9600, help="speed of the simulated line (9600)")
    add("--folder", type=_folder, default=ROOT / "twin", help="where the twin keeps its flash and its log (twin/)")
    add(
        "--weather",
        type=whole,
        metavar="SEED",
        help="trouble of the meters, the line, the modem and the broker by chance, the same for the same seed",
    )
    add(
        "--modem",
        nargs="?",
        const="generic",
        choices=sorted(PROFILES),
        metavar="MODEL",
        help="the way out is a simulated modem of tools.modem, which has weather, too (generic)",
    )
    add("--page", type=between(0, 65535), metavar="PORT", help="port of the device's page (any that is free); 0: none")
    add("--fresh", action="store_true", help="start with an erased flash")
    add("--verbose", "-v", action="store_true", help="show the firmware's own log lines too")
    return parser


def arguments(argv=None):
    """The options as argparse has them; `heap` is that of the class. Ends the program at a mistake, exit code 2."""
    parser = _parser()
    args = parser.parse_args(argv)
    if args.broker and args.no_broker:
        parser.error("--broker and --no-broker: one or the other")
    if args.tls and (args.broker or args.no_broker):
        parser.error("--tls has a broker of its own: not with --broker or --no-broker")
    if args.tls and args.board_class == "small":
        parser.error("--tls: small boards have no TLS; --board-class middle or roomy")
    args.heap = getattr(micropython, args.board_class.upper())
    # A small board has no page of its own, and none is shown over the mobile network.
    if args.page is None:
        args.page = 0 if args.board_class == "small" or args.modem else _free_port()
    args.page_password = secrets.token_hex(4)
    return args
