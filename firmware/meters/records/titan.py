"""Readings to JSON, written piece by piece into one reusable buffer.

`titan` form: the exact keys, order and integers of the router this device replaces (TITAN reference 3.1 to
3.3): `IMEI, TYPE, TS, P, ID`, then the data; no blanks. Nothing here knows where a record goes.
"""

from firmware.core.zone import civil, iso
from firmware.iec102 import errors, timetag

_GROW = const(512)
_HEX = const("0123456789abcdef")


class Writer:
    """A JSON object being written into a buffer (a bytearray or memoryview, or how many bytes of one) that only
    ever grows.

    `begin()`, any number of `raw/key/int/text/…`, `end()`; `view()` is a memoryview of what was written,
    valid until the next `begin()`.
    """

    def __init__(self, size=1024):
        self._buf = bytearray(size) if isinstance(size, int) else size
        self.length = 0

    def begin(self):
        self.length = 0
        self.raw("{")

    def end(self):
        self.raw("}")
        return self.view()

    def view(self):
        return memoryview(self._buf)[: self.length]

    def rest(self):
        """What is free behind the record, as a memoryview: for another record until this one goes on."""
        return memoryview(self._buf)[self.length :]

    def raw(self, text):
        """Append `text` (ASCII str, or bytes) as it stands."""
        data = text.encode() if isinstance(text, str) else text
        end = self.length + len(data)
        if end > len(self._buf):
            # One copy per growth; the buffer keeps its size for the next record of this kind.
            grown = bytearray((end // _GROW + 1) * _GROW)
            grown[: self.length] = memoryview(self._buf)[: self.length]
            self._buf = grown
        self._buf[self.length : end] = data
        self.length = end

    def key(self, name):
        self.raw('"%s":' % name if self._first() else ',"%s":' % name)

    def open(self, name, mark="{"):
        """Begin an object, or with `[` a list; whoever has put in what belongs there writes its end."""
        self.key(name)
        self.raw(mark)

    def _first(self):
        return self._buf[self.length - 1] in b"{["

    def item(self):
        """Separate the next array element from the one before."""
        if not self._first():
            self.raw(",")

    def int(self, name, value):
        self.key(name)
        self.raw("null" if value is None else "%d" % value)

    def flag(self, name, value):
        self.key(name)
        self.raw("true" if value else "false")

    def text(self, name, value):
        self.key(name)
        self.string(value)

    def string(self, value):
        """Append `value` (str) as a JSON string; anything outside printable ASCII is escaped or UTF-8."""
        if any(ord(c) < 32 or c in '"\\' for c in value):
            out = ""
            for c in value:
                code = ord(c)
                if c in '"\\':
                    out += "\\" + c
                elif code < 32:
                    out += "\\u00" + _HEX[code >> 4] + _HEX[code & 15]
                else:
                    out += c
            value = out
        self.raw('"')
        self.raw(value)
        self.raw('"')


def stamp(utc, form="unix"):
    """The TS text of a record, JSON-ready (with its quotes where it is a string).

    `unix` is what TITAN calls so: ISO 8601 UTC with a Z. Others: `seconds`, `milliseconds` since 1970,
    `classic` (`dd/mm/yy hh:mm:ss`, UTC).
    """
    if form == "seconds":
        return "%d" % utc
    if form == "milliseconds":
        return "%d000" % utc
    if form == "classic":
        y, mo, d, h, mi, s = civil(utc)
        return '"%02d/%02d/%02d %02d:%02d:%02d"' % (d, mo, y % 100, h, mi, s)
    return '"%s"' % iso(utc)


def envelope(out, form, kind, utc, meter_id, time_form=None):
    """Start a record of TYPE `kind` with what each has: `IMEI`, `TYPE`, `TS`, `P` and the meter's `ID`."""
    out.begin()
    out.text("IMEI", form.imei)
    out.text("TYPE", kind)
    out.key("TS")
    out.raw(stamp(utc, time_form or form.time_form))
    out.text("P", form.logger_id)
    out.text("ID", meter_id)


def begin(job):
    """Start a record of what a Job (firmware/meters/session.py) reads; returns its Writer."""
    envelope(job.out, job.format, job.type, job.utc(), job.meter.ident)
    return job.out


async def span(master, job, type, record, start, end, take, more=(), step=900):
    """master.stream() of a range, UTC, with `more` in its object. What the first try brings stays.

    Its end is not beyond now: meters refuse that (cause 18). One whose clock is behind ours is asked once more, `step`
    seconds earlier, and four times that.
    """
    now, zone = job.utc(), job.clock.zone
    end = min(end, now or end)
    for back in (0, step, 4 * step):
        item = dict(more, start=timetag.from_utc(min(start, end - back), zone), end=timetag.from_utc(end - back, zone))
        try:
            return await master.stream(type, record, (item,), take)
        except errors.NotAvailableError as refusal:
            if refusal.cause != 18 or back > step or end < now - step:
                raise
    return 0


def time(job, tag):
    """The text of a time tag: `2022-07-11T13:49` and the summer-time bit, the offset from UTC, or nothing.

    The setting logger.tags says which: summer, offset, plain.
    """
    text, form = tag.text(), job.format.tags
    if form == "summer":
        return text
    if form == "offset" and tag.possible():
        return text[:-2] + offset_text(offset_of(tag, job.clock.zone))
    return text[:-2]


def offset_of(tag, zone):
    """Seconds that a tag's local time is ahead of UTC, as its summer-time bit says."""
    return zone.standard + (3600 if tag.su and zone.has_summer else 0)


def offset_text(offset):
    return "+%02d:%02d" % (offset // 3600, offset // 60 % 60)
