"""The meter's memory of events: some that follow from (seed, day), and those that happen while it runs.

Codes: protocol reference 6.7. An event is (utc by the meter's clock, SPA, SPQ, SPI).
"""

import collections

from tools.meter.load import DAY, midnight, scatter

RECORDS = (52, 53, 54, 55, 128, 129, 130, 131, 132, 133)
MEMORY_DAYS = 400
_LIVE_KEPT = 200  # in each record
# Bits of a qualifier (protocol reference 5) that an event in the period sets: (record, SPA, SPQ or None) -> bit.
_CLOCK, _PARAMETER, _INTRUSION, _POWER_FAILURE = 0x10, 0x08, 0x04, 0x02


def _mark(record, spa, spq):
    if record == 53 and spq == 11:
        return _CLOCK
    if record == 54:
        return _PARAMETER
    if record == 128:
        return _INTRUSION
    return _POWER_FAILURE if (record, spa) == (52, 1) else 0


class Events:
    """The event records of one meter."""

    def __init__(self, meter):
        self._meter = meter
        self._live = collections.deque(maxlen=_LIVE_KEPT * len(RECORDS))
        self._marks = collections.deque(maxlen=_LIVE_KEPT)  # (utc, bit) of live events that set one
        self._days = {}

    def add(self, record, utc, spa, spq, spi=0):
        """Something happened."""
        self._live.append((record, utc, spa, spq, spi))
        if _mark(record, spa, spq):
            self._marks.append((utc, _mark(record, spa, spq)))

    def clock_set(self, before, after):
        self.add(53, before, 7, 9)
        self.add(53, after, 7, 11)

    def session(self, utc, begins):
        """A master's session begins or ends."""
        self.add(129, utc, 18, 2, 1 if begins else 0)

    def of(self, record, start, end):
        """Events of one record with start <= utc <= end, in order."""
        return [event[1:] for event in self._range(start, end) if event[0] == record]

    def qualifier(self, start, end):
        """The qualifier byte of a value that was counted in (start, end]."""
        bits = 0
        for utc, bit in self._marks:
            if start < utc <= end:
                bits |= bit
        meter = self._meter
        for number in range(meter.day_of(start), meter.day_of(end) + 1):
            for utc, bit in self._day(number)[1]:
                if start < utc <= end:
                    bits |= bit
        return bits

    def _range(self, start, end):
        meter = self._meter
        end = min(end, meter.clock())
        first = max(start, meter.installed, end - MEMORY_DAYS * DAY)
        found = [event for event in self._live if start <= event[1] <= end]
        for number in range(meter.day_of(first), meter.day_of(max(end, first)) + 1):
            found += [event for event in self._day(number)[0] if first <= event[1] <= end]
        return sorted(found, key=lambda event: event[1])

    def _day(self, number):
        """(events, (utc, bit) of those that set one) that a day brought, whatever was asked of the meter."""
        found = self._days.get(number)
        if found is None:
            if len(self._days) > 2 * MEMORY_DAYS:
                self._days.clear()
            events = tuple(self._make(number)) if number >= self._meter.first_day else ()
            marks = [(utc, _mark(record, spa, spq)) for record, utc, spa, spq, _ in events]
            found = self._days[number] = events, [mark for mark in marks if mark[1]]
        return found

    def _make(self, number):
        meter = self._meter
        chance = scatter(24, meter.seed, number, 2)
        start = midnight(meter.zone, number)

        def at(i):
            return start + 600 + (chance[i] << 8 | chance[i + 1]) % (DAY - 7800)

        if number == meter.first_day:
            yield from ((130, start + 30, 16, 0, 0), (54, start + 40, 15, 0, 0))
        if chance[0] < 16:  # one phase fails for a while
            phase = 1 + chance[1] % 3
            yield (52, at(2), 3, phase, 1)
            yield (52, at(2) + 2 + chance[1], 3, phase, 0)
        if chance[4] < 4:
            yield (52, at(5), 1, 2, 0)
        if chance[7] < 8:  # synchronised from outside
            yield (53, at(8), 7, 9, 0)
            yield (53, at(8) + 1, 7, 11, 0)
        if chance[10] < 2:
            yield (55, at(11), 19, 1 + chance[13] % 100, 0)
        if chance[14] < 1:  # the terminal cover is opened and closed
            yield (128, at(15), 18, 1, 1)
            yield (128, at(15) + 60 + chance[17], 18, 1, 0)
        read = start + 5 * 3600 + chance[18]  # the concentrator's daily reading
        yield from ((129, read, 18, 2, 1), (129, read + 40, 18, 2, 0))
        yield from self._turn_of_month(number, start)

    def _turn_of_month(self, number, start):
        month, day = self._meter.zone.to_local(start)[1:3]
        if day != 1:
            return
        for i in range(3):
            yield (131 + i, start, 7, 21 + i, 0)
            if month == 1:  # the new year's contracted powers
                yield (131 + i, start + 5, 15, 24 + i, 0)
                yield (54, start + 5, 15, 24 + i, 0)
