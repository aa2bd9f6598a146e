"""What to do when the link fails: six measures, from mild to rough, with back-off. Decides, does
nothing itself.
"""

import os

from firmware.modem.at import ModemError
from firmware.port import const

REDIAL = const(0)
REGISTER = const(1)
RADIO = const(2)
RESET = const(3)
POWER = const(4)
REBOOT = const(5)
MEASURES = (
    "redial",
    "register again",
    "radio off and on",
    "reset pulse",
    "power cycle",
    "board restart",
)

# How often each measure is tried in a row before the next one's turn.
_TRIES = (3, 2, 2, 2, 3, 1)


class Failure(ModemError):
    """The link cannot be brought up or was lost; str() is the reason in words.

    `floor`: the mildest measure that can help. `ceiling`: the roughest that makes sense
    (restarting the board does not help against a refused SIM). `blocked`: nothing helps but a
    person; wait and look again.
    """

    def __init__(self, reason, floor=REDIAL, ceiling=REBOOT, blocked=False):
        super().__init__(reason)
        self.floor = floor
        self.ceiling = ceiling
        self.blocked = blocked


class Ladder:
    """Counts failures in a row; `calm()` after a time of good service starts it anew."""

    def __init__(self, backoff_min, backoff_max):
        self._min = backoff_min
        self._max = backoff_max
        self.counts = [0] * len(MEASURES)
        self.calm()

    def calm(self):
        self._rung = REDIAL
        self._tried = 0
        self.failures = 0

    def failed(self, failure):
        """The measure to take after `failure`."""
        self.failures += 1
        if self._tried >= _TRIES[self._rung]:
            self._rung += 1
            self._tried = 0
            if self._rung > REBOOT:
                # The caller did not restart the board: from the start, but the back-off stays
                # long.
                self._rung = REDIAL
        if self._rung < failure.floor:
            self._rung = failure.floor
            self._tried = 0
        self._tried += 1
        rung = min(self._rung, failure.ceiling)
        self.counts[rung] += 1
        return rung

    def backoff_ms(self):
        """How long to wait before the measure: doubled with each failure in a row, up to a limit,
        +-25 %.
        """
        wait = min(self._min << min(self.failures - 1, 12), self._max)
        return wait * (75 + os.urandom(1)[0] * 50 // 255) // 100
