"""What is kept aside: how much of it and why, what it looks like, and once more into the database what now fits."""

import json
import sys
import time

from firmware.core.zone import Zone
from tools.fleet import records, words
from tools.fleet.faults import REASONS
from tools.fleet.store import Message, open_store


def main(args):
    """`aside`: what is kept aside, by reason; --again and --forget change that."""
    store = open_store(args.database, create=False)
    zone = Zone(args.zone)
    if args.again == "values":
        print("none taken: the record that has the key stays; these are for you to judge (--show values)")
    elif args.again:
        taken = 0
        now = int(time.time())
        rows = store.all("select digest, topic, payload from aside where reason = ?", (args.again,))
        for name, topic, payload in rows:
            found, faults = records.parse(bytes(payload), zone, now)
            if faults or not found:
                continue
            message = Message(topic, bytes(payload))
            # Others may have its key by now: then it comes back aside, with that reason.
            taken += store.write([(row, message) for row in found], [], {}, now, "aside").new
            store.do("delete from aside where digest = ?", (name,))
        print("%d of %d taken" % (taken, len(rows)))
    if args.forget:
        print("%d forgotten" % store.do("delete from aside where reason = ?", (args.forget,)))
    counts = store.all("select reason, count(*), count(distinct device) from aside group by reason order by reason")
    for reason, count, devices in counts:
        print("%8d  %-9s %s (devices: %d)" % (count, reason, REASONS.get(reason, ""), devices))
    if args.show:
        for row in store.all(
            "select arrived, device, topic, detail, payload from aside where reason = ? limit 20",
            (args.show,),
        ):
            print(words.shown(json.dumps([*row[:4], bytes(row[4]).decode("utf-8", "replace")], ensure_ascii=False)))
    if not counts:
        print("nothing is aside")
    sys.stdout.flush()
    return 0


def add_arguments(parser):
    add = parser.add_argument
    add("--show", metavar="REASON", choices=sorted(REASONS), help="the first twenty of it, as they came")
    add(
        "--again",
        metavar="REASON",
        choices=sorted(REASONS),
        help="try those once more: with another clock, another zone",
    )
    add("--forget", metavar="REASON", choices=sorted(REASONS), help="delete those: they were looked at")
    add("--zone", default="Europe/Madrid", help="of the meters (%(default)s)")
