"""List, check or export the record log of a flash image or a board.

    .venv/bin/python -m tools.log flash.img                 one line per record
    .venv/bin/python -m tools.log check flash.img           what is there, what is damaged
    .venv/bin/python -m tools.log export flash.img -o FILE  JSON lines

In the place of flash.img: the image of a flash's file system, a board's serial port, or a folder with a copy.
"""

import argparse
import base64
import contextlib
import json
import sys
import tempfile
from datetime import datetime, timezone

from firmware.meters import readings
from firmware.meters.readings import kinds
from tools.log.reader import Reader
from tools.log.source import SourceError, fetch
from tools.options import Parser

COMMANDS = ("list", "check", "export")


def say(text):
    print(text, file=sys.stderr, flush=True)


def kind_name(kind):
    """`instant`, `closings extended`, …"""
    base = kind & ~readings.EXTENDED
    try:
        name = kinds.find(base).name
    except KeyError:
        return "kind %d" % kind
    return name + (" extended" if kind & readings.EXTENDED else "")


def time_text(utc):
    if not utc:
        return "unknown time"
    return datetime.fromtimestamp(utc, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def show(reader):
    for seq, kind, utc, payload, delivered in reader.records:
        state = "delivered" if delivered else "waiting"
        print("%8d  %s  %-18s %6d bytes  %s" % (seq, time_text(utc), kind_name(kind), len(payload), state))
    check(reader)


def check(reader):
    delivered = sum(record[4] for record in reader.records)
    numbers = (len(reader.records), len(reader.records) - delivered, delivered)
    print("%d records: %d waiting, %d delivered" % numbers)
    if reader.lost:
        print("%d records had to make room before they were delivered" % reader.lost)
    for place in reader.damaged:
        print("damaged: " + place)
    print("damaged places: %d" % len(reader.damaged))


def export(reader, file, waiting):
    count = 0
    for seq, kind, utc, payload, delivered in reader.records:
        if waiting and delivered:
            continue
        try:
            content = json.loads(payload)
        except ValueError:
            content = {"base64": base64.b64encode(payload).decode()}
        line = {
            "seq": seq,
            "utc": utc,
            "kind": kind_name(kind),
            "delivered": delivered,
            "payload": content,
        }
        file.write(json.dumps(line, separators=(",", ":")) + "\n")
        count += 1
    say("%d records exported" % count)


def main(argv=None):
    words = list(sys.argv[1:] if argv is None else argv)
    if words and words[0] not in (*COMMANDS, "-h", "--help"):
        words.insert(0, "list")
    parser = Parser(prog="tools.log", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sub = parser.add_subparsers(dest="command", required=True)
    for name in COMMANDS:
        command = sub.add_parser(name)
        command.add_argument("source", help="flash image, serial port or folder")
        if name == "export":
            command.add_argument("--waiting", action="store_true", help="only what was not delivered")
            command.add_argument("-o", "--output", help="write here (default: standard output)")
    args = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as folder:
        try:
            reader = Reader(fetch(args.source, folder, say))
        except (SourceError, OSError) as error:
            say(str(error))
            return 2
    if args.command == "export":
        with contextlib.ExitStack() as stack:
            file = sys.stdout
            if args.output:
                file = stack.enter_context(open(args.output, "w"))
            export(reader, file, args.waiting)
    else:
        (show if args.command == "list" else check)(reader)
    for place in reader.damaged if args.command == "export" else ():
        say("damaged: " + place)
    return 1 if reader.damaged else 0


if __name__ == "__main__":
    sys.exit(main())
