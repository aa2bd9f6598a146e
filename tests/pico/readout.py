"""What lies in a board's log, and what of it has arrived."""

import json
import re
import tempfile

from tools.log.reader import Reader
from tools.log.source import fetch

_RECORD = re.compile(r"instant read in")


def read_log(rig):
    """{seq: (payload as dict, delivered)} of the flash as it is now; nothing may be damaged or lost in it."""
    with tempfile.TemporaryDirectory() as folder:
        log = Reader(fetch(str(rig.board.flash), folder, lambda _text: None))
    assert not log.damaged and not log.lost, (log.damaged, log.lost)
    return {seq: (json.loads(payload), done) for seq, _, _, payload, done in log.records}


def key(record):
    """What makes a record one that is there only once."""
    return record["ID"], record["TS"], record.get("N")


def arrived(rig, since=0):
    """The keys of the records that came to the broker."""
    return {key(record) for record in rig.records(since)}


def caught_up(rig, more=2, seconds=240):
    """Wait until all that was read by now and some more has arrived: nothing was lost on the way."""
    goal = len(rig.board.said(_RECORD)) + more
    rig.board.until(lambda: len(arrived(rig)) >= goal, seconds, "%d records" % goal)
