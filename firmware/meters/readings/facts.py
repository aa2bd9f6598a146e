"""What a meter tells about itself: events, its clock, identity, contracted powers, configuration.

Of the protocol reference: identity 6.2, powers and configuration 6.6, events 6.7. Each event is read once. Setting the
clock is off by default (option `set_clock`) and never moves it by more than `max_step` seconds: a larger difference
wants a person. As a last resort the device takes its own time from the meter.
"""

from binascii import crc32

from firmware.core import clock, log
from firmware.iec102 import errors, timetag
from firmware.meters.records.titan import begin, envelope, span, time

_IDENTITY = const(100)
_EVENTS = const(102)
_CLOCK = const(103)
_SETUP = const(141)
_POWERS = const(144)
_SET_CLOCK = const(181)
_CONTRACT_I = const(134)
_SECTIONS = const((52, 53, 54, 55, 128, 129, 131, 132, 133))
_DAY = const(86400)
_KEY = const(0x3FFFFFFF)
_EVENTS_KEPT = const(100)
_TAIL = const(16)
# A section the meter lacks, or one without events in the range, is no failure.
_NOTHING = const((13, 14, 15, 18))
# A difference of the clocks below this is the line's and the tag's own resolution.
_LEAST_STEP = const(2)


async def identity(master, meter, job):
    """ASDU 100, answered by 71."""
    item = (await master.read(_IDENTITY)).objects[0]
    out = begin(job)
    out.int("MAN", item["manufacturer"])
    out.int("EQ", item["equipment"])
    out.text("STD", "%04d-%02d" % (item["standard_year"], item["standard_month"]))
    await job.emit(out.end())
    if job.extended:
        await job.extended.identity(item)


async def setup(master, meter, job):
    """ASDU 141, answered by 142."""
    item = (await master.read(_SETUP)).objects[0]
    out = begin(job)
    # MicroPython keeps no order of its own.
    for name in sorted(item):
        value = item[name]
        if isinstance(value, int):
            out.int(name.upper(), value)
        else:
            out.text(name.upper(), value if isinstance(value, str) else time(job, value))
    await job.emit(out.end())
    if job.extended:
        await job.extended.setup(item)


async def power(master, meter, job):
    """ASDU 144, answered by 145."""
    record = _CONTRACT_I + meter.options.get("contract", 1) - 1
    answer = await master.read(_POWERS, record)
    out = begin(job)
    out.text("DT", time(job, answer.time))
    out.open("PC", "[")
    for item in answer.objects:
        out.item()
        out.raw("{")
        out.int(job.format.object_key, item["address"])
        out.int("PC", item["power"])
        out.raw("}")
    out.raw("]")
    await job.emit(out.end())
    if job.extended:
        await job.extended.power(record, answer)


# --- events


async def events(master, meter, job):
    """ASDU 102 for each event record, answered by lists of 1. True: the meter has none at all.

    A record that is refused takes no other along; it is a failure where nothing else was read.
    """
    now = job.utc()
    good, wrong = False, None
    for section in meter.options.get("event_records", _SECTIONS):
        name = "" if job.args else "%d" % section
        reader = Section(meter, job, section, now, name)
        end = now
        if job.args:
            reader.after, end = job.args
        try:
            await span(master, job, _EVENTS, section, reader.after - 60, end, reader.take)
            good = True
        except (errors.Refusal, errors.AsduError) as refusal:
            if getattr(refusal, "cause", 0) not in _NOTHING:
                wrong = refusal
                log.warn("meter", "%s: event record %d: %s", meter.ident, section, refusal)
    if wrong and not good:
        raise wrong
    return not good


