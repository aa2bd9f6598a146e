"""A believable three-phase meter: what it has counted at any time, computed and never stepped.

Everything follows from (seed, time): the power of each quarter of an hour is a load shape by hour, weekday and
season with some scatter, registers are the sums of it. A day is computed once and kept. Energies are watt-hours
(or var-hours) inside and whole kWh on the wire, so increments always add up to the difference of the totals.
"""

import datetime as dt

from firmware.zone import Zone, civil, days_from_civil, weekday

QUARTER = 900
DAY = 86400
# Registers: active import, active export, reactive Q1..Q4 (protocol reference 3.3).
AI, AE, R1, R2, R3, R4 = range(6)
PERIODS = 6
INSTALLED = days_from_civil(2024, 1, 1)
# Share of the peak power in each hour of a working day and of a holiday.
_WORKING = (
    25,
    22,
    20,
    20,
    22,
    30,
    45,
    60,
    80,
    95,
    100,
    98,
    95,
    85,
    80,
    82,
    85,
    88,
    80,
    70,
    60,
    50,
    40,
    30,
)
_FREE = (
    22,
    20,
    18,
    18,
    18,
    20,
    22,
    25,
    30,
    35,
    40,
    42,
    45,
    45,
    40,
    35,
    35,
    38,
    42,
    45,
    42,
    38,
    32,
    26,
)
# Tariff period (0..5) by hour on a working day of the high and the low season; holidays and nights are P6.
_HIGH = (5, 5, 5, 5, 5, 5, 5, 5, 1, 0, 0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1)
_LOW = (5, 5, 5, 5, 5, 5, 5, 5, 3, 2, 2, 2, 2, 2, 3, 3, 3, 3, 2, 2, 2, 2, 3, 3)


def scatter(*words):
    """A number 0..999 that follows from whole numbers; small, quick and the same everywhere."""
    mixed = 0x9E3779B9
    for word in words:
        mixed = ((mixed ^ (word & 0xFFFFFFFF)) * 0x85EBCA6B) & 0xFFFFFFFF
        mixed ^= mixed >> 15
    mixed = (mixed * 0xC2B2AE35) & 0xFFFFFFFF
    return (mixed >> 10) % 1000


