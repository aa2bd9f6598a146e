"""A believable three-phase meter: what it has counted at any time, computed and never stepped.

Everything follows from (seed, time): `load` says what flows, this module sums it up. Energies are watt-hours (or
var-hours) inside and whole kWh on the wire, so the increments of a load curve add up to the difference of the totals.
A tariff period's register gets each whole kWh of the total at the moment it is completed, as pulse counters do, so
that the periods add up to the total exactly.
"""

import datetime as dt
import functools
import threading

from firmware.core.zone import Zone, civil, days_from_civil
from tools.meter.events import Events
from tools.meter.load import (
    AE,
    AI,
    DAY,
    QUARTER,
    R1,
    R2,
    R3,
    R4,
    REGISTERS,
    Day,
    Quarter,
    midnight,
)
from tools.meter.tariff import PERIODS

_DAYS_KEPT = 100
_HISTORIES_KEPT = 16
_EARLIEST = 2022
# Contract: its registers of active, inductive and capacitive energy. III is the export's (protocol reference 6.5).
CONTRACTS = {134: (AI, R1, R4), 135: (AI, R1, R4), 136: (AE, R3, R2)}


def _now():
    return dt.datetime.now(dt.timezone.utc).timestamp()


class History:
    """What a meter has counted at the start of each day, a list of (sums, ticks) that only grows.

    `sums`: Wh and varh of the six registers; `ticks`: whole kWh by register and tariff period.
    """

    def __init__(self):
        self.starts = [([0] * REGISTERS, [0] * (REGISTERS * PERIODS))]
        self.lock = threading.Lock()


@functools.lru_cache(_HISTORIES_KEPT)
def history(seed, peak_kw, zone, first_day):
    """The History that all meters alike in a process have in common: a thousand days take a tenth of a second."""
    return History()


