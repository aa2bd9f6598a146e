"""The load curve: increments per period (123, or blocks 190 where the meter has them), without gaps.

The ledger keeps up to which period end everything has been got. Each reading goes on from there to now, in pieces
of a day, so that a month without power is caught up session by session and no other meter waits long. One record
per period, its time the label of the meter: the END of the period (protocol reference 6.3).
"""

from firmware.iec102 import errors, timetag
from firmware.meters.records.titan import begin, time

_INCREMENTS = const(123)
_BLOCKS = const(190)
_BLOCK_OF_8 = const(9)
_FIRST = const(1)
_LAST = const(8)
_DAY = const(86400)
_PIECES = const(4)  # days fetched in one session at the most
_HOURLY = const(11)
_QUARTERLY = const(12)
_NOT_THERE = const((13, 18))  # causes: record or period not available
_NO_SUCH_TYPE = const(14)
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
    mark = meter.ledger.mark(name) or now - meter.options.get("curve_days", 1) * _DAY
    for _ in range(_PIECES):
        if mark >= now:
            break
        end = min(mark + _DAY, now)
        piece = Piece(meter, job, record, mark, end, name)
        try:
            await piece.fetch(master)
        except errors.NotAvailableError as refusal:
            if refusal.cause not in _NOT_THERE:
                raise
        # A period the meter does not have will not come by asking again; one it has not closed yet will.
        mark = end if end < now else max(piece.newest, min(mark, now))
        if piece.newest or end < now:
            meter.ledger.set_mark(name, mark)
            await job.flush()
        if end == now:
            break


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

    async def fetch(self, master):
        zone = self.job.clock.zone
        # A margin on both sides: meters disagree on whether the borders belong to the range.
        span = {
            "start": timetag.from_utc(self.start - 3600, zone),
            "end": timetag.from_utc(self.end + 3600, zone),
        }
        if not self.meter.no_blocks:
            try:
                span["address"] = _BLOCK_OF_8
                await master.stream(_BLOCKS, self.record, (span,), self.blocks)
                return
            except errors.NotAvailableError as refusal:
                if refusal.cause != _NO_SUCH_TYPE:
                    raise
                self.meter.no_blocks = True
        span = {"first": _FIRST, "last": _LAST, "start": span["start"], "end": span["end"]}
        await master.stream(_INCREMENTS, self.record, (span,), self.totals)

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
            return  # a label that is no time belongs to no period
        if not self.start < utc <= self.end:
            return
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
            await self.job.extended.period(
                self.record, period_of(self.meter, self.record), tag, pairs
            )
        if self.name:
            self.meter.ledger.set_mark(self.name, self.newest)
