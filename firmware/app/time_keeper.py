"""Keeps the clock right: NTP, else the modem's network time, else a meter's clock."""

from firmware.core import overlay
from firmware.core.clock import MODEM
from firmware.core.compat import monotonic_s, sleep_ms

_LOOK_MS = const(1000)
# Even SYNC does not ask more often than this.
_LEAST_S = const(4)


class TimeKeeper:
    """A service. A failed question (time_sync.py) is followed by the next after 15, 30, 60 … 3600 s and up to a half
    more; a server that does not want us is left alone for longer.

    `device`: has `clock`, `link`, `lines`, `config`, `board`, and `time_wanted`, which SYNC sets."""

    def __init__(self, device):
        self.device = device
        self.fails = 0
        self.second = False
        self.doubt = None  # (difference, server, how many before) of answers that would move a known clock far
        self.alone = False  # a single answer has set the clock, and nobody has agreed yet
        self.metered = None  # monotonic seconds of the last look at a meter's clock
        if hasattr(device.link, "on_time"):
            device.link.on_time = self.network_time

    def network_time(self, utc):
        """The modem's network has told the time."""
        self.device.clock.set(utc, MODEM)

    async def run(self):
        device = self.device
        asked = None
        wait = 0
        while True:
            now = monotonic_s()
            passed = wait if asked is None else now - asked
            if passed >= wait or (device.time_wanted and passed >= _LEAST_S):
                asked = now
                wait = await self._once()
            await sleep_ms(_LOOK_MS)

    async def _once(self):
        """Ask once (firmware/app/time_sync.py); the seconds until the next time."""
        with await overlay.turn("time"):
            from firmware.app import time_sync

            return await time_sync.once(self)
