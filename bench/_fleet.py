"""`python -m bench._fleet DATABASE DEVICES MESSAGES`: the ingester's whole way of a message, but for the broker.

Each tenth message is a repeat. Prints a JSON object: `seconds` for `messages`, `rss` (bytes, the most it ever was),
`new` and `repeated`.
"""

import itertools
import json
import resource
import sys
import time
from collections import deque

from tools.fleet import ingest, simulate
from tools.fleet.store import open_store
from tools.options import Parser

_DAY = 86400
_START = 1774656000  # 2026-03-28
_BATCH = 500


class _Message:
    qos = 1
    mid = 1

    def __init__(self, topic, payload):
        self.topic = topic
        self.payload = payload


class _Broker:
    """Takes acknowledgements."""

    def __init__(self):
        self.acknowledged = 0

    def ack(self, _mid, _qos):
        self.acknowledged += 1


def messages(devices, count):
    """`count` messages of so many devices, in turns as they would come, the tenth part of them a second time."""
    rounds = -(-count // devices)
    kept = deque(maxlen=50)
    made = 0
    for turn in itertools.count():
        # Whose records come is made anew each time: 10,000 simulated devices are no part of the ingester's memory.
        for number in range(devices):
            device = simulate.Device(number)
            device.clock.now = _START + turn * 900
            payload = device.read(device.meters[0], simulate.readings.INSTANT)[0][1]
            message = _Message(device.topic, payload)
            kept.append(message)
            yield message
            made += 1
            if made % 10 == 9 and made < count:
                yield kept[0]
                made += 1
            if made >= count:
                return
        if turn > rounds:
            return


def main(database, devices, count):
    parser = Parser()
    ingest.add_arguments(parser)
    args = parser.parse_args([])
    taker = ingest.Ingest(args)
    taker.store = open_store(database)
    taker.client = _Broker()
    source = messages(devices, count)
    seconds = 0.0
    while True:
        batch = list(itertools.islice(source, _BATCH))
        if not batch:
            break
        taker._pending = batch
        start = time.perf_counter()
        taker.commit()
        seconds += time.perf_counter() - start
    rows = taker.store.all("select count(*) from record")[0][0]
    found = {
        "seconds": seconds,
        "messages": taker.count["messages"],
        "rows": rows,
        "devices": devices,
    }
    found.update(
        new=taker.count["new"],
        repeated=taker.count["repeated"],
        acknowledged=taker.client.acknowledged,
    )
    found["rss"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