class Meter:
    """`now()` gives the true UTC; the meter's own clock may be set and may drift from it.

    `fixed` (dict) overrides what it tells: `instant` (objects of a 163) and `closings` (objects of a 136).
    """

    def __init__(
        self, seed=1, now=None, zone="Europe/Madrid", peak_kw=40, drift_ppm=0, fixed=None
    ):
        self.seed = seed
        self.now = now or (lambda: int(dt.datetime.now(dt.timezone.utc).timestamp()))
        self.zone = Zone(zone)
        self.peak = peak_kw
        self.fixed = fixed or {}
        self.drift_ppm = drift_ppm
        self.started = self.now()
        self.offset = 0  # what setting the clock has left: own time minus true time, s
        self.events = []  # live events: (record, utc, spa, spq, spi)
        self.equipment = 30000000 + seed * 1009
        self.manufacturer = 66
        self.contracted = [peak_kw + 5 * i for i in range(PERIODS)]
        self._days = []  # per day since INSTALLED: (24 cumulated sums) at its start
        self._quarters = {}

    # --- its clock

    def clock(self):
        """UTC as the meter believes it."""
        true = self.now()
        return true + self.offset + (true - self.started) * self.drift_ppm // 1000000

    def set_clock(self, utc):
        """Take `utc` as the time now; both readings stand in the event record 53."""
        before = self.clock()
        self.events.append((53, before, 7, 9, 0))
        self.offset += utc - before
        self.events.append((53, utc, 7, 11, 0))

    # --- energy

    def quarter(self, number):
        """(registers of the quarter hour `number` since 1970 in Wh, its tariff period)."""
        found = self._quarters.get(number)
        if found is None:
            if len(self._quarters) > 20000:
                self._quarters.clear()
            found = self._quarters[number] = self._compute(number)
        return found

    def _compute(self, number):
        year, month, day, hour, minute, _ = civil(
            number * QUARTER + self.zone.offset(number * QUARTER)
        )
        free = weekday(days_from_civil(year, month, day)) > 5
        shape = (_FREE if free else _WORKING)[hour]
        season = (115, 112, 100, 90, 88, 100, 118, 110, 95, 90, 102, 114)[month - 1]
        active = self.peak * shape * season * (900 + scatter(self.seed, number) // 5) // 40000
        sun = max(0, 16 - (hour - 13) ** 2) if self.seed % 2 else 0
        export = self.peak * sun * scatter(self.seed, number, 1) // 20000
        inductive = active * (20 + scatter(self.seed, number, 2) // 100) // 100
        capacitive = active * 4 // 100 if hour < 7 else 0
        winter = month in (1, 2, 7, 12)
        period = 5 if free else (_HIGH if winter else _LOW)[hour]
        return (active, export, inductive, 0, export // 20, capacitive), period

    def _day(self, index):
        """Sums at the start of day `index` (UTC days since installation): 6 totals, 3 times 6 by tariff period."""
        while len(self._days) <= index:
            if not self._days:
                self._days.append([self.seed * 137000] + [0] * 23)
                continue
            sums = list(self._days[-1])
            first = (INSTALLED + len(self._days) - 1) * DAY // QUARTER
            for number in range(first, first + DAY // QUARTER):
                self._add(sums, number)
            self._days.append(sums)
        return self._days[index]

    def _add(self, sums, number):
        registers, period = self.quarter(number)
        for i in range(6):
            sums[i] += registers[i]
        sums[6 + period] += registers[AI]
        sums[12 + period] += registers[R1]
        sums[18 + period] += registers[R4]

    def sums(self, utc):
        """The 24 sums in Wh at `utc`, the quarter under way counted up to the second."""
        utc = max(utc, INSTALLED * DAY)
        day = utc // DAY
        sums = list(self._day(day - INSTALLED))
        number = day * DAY // QUARTER
        while (number + 1) * QUARTER <= utc:
            self._add(sums, number)
            number += 1
        part = utc - number * QUARTER
        registers, period = self.quarter(number)
        for i in range(6):
            sums[i] += registers[i] * part // QUARTER
        for base, register in ((6, AI), (12, R1), (18, R4)):
            sums[base + period] += registers[register] * part // QUARTER
        return sums

    def totals(self, utc):
        """The six registers in whole kWh and kvarh."""
        return [wh // 1000 for wh in self.sums(utc)[:6]]

    def power(self, utc):
        """(active kW, reactive kvar, power factor per mille, export) of the quarter under way, in watts and vars."""
        registers, _ = self.quarter(utc // QUARTER)
        active = (registers[AI] - registers[AE]) * 4
        reactive = (registers[R1] - registers[R4]) * 4
        apparent = int((active * active + reactive * reactive) ** 0.5)
        factor = 1000 * abs(active) // apparent if apparent else 1000
        return abs(active), abs(reactive), min(factor, 1000), active < 0, reactive < 0

    # --- billing

    def closings(self, start, end):
        """UTC (period start, period end) of the monthly closings whose end lies in [start, end]."""
        found = []
        year, month = 2024, 1
        previous = None
        while True:
            utc = self.zone.to_utc(year, month, 1, 0, 0, 0)
            if utc > min(end, self.clock()):
                return found
            if previous is not None and utc >= start:
                found.append((previous, utc))
            previous = utc
            month += 1
            if month == 13:
                year, month = year + 1, 1

    def maximum(self, start, end, period=None):
        """(highest quarter-hour power in W, UTC of its end) between two times, in one tariff period or all."""
        best = (0, end)
        for number in range(start // QUARTER, end // QUARTER):
            registers, p = self.quarter(number)
            if (period is None or p == period) and registers[AI] * 4 > best[0]:
                best = (registers[AI] * 4, (number + 1) * QUARTER)
        return best

    # --- events

    def events_of(self, record, start, end):
        """(utc, spa, spq, spi) of an event record with start <= utc <= end, in order."""
        found = [
            event[1:] for event in self.events if event[0] == record and start <= event[1] <= end
        ]
        if record == 52:
            # A voltage failure now and then, some seconds long.
            for day in range(start // DAY, end // DAY + 1):
                if scatter(self.seed, day, 3) < 60:
                    at = day * DAY + scatter(self.seed, day, 4) * 86
                    phase = 1 + scatter(self.seed, day, 5) % 3
                    found += [(at, 3, phase, 1), (at + 4, 3, phase, 0)]
        return sorted(event for event in found if start <= event[0] <= min(end, self.clock()))
