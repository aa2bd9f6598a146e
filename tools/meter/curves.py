"""Integrated totals: load curves and daily totals as single values (122, 123) and in blocks (189, 190).

A record's label is the end of its period, and a range means (start, end], as with the Actaris of protocol
reference 6.3. Summer-time bits of a request count only in October's repeated hour.
"""

from firmware.iec102.asdu import Asdu
from firmware.iec102.timetag import from_utc
from tools.meter.load import DAY, QUARTER, midnight
from tools.meter.refusal import NO_OBJECT, NO_PERIOD, NO_RECORD, UNKNOWN_RECORD, Refusal

# Record address: (seconds of its period, days kept).
KEPT = {11: (3600, 400), 12: (QUARTER, 120), 21: (DAY, 730)}
# In the protocol, not in this meter.
_NOT_HERE = (1, 13, 22, 23, 31, 32, 33)
_BLOCKS_A_FRAME = 5
_OBJECTS = {9: range(8), 10: range(6), 11: (0, 2, 5)}  # totals in a block, counted from 0
_RESERVE = ((0, 0x80), (0, 0x80))  # objects 7 and 8: not valid


def utc_of(tag, zone):
    """UTC of a time label in a request; Refusal for an impossible date."""
    if not tag.possible():
        raise Refusal(NO_PERIOD)
    fields = 2000 + tag.year, tag.month, tag.day, tag.hour, tag.minute, tag.second
    found = [zone.to_utc(*fields, summer) for summer in (True, False)]
    found = [utc for utc, summer in zip(found, (True, False), strict=True) if zone.is_summer(utc) == summer]
    if len(found) == 2:
        return found[0] if tag.su else found[1]
    # None: the hour that March leaves out.
    return found[0] if found else zone.to_utc(*fields, False)


def span_of(request, zone):
    """UTC of the start and the end in a request."""
    item = request.objects[0]
    start, end = utc_of(item["start"], zone), utc_of(item["end"], zone)
    if start > end:
        raise Refusal(NO_PERIOD)
    return start, end


class Curves:
    """Answers to 122, 123, 189 and 190; each an iterator over data ASDUs, or a Refusal."""

    def __init__(self, meter, manners):
        self._meter = meter
        self._manners = manners

    def totals(self, request, type, increments):
        """Type 8 or 11: one ASDU a period, with the objects `first` to `last`."""
        labels, step = self._labels(request)
        item = request.objects[0]
        first, last = item["first"], item["last"]
        if not 1 <= first <= last <= 8:
            raise Refusal(NO_OBJECT)
        return self._single(request, type, self._values(labels, step, increments), first, last)

    def blocks(self, request, type, increments):
        """Type 139 or 140: five blocks in an ASDU."""
        labels, step = self._labels(request)
        address = request.objects[0]["address"]
        if address not in _OBJECTS:
            raise Refusal(NO_OBJECT)
        return self._many(request, type, self._values(labels, step, increments), address)

    def _labels(self, request):
        """(ends of the periods asked for and kept, by the meter's clock, seconds of a period or DAY)."""
        record = request.record
        if record in _NOT_HERE:
            raise Refusal(NO_RECORD)
        if record not in KEPT:
            raise Refusal(UNKNOWN_RECORD)
        start, end = span_of(request, self._meter.zone)
        step, days = KEPT[record]
        now = self._meter.clock()
        self._manners.check(end, now)
        labels = self._ends(step, max(start, now - days * DAY, self._meter.installed), min(end, now))
        if not labels:
            raise Refusal(NO_PERIOD)
        return labels, step

    def _ends(self, step, start, end):
        """Ends of periods in (start, end]."""
        if step < DAY:
            return range((start // step + 1) * step, end + 1, step)
        meter = self._meter
        days = range(meter.day_of(start), meter.day_of(max(start, end)) + 1)
        return [utc for utc in (midnight(meter.zone, number) for number in days) if start < utc <= end]

    def _begin(self, label, step):
        """Where the period that ends at `label` began."""
        if step < DAY:
            return label - step
        return midnight(self._meter.zone, self._meter.day_of(label - 1))

    def _values(self, labels, step, increments):
        """(label, [(value, qualifier)] of the 8 objects) of each period."""
        meter = self._meter
        previous = None
        for label in labels:
            begin = self._begin(label, step)
            if previous is None:
                previous = meter.totals(begin)
            now = meter.totals(label)
            bits = meter.events.qualifier(begin, label)
            shown = [b - a for a, b in zip(previous, now, strict=True)] if increments else now
            yield label, [(value, bits) for value in shown] + list(_RESERVE)
            previous = now

    def _tag(self, utc):
        return from_utc(utc, self._meter.zone)

    def _single(self, request, type, values, first, last):
        for label, row in values:
            objects = [
                {"address": a, "value": row[a - 1][0], "qualifier": row[a - 1][1]} for a in range(first, last + 1)
            ]
            yield Asdu(type, 5, request.point, request.record, objects, self._tag(label))

    def _many(self, request, type, values, address):
        blocks = []
        for label, row in values:
            totals = [{"value": row[i][0], "qualifier": row[i][1]} for i in _OBJECTS[address]]
            blocks.append({"address": address, "totals": totals, "time": self._tag(label)})
            if len(blocks) == _BLOCKS_A_FRAME:
                yield Asdu(type, 5, request.point, request.record, blocks)
                blocks = []
        if blocks:
            yield Asdu(type, 5, request.point, request.record, blocks)
