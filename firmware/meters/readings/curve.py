"""The load curve: increments per period (123, or blocks 190 where the meter has them), without gaps.

The ledger keeps up to which period end everything has been got. Each reading goes on from there to now, in pieces
of a day, so that a month without power is caught up session by session and no other meter waits long. One record
per period, its time the label of the meter: the END of the period (protocol reference 6.3).
"""

from firmware.core import log
from firmware.core.compat import monotonic_s
from firmware.iec102 import errors
from firmware.meters.records.titan import begin, span, time

_INCREMENTS = const(123)
_BLOCKS = const(190)
_BLOCK_OF_8 = const(9)
_FIRST = const(1)
_LASTS = const((8, 6, 1))  # totals that meters have
_MARGIN = const(3600)
_LABELS = const(100)  # that are remembered, since some send twice
_DAY = const(86400)
_PIECES = const(40)  # ten times the days fetched in one session at the most; one that brings nothing is a tenth
_HOURLY = const(11)
_QUARTERLY = const(12)
_NOT_THERE = const((13, 18))  # causes: record or period not available
_NO_SUCH_TYPE = const(14)
_NO_OBJECT = const(17)
_ODD_OBJECT = const(129)  # code of an error (core/errors.py)
# Names of the eight integrated totals by object address (protocol reference 3.3).
_TOTALS = const(("AI", "AE", "R1", "R2", "R3", "R4", "R7", "R8"))


async def curve(master, meter, job):
    record = meter.options.get("curve_record", _HOURLY)
    if job.args:
        await Piece(meter, job, record, *job.args).fetch(master)
        return
    period = period_of(meter, record)
    now = job.utc() // period * period
    name = "lc%d" % record
    mark = meter.ledger.mark(name)
    if not 0 < mark <= now:
        # Never, or when the clock was ahead.
        mark = now - meter.options.get("curve_days", 1) * _DAY
    # That goes by our clock, which may have been wrong then.
    shift = job.utc() - monotonic_s()
    if meter.passed and abs(meter.passed[1] - shift) < _MARGIN:
        mark = max(mark, meter.passed[0])
    left = _PIECES
    while mark < now and left > 0:
        end = min(mark + _DAY, now)
        piece = Piece(meter, job, record, mark, end, name)
        try:
            await piece.fetch(master)
        except errors.NotAvailableError as refusal:
            if refusal.cause not in _NOT_THERE:
                raise
        await job.flush()
        if end == now:
            break
        # A period the meter does not have will not come by asking again. That is not kept: the ledger's mark is of
        # what has come, whatever our clock says.
        mark = piece.newest if master.unended and piece.newest else end
        meter.passed = (mark, shift)
        left -= 10 if piece.newest else 1


def period_of(meter, record):
    """Seconds of a period of the curve: the setting, else what the record stands for."""
    return (meter.options.get("curve_minutes") or (60 if record == _HOURLY else 15)) * 60


class Piece:
    """The periods with an end in (start, end], UTC."""

    def __init__(self, meter, job, record, start, end, name=""):
        self.meter = meter
        self.job = job
        self.record = record
        self.start = start
        self.end = end
        self.newest = 0
        self.name = name  # of the mark in the ledger; it moves with each period
        self.seen = []  # minutes of the last labels
        self.odd = 0  # labels that are no time

    async def fetch(self, master):
        # A margin on both sides: meters disagree on whether the borders belong to the range.
        first = None
        try:
            if not self.meter.no_blocks:
                try:
                    if await self._ask(master, _BLOCKS, self.blocks, {"address": _BLOCK_OF_8}):
                        return
                except (errors.Refusal, errors.AsduError) as refusal:
                    first = refusal
                    self.meter.no_blocks = getattr(refusal, "cause", 0) == _NO_SUCH_TYPE
            newest = self.newest
            for last in _LASTS:
                try:
                    await self._ask(master, _INCREMENTS, self.totals, {"first": _FIRST, "last": last})
                    break
                except errors.NotAvailableError as refusal:
                    if refusal.cause == _NO_OBJECT and last > _FIRST:
                        continue
                    if refusal.cause == _NO_SUCH_TYPE and first:
                        raise first from None
                    raise
            # Whoever gives single values only need not be asked for blocks.
            self.meter.no_blocks = self.meter.no_blocks or self.newest > newest
        finally:
            if self.odd:
                self.meter.missed += self.odd
                log.warn("meter", "%s: %d periods dropped, their label is no time", self.meter.ident, self.odd)

    def _ask(self, master, type, take, more):
        step = period_of(self.meter, self.record)
        start, end = self.start - _MARGIN, self.end + _MARGIN
        return span(master, self.job, type, self.record, start, end, take, more, step)

    async def blocks(self, answer):
        for block in answer.objects:
            await self._period(block["time"], list(enumerate(block["totals"], 1)))

    async def totals(self, answer):
        await self._period(answer.time, [(item["address"], item) for item in answer.objects])

    async def _period(self, tag, pairs):
        """Write one period: `REC`, its end `DT`, then value and qualifier of each total.

        `pairs` is a list of (object address 1..8, dict with `value` and `qualifier`).
        """
        try:
            utc = tag.to_utc(self.job.clock.zone)
        except errors.AsduError:
            self.odd += 1
            return
        minute = (utc - self.start) // 60
        if not self.start < utc <= self.end or minute in self.seen:
            return
        self.seen.append(minute)
        if len(self.seen) > _LABELS:
            self.seen.pop(0)
        for address, _ in pairs:
            if not 0 < address <= len(_TOTALS):
                raise errors.AsduError(_ODD_OBJECT, address, _INCREMENTS)
        self.newest = max(self.newest, utc)
        out = begin(self.job)
        out.int("REC", self.record)
        out.text("DT", time(self.job, tag))
        for address, total in pairs:
            name = _TOTALS[address - 1]
            out.int(name, total["value"])
            out.int("C" + name, total["qualifier"])
        await self.job.emit(out.end())
        if self.job.extended:
            await self.job.extended.period(self.record, period_of(self.meter, self.record), tag, pairs)
        if self.name:
            self.meter.ledger.set_mark(self.name, self.newest)
