"""Tariff information: the period under way (133) and the monthly closings (134), by contract."""

from firmware.iec102.asdu import Asdu
from firmware.iec102.timetag import TimeTag, from_utc
from tools.meter.curves import span_of
from tools.meter.load import AI, DAY, midnight
from tools.meter.model import CONTRACTS
from tools.meter.refusal import NO_PERIOD, NO_RECORD, UNKNOWN_RECORD, Refusal
from tools.meter.tariff import PERIODS

_LATENT = (137, 138, 139)  # contracts of the future: this meter has none
_MONTHS_KEPT = 25
_TOTAL = 20  # object address of the totals; the periods follow
_NOT_VALID = 0x80
NEVER = TimeTag()  # all zeros


class Billing:
    """Answers to 133 and 134; each an iterator over data ASDUs with one object, or a Refusal."""

    def __init__(self, meter, manners):
        self._meter = meter
        self._manners = manners

    def _check(self, record):
        if record in _LATENT:
            raise Refusal(NO_RECORD)
        if record not in CONTRACTS:
            raise Refusal(UNKNOWN_RECORD)

    def stored(self, request):
        self._check(request.record)
        start, end = span_of(request, self._meter.zone)
        self._manners.check(end, self._meter.clock())
        if "closings" in self._meter.fixed:
            return (self._asdu(request, 136, item) for item in self._meter.fixed["closings"])
        periods = self._days(start, end) if self._manners.daily else self._meter.closings(start, end)
        oldest = self._meter.clock() - _MONTHS_KEPT * 31 * DAY
        periods = [period for period in periods if period[1] >= oldest]
        if not periods:
            raise Refusal(NO_PERIOD)
        return self._periods(request, 136, periods)

    def _days(self, start, end):
        """As Meter.closings(), of a contract that closes each midnight."""
        meter = self._meter
        days = range(meter.day_of(start), meter.day_of(min(end, meter.clock())) + 1)
        ends = [midnight(meter.zone, number) for number in days]
        return [(midnight(meter.zone, meter.day_of(at) - 1), at) for at in ends if start <= at <= end]

    def current(self, request):
        self._check(request.record)
        now = self._meter.clock()
        closed = self._meter.closings(now - 62 * DAY, now)
        # A clock that was set to before the installation has nothing to show.
        begin = closed[-1][1] if closed else min(self._meter.installed, now)
        return self._periods(request, 135, [(begin, now)])

    def _asdu(self, request, type, item):
        return Asdu(type, 5, request.point, request.record, [item])

    def _periods(self, request, type, periods):
        for start, end in periods:
            for item in self.objects(request.record, start, end):
                yield self._asdu(request, type, item)

    def objects(self, record, start, end):
        """The objects 20 to 26 of one billing period of one contract."""
        meter = self._meter
        registers = CONTRACTS[record]
        before, after = meter.by_period(start), meter.by_period(end)
        maxima = meter.maximum(start, end, registers[0])
        bits = meter.events.qualifier(start, end)
        for address in range(_TOTAL, _TOTAL + 1 + PERIODS):
            place = slice(None) if address == _TOTAL else slice(address - 21, address - 20)
            item = {"DO": address}
            for suffix, register in zip(("A", "Ri", "Rc"), registers, strict=True):
                now, then = sum(after[register][place]), sum(before[register][place])
                item.update({"Ea" + suffix: now, "Ei" + suffix: now - then, "C" + suffix: bits})
            item.update({"R7": 0, "C7": _NOT_VALID, "R8": 0, "C8": _NOT_VALID})
            item.update(self._power(address, registers[0], maxima[address - _TOTAL], bits))
            item.update({"DINI": from_utc(start, meter.zone), "DEND": from_utc(end, meter.zone)})
            yield item

    def _power(self, address, register, maximum, bits):
        """Highest power, its time, the excess over the contract; a period that never came has its maximum never."""
        watts, at = maximum
        kw = (watts + 500) // 1000
        excess, quality = 0, _NOT_VALID
        if address > _TOTAL and register == AI:
            excess, quality = max(0, kw - self._meter.contracted[address - 21]), bits
        when = NEVER if at is None else from_utc(at, self._meter.zone)
        return {"MPA": kw, "FMPA": when, "CMA": bits, "EPA": excess, "CE": quality}
