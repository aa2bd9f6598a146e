"""UTC now, where it came from and how good it is; wall-clock aligned schedules.

The device keeps UTC. The board's own clock (`rtc`) runs from power-up; it is believed only after somebody
has set it: NTP, the modem's network time or, as the last resort, the meter. A better source replaces a
worse one at once; a worse one never moves a clock that a better one has set.
"""

from firmware.port import const

UNKNOWN = const(0)
METER = const(1)
MODEM = const(2)
NTP = const(3)
HOST = const(4)
NAMES = ("unknown", "meter", "modem", "ntp", "host")

# An RTC that was never set reads 2000, 1970 or the year of the firmware build.
_EARLIEST = const(1735689600)  # 2025-01-01
_LATEST = const(4102444800)  # 2100-01-01
# A worse source may speak again when the better one has been silent this long.
_STALE_S = const(3 * 86400)


class Clock:
    """The device's clock over a board RTC.

    `rtc` has `get() -> UTC seconds` and `set(utc)`; `source` says whether the RTC is right from the start
    (the twin's is: HOST). `zone` is a firmware.clock.zone.Zone and only serves aligned schedules.
    """

    def __init__(self, rtc, zone, source=UNKNOWN):
        self._rtc = rtc
        self.zone = zone
        self.source = source
        self.set_at = rtc.get() if source else 0
        self.step = 0  # seconds the last set moved the clock by
        self.steps = 0  # bumped whenever the clock is set; schedules compare it
        self.on_set = None

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
        if not _EARLIEST <= utc < _LATEST:
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

    def next_aligned(self, interval, after=None):
        """UTC of the next multiple of `interval` seconds in local time (xx:00, xx:15 … for 900).

        Counted from local midnight, so that a 24 h interval is due at midnight on both sides of a
        switch of summer time.
        """
        now = self.utc() if after is None else after
        return next_aligned(now, interval, self.zone)


def next_aligned(now, interval, zone):
    """The first multiple of `interval` seconds of `zone`'s local time after `now` (UTC seconds)."""
    offset = zone.offset(now)
    due = ((now + offset) // interval + 1) * interval - offset
    if interval <= 3600:
        return due
    # The offset may change in between: what counts is the wall clock at the due time.
    shift = offset - zone.offset(due)
    return due + shift if due + shift > now else due
