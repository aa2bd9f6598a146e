"""What a person sees of a run of the twin: the lines it begins with, and each record as it arrives."""

import datetime as dt
import json
import os
import re
import sys
from urllib.parse import urlsplit

from tools import micropython, patience

_READ = re.compile(r" I meter: (\S+): .* read in \d+ ms")


def runs_on():
    """What MicroPython it is, such as `MicroPython 1.29.0`."""
    code = "import sys; print(*sys.implementation.version)"
    major, minor, patch, *more = patience.run(micropython.command("-c", code), 30, check=True).stdout.split()
    return "MicroPython %s.%s.%s%s" % (major, minor, patch, "".join("-" + word for word in more))


def introduce(args, url, meter, twin, topic, ahead_s=0):
    """Say what runs and how to join in. `ahead_s`: seconds the twin's clock is ahead of ours from the start."""
    host = urlsplit(url)
    where = host.hostname, host.port or 1883
    listen = "listen with: mosquitto_sub -h %s -p %d -t '%s' -v" % (*where, topic)
    if args.no_broker:
        broker = "none at %s, as you wish: records wait. Enter starts one; so does the next make run" % url
    else:
        broker = "%s (%s); %s" % (url, "yours" if args.broker else "embedded amqtt", listen)
    if args.tls:
        broker = "%s, with TLS; %s" % (twin.setup["settings"]["mqtt.broker"], listen)
    lines = [
        ("runs on", "%s, its unix port, in the heap of a %s board (%s)" % (runs_on(), args.board_class, args.heap)),
        ("broker", broker),
        ("console", "%s; attach with: make console PORT=%s" % (twin.console.person, twin.console.person)),
        *([("page", "http://127.0.0.1:%d/ in your browser; its password: %s" % (args.page, args.page_password))]
          if args.page else []),
        ("meter line", "%s, %d meter(s) at %d baud" % (meter.path, args.meters, args.baud)),
        ("rights", "the broker may look and read meters; more is granted at the console, as to an installer's device:"
         " AT^MTXTUNNEL=SETPARAM,mqtt.commands,view,meter,setup,REBOOT"),
        ("firmware log", os.path.relpath(twin.folder / "firmware.log")),
        ("reading", "every %d s, aligned to the clock; Ctrl-C ends it" % args.interval),
    ]  # fmt: skip
    if ahead_s:
        lines.insert(1, ("clock", "%d s ahead: an earlier run was faster; make run -- --fresh forgets it" % ahead_s))
    for name, text in lines:
        print("%-13s %s" % (name, text))
    sys.stdout.flush()


class Viewer:
    """Prints each record with a header line whenever the source changes.

    `since`: UTC seconds of the twin's clock when this run began. `kept()` counts the records that were read in it.
    """

    def __init__(self, since, lines=False):
        self.since = since
        self.source = None
        self.lines = lines  # show what is read while there is no broker
        self.waiting = 0

    def show(self, topic, payload):
        """Print one message; returns whether it is a meter's record of this run (and no sign of life, nor left)."""
        meter, earlier = "-", False
        try:
            record = json.loads(payload)
            if isinstance(record, dict):
                meter = record.get("ID", "-")
                earlier = self._earlier(record.get("TS"))
        except ValueError:
            pass  # an answer to an AT command is no JSON
        if (topic, meter, earlier) != self.source:
            self.source = (topic, meter, earlier)
            print("\n--- %s from %s%s" % (topic, meter, ", kept since an earlier run" if earlier else ""))
        print(payload.decode("utf-8", "replace"), flush=True)
        return meter != "-" and not earlier

    def _earlier(self, moment):
        """Whether a record's time lies before this run."""
        try:
            return dt.datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp() < self.since
        except (ValueError, TypeError, AttributeError):
            return False  # the user's own form of it, or none

    def said(self, line):
        """A line of the firmware's log; while there is no broker: show what is read."""
        found = _READ.search(line)
        if found and self.lines:
            self.waiting += 1
            print("kept          a record of %s; %d of this run wait" % (found[1], self.waiting), flush=True)
