"""UTC now, where it came from and how good it is; and who keeps it right: NTP, else the modem's network time, else a
meter's clock.

The device keeps UTC. The board's own clock (`rtc`) runs from power-up; it is believed only after somebody
has set it: NTP, the modem's network time or, as the last resort, the meter. A better source replaces a
worse one at once; a worse one never moves a clock that a better one has set.
"""

from firmware.core import overlay
from firmware.core.compat import monotonic_s, sleep_ms

UNKNOWN = const(0)
METER = const(1)
MODEM = const(2)
NTP = const(3)
HOST = const(4)
NAMES = ("unknown", "meter", "modem", "ntp", "host")

# An RTC that was never set reads 1970, 1980, 2000, 2004, 2070, 2080 or the year of a firmware: no source of time is
# believed that is before this version's year or more than twenty years later (tools/release.py tells when).
EARLIEST = const(1767225600)  # 2026-01-01
LATEST = const(2398377600)  # 2046-01-01
# A worse source may speak again when the better one has been silent this long.
_STALE_S = const(3 * 86400)
_LOOK_MS = const(1000)
# Even SYNC does not ask more often than this.
_LEAST_S = const(4)


class Clock:
    """The device's clock over a board RTC.

    `rtc` has `get() -> UTC seconds` and `set(utc)`; `source` says whether the RTC is right from the start
    (the twin's is: HOST). `zone`: the name of one.
    """

    def __init__(self, rtc, zone, source=UNKNOWN):
        self._rtc = rtc
        self._zone = zone
        self.source = source
        self.set_at = rtc.get() if source else 0
        self.step = 0  # seconds the last set moved the clock by
        self.steps = 0  # bumped whenever the clock is set; schedules compare it
        self.on_set = None

    @property
    def zone(self):
        """The firmware.core.zone.Zone of the device, made for whoever needs it."""
        with overlay.use("zone"):
            from firmware.core.zone import Zone

            return Zone(self._zone)

    @property
    def known(self):
        return self.source != UNKNOWN

    def utc(self):
        """UTC seconds since 1970, or 0 while nobody has set the clock."""
        return self._rtc.get() if self.source else 0

    def set(self, utc, source=MODEM):
        """Take `utc` (seconds) from `source`; returns whether it was taken.

        Refused: an impossible time, and a source worse than one that spoke within the last three days.
        """
        if not EARLIEST <= utc < LATEST:
            return False
        now = self._rtc.get()
        if source < self.source and now - self.set_at < _STALE_S:
            return False
        self.step = utc - now
        if self.step or not self.source:
            self._rtc.set(utc)
            self.steps += 1
        self.source = source
        self.set_at = utc
        if self.on_set:
            self.on_set(self)
        return True

    def source_name(self):
        return NAMES[self.source]


class TimeKeeper:
    """A service. A failed question (timesync.py) is followed by the next after 15, 30, 60 … 3600 s and up to a half
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
        with overlay.use("time"):
            from firmware.app import time_sync

            return await time_sync.once(self)
