"""What to do when the link fails: six measures, from mild to rough, with back-off. Decides, does
nothing itself; loaded when it has failed, failure.py counts.
"""

import os

from firmware.modem.failure import REBOOT, REDIAL

# How often each measure is tried in a row before the next one's turn.
_TRIES = (3, 2, 2, 2, 3, 1)


def failed(count, failure):
    """The measure to take after `failure`; `count` is a Failures."""
    count.failures += 1
    if count.tried >= _TRIES[count.rung]:
        count.rung += 1
        count.tried = 0
        if count.rung > REBOOT:
            # The caller did not restart the board: from the start, but the back-off stays
            # long.
            count.rung = REDIAL
    if count.rung < failure.floor:
        count.rung = failure.floor
        count.tried = 0
    count.tried += 1
    rung = min(count.rung, failure.ceiling)
    count.counts[rung] += 1
    return rung


def backoff_ms(count, least, most):
    """How long to wait before the measure: doubled with each failure in a row, up to a limit,
    +-25 %.
    """
    wait = min(least << min(count.failures - 1, 12), most)
    return wait * (75 + os.urandom(1)[0] * 50 // 255) // 100
