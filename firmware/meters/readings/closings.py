"""What comes as tariff objects: daily closings ("fiscal close") and the current values (protocol reference 6.5).

TITAN reference 3.3: one `IEC102_CTAVM2` record with every tariff object of the reply. A closing that was already
delivered is left out of a scheduled reading unless the meter's `resend` option is on. A reply of many closings is
split between two of them so that a record stays below the log's limit.
"""

from binascii import crc32

from firmware.iec102 import errors
from firmware.iec102.totals import FIELDS
from firmware.meters.records.titan import begin, span, time

_CURRENT = const(133)
_STORED = const(134)
_CONTRACT_I = const(134)  # record addresses 134, 135, 136: contracts I, II, III
_SPLIT = const(600)
_DAY = const(86400)
_NEVER = const(0xFFFFFFFF)
_NOT_THERE = const((13, 18))  # causes: record or period not available


async def tariff(master, meter, job):
    """ASDU 133, answered by one 135 per tariff object."""
    out = begin(job)
    out.open("TAVC", "[")
    seen = []

    record = _CONTRACT_I + meter.options.get("contract", 1) - 1

    async def take(answer):
        for item in answer.objects:
            if item["DO"] in seen:
                continue
            seen.append(item["DO"])
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
        start, end = job.args
    else:
        end = job.utc()
        start = end - options.get("days", 31) * _DAY
        start -= (start + job.clock.zone.offset(start)) % _DAY
        if meter.partial and job.result is None:
            # On from where the session before broke off, from whichever end the meter begins.
            start, end = max(start, meter.partial[2]), min(end, meter.partial[3])
    collector = Closings(meter, job, record, options.get("resend") or job.result is not None)
    try:
        await span(master, job, _STORED, record, start, end, collector.take)
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
        self.seen = []  # their addresses
        self.first = self.last = None  # the first closing and the one under way: an object of each

    async def take(self, answer):
        out, keys = self.job.out, self.keys
        for item in answer.objects:
            # One key per closing: contract and period. Its objects follow each other.
            period = "%d %s %s" % (self.record, item["DINI"].text(), item["DEND"].text())
            key = crc32(period.encode())
            if not self.everything and self.meter.ledger.seen(key):
                continue
            if key in keys and (key != keys[-1] or item["DO"] in self.seen):
                continue  # some meters send twice
            if not keys or key != keys[-1]:
                if self.open and out.length > _SPLIT:
                    await self._close()
                self.whole = out.length if self.open else 0
                self.count = 0
                self.seen = []
                keys.append(key)
                self.last = item
                self.first = self.first or item
            self.seen.append(item["DO"])
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
        start, end = 0, _NEVER
        try:
            zone = self.job.clock.zone
            start, end = self.last["DINI"].to_utc(zone), self.last["DEND"].to_utc(zone)
            if start < self.first["DINI"].to_utc(zone):
                start = 0  # it begins with the newest
            else:
                end = _NEVER
        except errors.AsduError:
            pass  # all of it once more
        self.meter.partial = (self.keys.pop(), self.count, start, end)
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
