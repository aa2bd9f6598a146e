"""A failure of the link, and how many there were in a row; what is done about it is ladder.py.

Six measures, from mild to rough.
"""

from firmware.modem.at import ModemError
from firmware.port import const

REDIAL = const(0)
REGISTER = const(1)
RADIO = const(2)
RESET = const(3)
POWER = const(4)
REBOOT = const(5)
MEASURES = ("redial", "register again", "radio off and on", "reset pulse", "power cycle", "board restart")


class Failure(ModemError):
    """The link cannot be brought up or was lost. The reason is a code or the `why` of what was behind it.

    `floor`: the mildest measure that can help. `ceiling`: the roughest that makes sense
    (restarting the board does not help against a refused SIM). `blocked`: nothing helps but a
    person; wait and look again.
    """

    def __init__(self, reason, floor=REDIAL, ceiling=REBOOT, blocked=False):
        super().__init__(*(reason if isinstance(reason, tuple) else (reason,)))
        self.floor = floor
        self.ceiling = ceiling
        self.blocked = blocked


class Failures:
    """Counts failures in a row; `calm()` after a time of good service starts anew."""

    def __init__(self):
        self.counts = [0] * (REBOOT + 1)  # of each measure
        self.calm()

    def calm(self):
        self.rung = REDIAL
        self.tried = 0
        self.failures = 0
