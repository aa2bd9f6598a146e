"""Daily closings ("fiscal close"): ASDU 134 for the last days, answered by one 136 per tariff object.

TITAN reference 3.3: one `IEC102_CTAVM2` record with every tariff object of the reply. A closing that was already
delivered is left out of a scheduled reading unless the meter's `resend` option is on. A reply of many closings is
split between two of them so that a record stays below the log's limit.
"""

from binascii import crc32

from firmware.core.errors import Iec102Error, NotAvailableError
from firmware.iec102 import timetag
from firmware.port import const
from firmware.readings import forms

TYPE = "IEC102_CTAVM2"
_STORED = const(134)
_CONTRACT_I = const(134)  # record addresses 134, 135, 136: contracts I, II, III
_SPLIT = const(600)
_DAY = const(86400)
_NOT_THERE = (13, 18)  # causes: record or period not available


async def read(master, meter, job):
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
    except NotAvailableError as refusal:
        if job.result is not None or refusal.cause not in _NOT_THERE:
            raise
        # Nothing was closed in these days; asking again would not help.
    except Iec102Error:
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
            forms.tariff(self.job, item)
            self.count += 1
            if self.job.extended and self._unwritten(key):
                await self.job.extended.tariff(TYPE, self.record, item)

    def _unwritten(self, key):
        """Whether the extended form of this object was not kept before an earlier attempt broke off."""
        done = self.meter.partial
        return not done or done[0] != key or self.count > done[1]

    def _begin(self):
        out = self.job.out
        self.job.envelope.begin(out, TYPE, self.job.utc(), self.meter.ident)
        out.key("CTAVM2")
        out.raw("[")
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
