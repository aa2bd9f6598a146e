"""A broker with odd manners by hand, for `make run -- --broker tcp://127.0.0.1:PORT`; its faults: brokers.OddBroker.

.venv/bin/python -m tests.host.support.odd_broker --port 18830 --hang-up lector102/860000000000001/AT
"""

import argparse
import time

from tests.host.support import brokers


def _pair(text):
    topic, equals, payload = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError("TOPIC=TEXT is wanted")
    return topic, payload.encode()


def arguments(argv=None):
    parser = argparse.ArgumentParser(
        prog="python -m tests.host.support.odd_broker", description=__doc__.split("\n")[0]
    )
    add = parser.add_argument
    add("--port", type=int, default=0, help="where it listens (any free one)")
    add("--retained", type=_pair, action="append", default=[], metavar="TOPIC=TEXT", help="given to each subscriber")
    add("--hang-up", action="append", default=[], metavar="TOPIC", help="its SUBSCRIBE ends the connection")
    add("--forbidden", action="append", default=[], metavar="TOPIC", help="its PUBLISH ends the connection")
    add("--flood", type=_pair, action="append", default=[], metavar="TOPIC=TEXT", help="sent behind the SUBACK")
    add("--times", type=int, default=1, help="how often each of --flood is sent")
    add("--early", action="store_true", help="--flood comes before the SUBACK")
    add("--twice", action="store_true", help="each message comes again with DUP")
    add("--late", type=int, default=1, metavar="N", help="PUBACKs wait until N are due, and come last first")
    add("--drip", action="store_true", help="everything leaves one byte at a time")
    return parser.parse_args(argv)


def start(args):
    """The brokers.OddBroker of the words of a command line."""
    return brokers.OddBroker(
        args.retained, args.hang_up, args.flood * args.times, args.early, args.twice, args.late, args.drip,
        args.forbidden, port=args.port,
    )  # fmt: skip


def main(argv=None):
    broker = start(arguments(argv))
    print("listening on tcp://127.0.0.1:%d" % broker.port, flush=True)
    told = 0
    while True:
        for topic, payload in broker.published[told:]:
            print("%s %s" % (topic, payload.decode("utf-8", "replace")), flush=True)
            told += 1
        time.sleep(0.1)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass  # that is how it ends
