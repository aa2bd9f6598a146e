"""UTC now, where it came from and how good it is.

The device keeps UTC. The board's own clock (`rtc`) runs from power-up; it is believed only after somebody
has set it: NTP, the modem's network time or, as the last resort, the meter. A better source replaces a
worse one at once; a worse one never moves a clock that a better one has set.
"""

from firmware.core import log, overlay

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
# Longer steps stand in the audit log.
_STEP_S = const(60)


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
            if abs(self.step) > _STEP_S:
                log.note("clock", NAMES[source], str(self.step))
        self.source = source
        self.set_at = utc
        return True

    def source_name(self):
        return NAMES[self.source]