class Meter:
    """`now()` gives the true UTC in seconds; the meter's own clock may be set and may drift from it.

    `fixed` (dict) overrides what it tells: `instant` (objects of a 163) and `closings` (objects of a 136).
    `ahead`: seconds its clock is ahead at the start. `installed`: (year, month, day) it began to count at zero;
    1 January 2022 by default, or two years before the start where that is earlier.
    """

    manufacturer = 66

    def __init__(
        self,
        seed=1,
        now=None,
        zone="Europe/Madrid",
        peak_kw=40,
        drift_ppm=0,
        fixed=None,
        *,
        ahead=0,
        installed=None,
    ):
        self.seed = seed
        self.now = now or _now
        self.zone = Zone(zone)
        self.peak = peak_kw
        self.fixed = fixed or {}
        self.drift_ppm = drift_ppm
        self.equipment = 30000000 + seed * 1009
        self.contracted = [peak_kw + 5 * i for i in range(PERIODS)]
        start = int(self.now())
        if installed is None:
            installed = (min(_EARLIEST, civil(start)[0] - 2), 1, 1)
        self.first_day = days_from_civil(*installed)
        self.installed = midnight(self.zone, self.first_day)
        self._clocks = [
            (self.installed, 0),
            (start, ahead),
        ]  # (true time from which, seconds ahead)
        self._known = {}  # day number -> Day, the latest used
        self._history = history(seed, peak_kw, zone, self.first_day)
        self._maxima = {}
        self._quarter = (None, None)
        self.events = Events(self)

    # --- its clock

    def clock(self):
        """UTC as the meter believes it, whole seconds."""
        return self.own(int(self.now()))

    def own(self, true):
        """What the meter's clock shows at the true time `true`."""
        since, ahead = self._clocks[-1]
        for since, ahead in reversed(self._clocks):  # noqa: B007
            if true >= since:
                break
        return true + ahead + (true - since) * self._drift(since) // 1000000

    def _drift(self, since):
        # Before this simulation began its clock was right.
        return self.drift_ppm if since > self.installed else 0

    def true(self, own):
        """The true time at which the clock showed `own`; the latest one if it did so twice."""
        until = None
        for since, ahead in reversed(self._clocks):
            drift = self._drift(since)
            true = since + (own - since - ahead) * 1000000 // (1000000 + drift)
            if until is not None:
                true = min(true, until)
            if true >= since:
                return true
            until = since
        return own

    def set_clock(self, utc):
        """Take `utc` as the time now; both readings stand in the event record 53."""
        before = self.clock()
        true = int(self.now())
        self._clocks.append((true, utc - true))
        self.events.clock_set(before, utc)

    # --- energy, by true time

    def day(self, number):
        """The local day `number` (days since 1970-01-01)."""
        found = self._known.get(number)
        if found is None:
            if len(self._known) >= _DAYS_KEPT:
                del self._known[next(iter(self._known))]
            found = self._known[number] = Day(self.seed, self.peak, self.zone, number)
        return found

    def day_of(self, utc):
        return (utc + self.zone.offset(utc)) // DAY

    def _at_start(self, number):
        """(sums, ticks) at the start of day `number`; days are summed up once, in order."""
        index = number - self.first_day
        starts = self._history.starts
        if len(starts) <= index:
            with self._history.lock:
                while len(starts) <= index:
                    day = self.day(self.first_day + len(starts) - 1)
                    sums, ticks = list(starts[-1][0]), list(starts[-1][1])
                    self._count(day, day.quarters, sums, ticks)
                    starts.append((sums, ticks))
        return starts[index]

    @staticmethod
    def _count(day, quarters, sums, ticks):
        """Add the first `quarters` quarters of a day to `sums` and `ticks`."""
        for register, row in enumerate(day.wh):
            wh = sums[register]
            for first, last, period in day.runs:
                if first >= quarters:
                    break
                more = wh + sum(row[first : min(last, quarters)])
                ticks[register * PERIODS + period] += more // 1000 - wh // 1000
                wh = more
            sums[register] = wh

    def _place(self, utc):
        """(Day, its number, number of the quarter in it) of a true time not before the installation."""
        number = self.day_of(utc)
        day = self.day(number)
        return day, number, (utc - day.start) // QUARTER

    def _minutes(self, day, at):
        """The Quarter number `at` of `day`."""
        number = day.start // QUARTER + at
        if self._quarter[0] != number:
            self._quarter = number, Quarter(self.seed, number, [row[at] for row in day.wh])
        return self._quarter[1]

    def _read(self, true):
        """(sums in Wh, whole kWh by register and period) at a true time, to the second."""
        true = max(true, self.installed)
        day, number, at = self._place(true)
        sums, ticks = self._at_start(number)
        sums, ticks = list(sums), list(ticks)
        self._count(day, at, sums, ticks)
        rest = true - day.start - at * QUARTER
        if rest:
            for register, wh in enumerate(self._minutes(day, at).until(rest)):
                more = sums[register] + wh
                place = register * PERIODS + day.periods[at]
                ticks[place] += more // 1000 - sums[register] // 1000
                sums[register] = more
        return sums, ticks

    # --- what it shows, by its own clock

    def sums(self, utc):
        """The six registers in Wh and varh when its clock showed `utc`."""
        return self._read(self.true(utc))[0]

    def totals(self, utc):
        """The six registers in whole kWh and kvarh."""
        return [wh // 1000 for wh in self.sums(utc)]

    def by_period(self, utc):
        """A list of six whole kWh or kvarh by tariff period for each of the six registers."""
        ticks = self._read(self.true(utc))[1]
        return [ticks[i : i + PERIODS] for i in range(0, len(ticks), PERIODS)]

    def period(self, utc):
        """The tariff period (0..5) at `utc`."""
        day, _, at = self._place(max(self.true(utc), self.installed))
        return day.periods[at]

    def power(self, utc):
        """The minute under way as [(active W, reactive var, volts in 0.1 V)] of three phases; export is negative.

        Held for that minute, these powers are exactly what the registers gain in it.
        """
        true = max(self.true(utc), self.installed)
        day, _, at = self._place(true)
        minutes = self._minutes(day, at)
        wh = minutes.minute(true - day.start - at * QUARTER)
        active = (wh[AI] - wh[AE]) * 60
        reactive = (wh[R1] + wh[R2] - wh[R3] - wh[R4]) * 60
        weights, whole = minutes.loads, sum(minutes.loads)
        phases = [[active * w // whole, reactive * w // whole] for w in weights[:2]]
        phases.append([active - sum(p for p, _ in phases), reactive - sum(q for _, q in phases)])
        return [(p, q, volts) for (p, q), volts in zip(phases, minutes.volts, strict=True)]

    # --- billing

    def closings(self, start, end):
        """UTC (period start, period end) of the monthly closings whose end lies in [start, end], by its own clock."""
        found = []
        year, month, *_ = civil(max(start - 62 * DAY, self.installed + DAY))
        previous = None
        while True:
            utc = self.zone.to_utc(year, month, 1, 0, 0, 0)
            if utc > min(end, self.clock()):
                return found
            if previous is not None and utc >= start:
                found.append((previous, utc))
            previous = utc
            year, month = (year + 1, 1) if month == 12 else (year, month + 1)

    def maximum(self, start, end, register=AI):
        """[(highest quarter-hour power in W, UTC of its end)] between two times: of all, then of each period.

        (0, None) for a period that did not occur.
        """
        key = (start, end, register)
        if key not in self._maxima:
            if len(self._maxima) > 200:
                self._maxima.clear()
            self._maxima[key] = self._find_maximum(self.true(start), self.true(end), register)
        return [(watts, at and self.own(at)) for watts, at in self._maxima[key]]

    def _find_maximum(self, start, end, register):
        best = [(0, None)] * (1 + PERIODS)
        start = max(start, self.installed)
        for number in range(self.day_of(start), self.day_of(end) + 1):
            day = self.day(number)
            row = day.wh[register]
            low = max(0, -(-(start - day.start) // QUARTER))
            high = (end - day.start) // QUARTER
            for first, last, period in day.runs:
                part = row[max(first, low) : max(0, min(last, high))]
                peak = max(part, default=0)
                if peak:
                    at = day.start + (max(first, low) + part.index(peak) + 1) * QUARTER
                    for i in (0, 1 + period):
                        if peak * 4 > best[i][0]:
                            best[i] = (peak * 4, at)
        return best
