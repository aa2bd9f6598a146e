"""What flows through the meter, day by day: load, sun on the roof, and the tariff period, all from (seed, day).

A day is computed whole and on its own, so that any moment of any year can be looked at without stepping there.
"""

import hashlib

from firmware.core.zone import civil, weekday
from tools.meter import tariff

QUARTER = 900
DAY = 86400
# Registers: active import, active export, reactive Q1..Q4 (protocol reference 3.3).
AI, AE, R1, R2, R3, R4 = range(6)
REGISTERS = 6
# Share of the peak in each hour of a working and of a free day, per cent.
_WORKING = (
    25, 22, 20, 20, 22, 30, 45, 60, 80, 95, 100, 98, 95, 85, 80, 82, 85, 88, 80, 70, 60, 50, 40, 30,
)  # fmt: skip
_FREE = (
    22, 20, 18, 18, 18, 20, 22, 25, 30, 35, 40, 42, 45, 45, 40, 35, 35, 38, 42, 45, 42, 38, 32, 26,
)  # fmt: skip
_SEASON = (115, 112, 100, 90, 88, 100, 118, 110, 95, 90, 102, 114)  # by month, per cent
_DAYLIGHT = (37, 42, 48, 53, 58, 60, 59, 55, 50, 44, 39, 36)  # by month, quarters of an hour
_NOON = 53  # quarter of the day of the sun's highest point, winter time
_MINUTES = 15


def scatter(size, *words):
    """`size` bytes that follow from whole numbers and look like chance."""
    return hashlib.shake_128(b"%d " * len(words) % words).digest(size)


def _quarters(shape):
    """24 hourly values to 96, straight lines between them."""
    pairs = zip(shape, shape[1:] + shape[:1], strict=True)
    return tuple(a * (4 - i) + b * i for a, b in pairs for i in range(4))


_SHAPES = (_quarters(_WORKING), _quarters(_FREE))  # in 1/400 of the peak


def _sun(month):
    """The sun's height by quarter of the day, 0..1000, winter time."""
    half = _DAYLIGHT[month - 1] / 2
    top = 400 + 10 * _DAYLIGHT[month - 1]
    curve = [1 - ((i + 0.5 - _NOON) / half) ** 2 for i in range(96)]
    return tuple(int(top * c) if c > 0 else 0 for c in curve)


_SUN = tuple(_sun(month) for month in range(1, 13))


def midnight(zone, number):
    """UTC of the beginning of local day `number` (days since 1970-01-01)."""
    return zone.to_utc(*civil(number * DAY))


class Day:
    """One local day: `start` (UTC), `quarters` (92, 96, 100), by quarter `wh` (six rows of Wh, varh) and `periods`."""

    def __init__(self, seed, peak_kw, zone, number):
        """`number`: days since 1970-01-01 in local time. Even seeds have no sun on the roof."""
        _, month, day, *_ = civil(number * DAY)
        self.start = midnight(zone, number)
        self.quarters = (midnight(zone, number + 1) - self.start) // QUARTER
        free = tariff.is_free(month, day, weekday(number))
        places = self._places(zone)
        hours = tariff.hours(month, free)
        self.periods = [hours[place // 4] for place in places]
        noise = scatter(2 * self.quarters + 1, seed, number)
        load = self._load(places, _SHAPES[free], peak_kw * _SEASON[month - 1], noise)
        sun = [0] * self.quarters
        if seed % 2:
            height = _SUN[month - 1]
            size = peak_kw * (50 + noise[-1] * 3 // 4)  # clouds: a fifth to nearly all of the peak
            late = 4 if zone.is_summer(self.start) else 0
            sun = [height[place - late] * size // 1024 for place in places]
        self._share_out(load, sun, places, noise[self.quarters :])
        self.runs = self._runs()

    def _places(self, zone):
        """Quarter of the local day, 0..95, of each quarter; in October four of them come twice."""
        if self.quarters == 96:
            return range(96)
        starts = range(self.start, self.start + self.quarters * QUARTER, QUARTER)
        return [(utc + zone.offset(utc)) % DAY // QUARTER for utc in starts]

    def _load(self, places, shape, scale, noise):
        # Wh in a quarter: peak kW * 1000 / 4, shape in 1/400, season in 1/100, scatter 0.85 to 1.15 in 1/256.
        return [shape[place] * scale * (218 + (n * 77 >> 8)) // 40960 for place, n in zip(places, noise, strict=False)]

    def _share_out(self, load, sun, places, noise):
        """Net active and reactive energy of each quarter into the six registers by its signs."""
        net = [a - b for a, b in zip(load, sun, strict=True)]
        # Motors by day take reactive energy, the capacitors left on at night give some back.
        reactive = [
            -(a >> 4) if place < 24 and n < 200 else a * (50 + (n >> 3)) >> 8
            for a, n, place in zip(load, noise, places, strict=False)
        ]
        pairs = list(zip(net, reactive, strict=True))
        self.wh = (
            [a if a > 0 else 0 for a in net],
            [-a if a < 0 else 0 for a in net],
            [r if r > 0 and a >= 0 else 0 for a, r in pairs],
            [r if r > 0 and a < 0 else 0 for a, r in pairs],
            [-r if r < 0 and a < 0 else 0 for a, r in pairs],
            [-r if r < 0 and a >= 0 else 0 for a, r in pairs],
        )

    def _runs(self):
        """(first quarter, quarter behind the last, period) of each stretch of one tariff period."""
        found = []
        first = 0
        periods = self.periods
        for i in range(1, self.quarters + 1):
            if i == self.quarters or periods[i] != periods[first]:
                found.append((first, i, periods[first]))
                first = i
        return found


class Quarter:
    """The fifteen minutes of one quarter: how its energy is spread, and over the three phases."""

    def __init__(self, seed, number, energies):
        """`number`: quarters since 1970; `energies`: its six registers' Wh."""
        noise = scatter(_MINUTES + 6, seed, number, 1)
        weights = [400 + b for b in noise[:_MINUTES]]
        whole = sum(weights)
        self._sums = [[0] * REGISTERS]
        part = 0
        for weight in weights:
            part += weight
            self._sums.append([wh * part // whole for wh in energies])
        self.loads = [90 + b // 8 for b in noise[_MINUTES : _MINUTES + 3]]
        self.volts = [2270 + b // 4 for b in noise[_MINUTES + 3 :]]  # 0.1 V

    def until(self, second):
        """The six registers' Wh from its start until `second` 0..900."""
        minute, rest = divmod(second, 60)
        sums = self._sums[minute]
        if not rest:
            return sums
        return [a + (b - a) * rest // 60 for a, b in zip(sums, self._sums[minute + 1], strict=True)]

    def minute(self, second):
        """The six registers' Wh in the minute around `second`."""
        at = second // 60
        return [b - a for a, b in zip(self._sums[at], self._sums[at + 1], strict=True)]
