"""What comes as tariff objects: daily closings ("fiscal close") and the current values (protocol reference 6.5).

TITAN reference 3.3: one `IEC102_CTAVM2` record with every tariff object of the reply. A closing that was already
delivered is left out of a scheduled reading unless the meter's `resend` option is on. A reply of many closings is
split between two of them so that a record stays below the log's limit.
"""

from binascii import crc32

from firmware.iec102 import errors, timetag
from firmware.iec102.totals import FIELDS
from firmware.meters.records.titan import begin, time

_CURRENT = const(133)
_STORED = const(134)
_CONTRACT_I = const(134)  # record addresses 134, 135, 136: contracts I, II, III
_SPLIT = const(600)
_DAY = const(86400)
_NOT_THERE = const((13, 18))  # causes: record or period not available


async def tariff(master, meter, job):
    """ASDU 133, answered by one 135 per tariff object."""
    out = begin(job)
    out.open("TAVC", "[")

    record = _CONTRACT_I + meter.options.get("contract", 1) - 1

    async def take(answer):
        for item in answer.objects:
            out.item()
            _write(job, item)
            if job.extended:
                await job.extended.tariff(record, item)

    await master.stream(_CURRENT, record, (), take)
    out.raw("]")
    await job.emit(out.end())


def _write(job, item):
    """One tariff object (types 135 and 136) with TITAN's 21 keys, times as `2022-07-11T13:49-1`."""
    out = job.out
    out.raw("{")
    for key, length in FIELDS:
        if length == 5:
            out.text(key, time(job, item[key]))
        else:
            out.int(job.format.object_key if key == "DO" else key, item[key])
    out.raw("}")


async def closings(master, meter, job):
    """ASDU 134 for the last days, answered by one 136 per tariff object."""
    options = meter.options
    record = _CONTRACT_I + options.get("contract", 1) - 1
    if job.args:
        start, end = (timetag.from_utc(utc, job.clock.zone) for utc in job.args)
    else:
        end = timetag.from_utc(job.utc() + _DAY, job.clock.zone)
        start = timetag.from_utc(job.utc() - options.get("days", 31) * _DAY, job.clock.zone)
        for tag in (start, end):
            tag.hour = tag.minute = 0
    collector = Closings(meter, job, record, options.get("resend") or job.result is not None)
    try:
        await master.stream(_STORED, record, ({"start": start, "end": end},), collector.take)
    except errors.NotAvailableError as refusal:
        if job.result is not None or refusal.cause not in _NOT_THERE:
            raise
        # Nothing was closed in these days; asking again would not help.
    except errors.Iec102Error:
        await collector.broken()
        raise
    await collector.finish()


class Closings:
    """Gathers the tariff objects of a reply into as few records as may be."""

    def __init__(self, meter, job, record, everything):
        self.meter = meter
        self.job = job
        self.record = record
        self.everything = everything
        self.keys = []
        self.open = False
        self.whole = 0  # length of the open record up to the last complete closing; 0: it has none
        self.count = 0  # objects of the closing under way

    async def take(self, answer):
        out, keys = self.job.out, self.keys
        for item in answer.objects:
            # One key per closing: contract and period. Its objects follow each other.
            period = "%d %s %s" % (self.record, item["DINI"].text(), item["DEND"].text())
            key = crc32(period.encode())
            if not self.everything and self.meter.ledger.seen(key):
                continue
            if not keys or key != keys[-1]:
                if self.open and out.length > _SPLIT:
                    await self._close()
                self.whole = out.length if self.open else 0
                self.count = 0
                keys.append(key)
            if not self.open:
                self._begin()
            out.item()
            _write(self.job, item)
            self.count += 1
            if self.job.extended and self._unwritten(key):
                await self.job.extended.tariff(self.record, item)

    def _unwritten(self, key):
        """Whether the extended form of this object was not kept before an earlier attempt broke off."""
        done = self.meter.partial
        return not done or done[0] != key or self.count > done[1]

    def _begin(self):
        begin(self.job).open("CTAVM2", "[")
        self.open = True

    async def _close(self):
        self.job.out.raw("]")
        self.open = False
        await self.job.emit(self.job.out.end())

    async def broken(self):
        """The reply broke off: keep the closings that are complete; the next attempt brings the others."""
        if self.job.result is not None or not self.keys:
            return
        self.meter.partial = (self.keys.pop(), self.count)
        if self.open and self.whole:
            self.job.out.length = self.whole
            await self._close()
        await self._remember()

    async def finish(self):
        """Emit the last record; on demand also an empty one, so that the asker sees that nothing is there."""
        if not self.open and self.job.result is not None and not self.keys:
            self._begin()
        if self.open:
            await self._close()
        if self.job.result is None:
            self.meter.partial = None
            await self._remember()

    async def _remember(self):
        if self.keys:
            for key in self.keys:
                self.meter.ledger.add(key)
            await self.job.flush()
