"""`python -m tests.host.support.fleet_crash POINT TURN ingest …`: killed the TURN-th time it is at POINT.

POINTS are the places between two things that have to be one: taking a message, writing it, committing, acknowledging.
"""

import os
import signal
import sys

from tools.fleet import __main__ as fleet
from tools.fleet import ingest, postgres, sqlite, store

# Point -> the methods, and whether the end comes before or after them.
_PLACES = {
    "taken": (((ingest.Ingest, "_take"),), "after"),
    "written": (((sqlite.Sqlite, "insert"), (postgres.Postgres, "insert")), "after"),
    "committing": (((store.Store, "_see"), (store.Store, "_keep")), "before"),
    "committed": (((ingest.Ingest, "acknowledge"),), "before"),
    "half acknowledged": (((ingest.Ingest, "acknowledge"),), "half"),
    "acknowledged": (((ingest.Ingest, "acknowledge"),), "after"),
}
POINTS = tuple(_PLACES)


def arm(point, turn):
    """Put the end of this process at its place."""
    methods, when = _PLACES[point]
    left = [turn]
    for owner, name in methods:
        setattr(owner, name, _around(getattr(owner, name), when, left))


def _around(real, when, left):
    def instead(*arguments, **named):
        if when == "after":
            found = real(*arguments, **named)
        elif when == "half":
            taker, batch = arguments
            for message in batch[: len(batch) // 2]:
                taker.client.ack(message.mid, message.qos)
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        return found if when == "after" else real(*arguments, **named)

    return instead


if __name__ == "__main__":
    arm(sys.argv[1], int(sys.argv[2]))
    sys.exit(fleet.main(sys.argv[3:]))
