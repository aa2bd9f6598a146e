"""The whole chain with nothing installed: a broker in this process, simulated devices, SQLite, `watch`.

The last of the devices keeps the records of some hours to itself, so that there is a gap to see.
"""

import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from firmware.core.zone import Zone
from tools.fleet import ingest, sending, simulate, watch
from tools.fleet.store import open_store
from tools.options import Parser, between
from tools.twin.broker import EmbeddedBroker

# Connections that the broker in this process takes, less ours.
_MOST = 40
_HOUR = 3600
_DAY = 24 * _HOUR


def add_arguments(parser):
    parser.add_argument("--devices", type=between(1, _MOST), default=5, help="how many, 1 to 40 (%(default)s)")
    parser.add_argument("--days", type=between(1), default=2, help="of records each (%(default)s)")
    parser.set_defaults(database="")


def main(args):
    with TemporaryDirectory() as folder:
        return _run(args, args.database or str(Path(folder) / "fleet.db"))


def _run(args, database):
    broker = EmbeddedBroker().start()
    parser = Parser()
    ingest.add_arguments(parser)
    options = parser.parse_args(["--broker", broker.url])
    options.database = database
    taker = ingest.Ingest(options, print)
    thread = threading.Thread(target=taker.run, daemon=True)
    thread.start()
    store = open_store(database)
    try:
        while not taker.ready:
            time.sleep(0.1)
        end = int(time.time()) // _HOUR * _HOUR
        start = end - args.days * _DAY
        print(
            "%d devices deliver %d days of records to %s ..." % (args.devices, args.days, broker.url),
            flush=True,
        )
        senders = []
        for number in range(1, args.devices + 1):
            device = simulate.Device(number, events=True)
            records = device.records(start, end)
            if number == args.devices:
                records = _without(records, end - 20 * _HOUR, end - 15 * _HOUR)
            senders.append(sending.Sender(device, broker.url, records))
        sending.Senders(senders).run(600)
        _settled(taker)
        print("ingest: %s\n" % taker.summary())
        print(
            watch.table(
                watch.look(store, Zone(options.zone), int(time.time()), curve_grace=2 * _HOUR),
                Zone(options.zone),
            )
        )
        print("\nThe same for your own broker (docs/fleet.md):")
        print("  .venv/bin/python -m tools.fleet ingest --broker mqtt://HOST --database fleet.db")
        print("  .venv/bin/python -m tools.fleet watch --database fleet.db")
        return 0
    finally:
        taker.stop()
        thread.join(10)
        store.close()
        broker.stop()


def _settled(taker):
    """Wait until nothing more comes."""
    before = -1
    while taker.count["messages"] != before:
        before = taker.count["messages"]
        time.sleep(1)


def _without(records, start, end):
    for utc, topic, payload in records:
        if not start <= utc < end:
            yield utc, topic, payload
