"""`python -m tests.host.fleetcrash POINT TURN ingest …`: the ingester, killed (SIGKILL) the TURN-th time it is at POINT.

POINTS are the places between two things that have to be one: taking a message, writing it, committing, acknowledging.
"""

import os
import signal
import sys

from tools.fleet import __main__ as fleet
from tools.fleet import ingest, store

POINTS = ("taken", "written", "committing", "committed", "half acknowledged", "acknowledged")


def arm(point, turn):
    """Put the end of this process at its place."""
    left = [turn]

    def pass_by():
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(owner, name, before=None, after=None):
        real = getattr(owner, name)

        def instead(*arguments, **named):
            if before:
                before(*arguments)
            found = real(*arguments, **named)
            if after:
                after(*arguments)
            return found

        setattr(owner, name, instead)

    def here(*_):
        pass_by()

    if point == "taken":
        around(ingest.Ingest, "_take", after=here)
    elif point == "written":
        for kind in (store._Sqlite, store._Postgres):
            around(kind, "insert", after=here)
    elif point == "committing":
        around(store._Store, "_see", before=here)
        around(store._Store, "_keep", before=here)
    elif point == "committed":
        around(ingest.Ingest, "acknowledge", before=here)
    elif point == "half acknowledged":

        def half(self, batch):
            for message in batch[: len(batch) // 2]:
                self.client.ack(message.mid, message.qos)
            pass_by()

        around(ingest.Ingest, "acknowledge", before=half)
    else:
        around(ingest.Ingest, "acknowledge", after=here)


if __name__ == "__main__":
    arm(sys.argv[1], int(sys.argv[2]))
    sys.exit(fleet.main(sys.argv[3:]))
