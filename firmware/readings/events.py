"""Events: ASDU 102 for each event record, answered by lists of 1 (protocol reference 6.7), each event once."""

from firmware.core import errors
from firmware.iec102 import timetag
from firmware.port import const

TYPE = "IEC102_EV"
_READ = const(102)
_SECTIONS = (52, 53, 54, 55, 128, 129, 131, 132, 133)
_DAY = const(86400)
# A section the meter lacks, or one without events in the range, is no failure.
_NOTHING = (13, 14, 15, 18)


async def read(master, meter, job):
    now = job.utc()
    for section in meter.options.get("event_records", _SECTIONS):
        name = "ev%d" % section
        if job.args:
            start, end = job.args
        else:
            start = meter.ledger.mark(name) or now - meter.options.get("event_days", 7) * _DAY
            end = now
        reader = Section(meter, job, section, start, "" if job.args else name)
        span = {
            "start": timetag.from_utc(start - 60, job.clock.zone),
            "end": timetag.from_utc(end + 60, job.clock.zone),
        }
        try:
            await master.stream(_READ, section, (span,), reader.take)
        except errors.NotAvailableError as refusal:
            if refusal.cause not in _NOTHING:
                raise


class Section:
    """One event record: emits what is newer than `after` (UTC) and moves its mark in the ledger behind it."""

    def __init__(self, meter, job, section, after, name):
        self.meter = meter
        self.job = job
        self.section = section
        self.after = after
        self.newest = after
        self.name = name  # of the mark in the ledger

    async def take(self, answer):
        out = self.job.out
        new = []
        for event in answer.objects:
            tag = event["time"]
            try:
                utc = tag.to_utc(self.job.clock.zone)
            except errors.AsduError:
                continue  # without a time an event can't be told from an old one
            if utc <= self.after:
                continue
            self.newest = max(self.newest, utc)
            if not new:
                self.job.envelope.begin(out, TYPE, self.job.utc(), self.meter.ident)
                out.int("REC", self.section)
                out.key("EV")
                out.raw("[")
            new.append(event)
            out.item()
            out.raw("{")
            for key, name in (("SPA", "spa"), ("SPQ", "spq"), ("SPI", "spi")):
                out.int(key, event[name])
            out.text("DT", "%s:%02d.%03d" % (tag.text()[:-2], tag.second, tag.millisecond))
            out.int("SU", tag.su)
            out.raw("}")
        if new:
            out.raw("]")
            await self.job.emit(out.end())
            if self.job.extended:
                await self.job.extended.events(self.section, new)
            if self.name:
                self.meter.ledger.set_mark(self.name, self.newest)