class Section:
    """One event record: emits what is newer than its mark in the ledger and moves that behind it.

    Events of one second may come in two readings, and those of a meter that is ahead are beyond now, where no mark
    goes: the ledger has the keys (30 bits each) of those from the mark on, too.
    """

    def __init__(self, meter, job, section, now, name):
        self.meter = meter
        self.job = job
        self.section = section
        self.name = name  # of the marks in the ledger
        self.now = now
        known = 0
        self.after = meter.ledger.mark("ev" + name) if name else 0
        if 0 < self.after <= now:
            known = meter.ledger.mark("es" + name)
        else:
            self.after = now - meter.options.get("event_days", 7) * _DAY
        self.exact = known > 0 or not name
        self.newest = self.after
        self.tail = []  # (UTC, key) from the newest on
        self.seen = []
        while known:
            self.seen.append(known & _KEY)
            known >>= 30

    def _is_new(self, event):
        try:
            utc = event["time"].to_utc(self.job.clock.zone)
        except errors.AsduError:
            return False  # without a time an event can't be told from an old one
        if utc < self.after or (utc == self.after and not self.exact):
            return False
        words = "%d %d %d %d %d" % (utc, event["time"].millisecond, event["spa"], event["spq"], event["spi"])
        key = crc32(words.encode()) & _KEY
        new = key not in self.seen
        if new:
            self.seen.append(key)
            if len(self.seen) > _EVENTS_KEPT:
                self.seen.pop(0)
        self.newest = max(self.newest, min(utc, self.now))
        if (utc, key) not in self.tail:
            self.tail.append((utc, key))
        self.tail = [each for each in self.tail if each[0] >= self.newest][-_TAIL:]
        return new

    async def take(self, answer):
        out = self.job.out
        new = []
        for event in answer.objects:
            if not self._is_new(event):
                continue
            tag = event["time"]
            if not new:
                begin(self.job)
                out.int("REC", self.section)
                out.open("EV", "[")
            new.append(event)
            out.item()
            out.raw("{")
            for name in ("spa", "spq", "spi"):
                out.int(name.upper(), event[name])
            out.text("DT", "%s:%02d.%03d" % (tag.text()[:-2], tag.second, tag.millisecond))
            out.int("SU", tag.su)
            out.raw("}")
        if new:
            out.raw("]")
            await self.job.emit(out.end())
            if self.job.extended:
                await self.job.extended.events(self.section, new)
            if self.name:
                known = 0
                for _, key in self.tail:
                    known = known << 30 | key
                self.meter.ledger.set_mark("ev" + self.name, self.newest)
                self.meter.ledger.set_mark("es" + self.name, known)


# --- the clock


async def meterclock(master, meter, job):
    """ASDU 103, answered by 72; how far the clock is off, and setting it (181) where that is allowed."""
    answer = await master.read(_CLOCK)
    tag = answer.objects[0]["time"]
    now = job.utc()
    try:
        theirs = tag.to_utc(job.clock.zone)
    except errors.AsduError:
        theirs = None  # a clock that was never set
    if theirs is not None and not tag.iv:
        if job.clock.source in (clock.UNKNOWN, clock.METER):
            job.clock.set(theirs, clock.METER)
            now = job.utc()
        else:
            meter.drift = theirs - now
    drift = meter.drift
    was_set = await _maybe_set(master, meter, job)
    out = job.out
    envelope(out, job.format, job.type, now, meter.ident)
    out.text("DT", time(job, tag))
    out.int("DRIFT", meter.drift)
    out.flag("IV", tag.iv)
    out.flag("SET", was_set)
    await job.emit(out.end())
    if job.extended:
        await job.extended.clock(tag, drift, was_set)


async def _maybe_set(master, meter, job):
    """Send ASDU 181 if the settings allow it and it is needed; returns whether it was done."""
    drift = meter.drift
    if not meter.options.get("set_clock") or drift is None or abs(drift) < _LEAST_STEP:
        return False
    if job.clock.source < clock.MODEM:
        return False
    if abs(drift) > meter.options.get("max_step", 60):
        log.warn("meter", "%s: clock is off by %d s, more than may be set", meter.ident, drift)
        return False
    tag = timetag.from_utc(job.utc(), job.clock.zone, True)
    await master.command(_SET_CLOCK, 0, ({"time": tag},))
    log.info("meter", "%s: clock set, it was off by %d s", meter.ident, drift)
    meter.drift = 0
    return True
