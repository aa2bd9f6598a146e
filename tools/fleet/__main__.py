"""`python -m tools.fleet COMMAND`: records of many devices into a database, and what follows (docs/fleet.md)."""

import os
import sys

from tools.fleet import aside, backfill, ingest, rollout, trial, watch
from tools.fleet.link import LinkError
from tools.fleet.store import StoreError
from tools.options import Parser

_COMMANDS = (
    ("ingest", ingest.main, ingest.add_arguments, "records from the broker into the database, each exactly once"),
    ("watch", watch.main, watch.add_arguments, "each device and meter: when last heard, what is missing"),
    ("backfill", backfill.main, backfill.add_arguments, "what is missing is read from the meters once more"),
    ("rollout", rollout.main, rollout.add_arguments, "a signed release to all devices, in waves"),
    ("aside", aside.main, aside.add_arguments, "what came and is no record, by reason"),
    ("try", trial.main, trial.add_arguments, "all of it on this machine for a minute, with simulated devices"),
)  # fmt: skip


def parser():
    made = Parser(prog="tools.fleet", description=__doc__)
    sub = made.add_subparsers(dest="command", required=True)
    for name, run, add, text in _COMMANDS:
        one = sub.add_parser(name, help=text, description=text)
        one.add_argument(
            "--database",
            default=os.environ.get("LECTOR_DATABASE", "fleet.db"),
            help="a file, or postgresql://user:password@host/name (LECTOR_DATABASE; %(default)s)",
        )
        one.set_defaults(run=run)
        add(one)
    return made


def main(argv=None):
    args = parser().parse_args(argv)
    try:
        return args.run(args)
    except (StoreError, LinkError, ValueError) as error:
        print("fleet: %s" % error, file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Whoever read the output has had enough (head); Python must not complain about that at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
