"""Readings to JSON, written piece by piece into one reusable buffer.

`titan` form: the exact keys, order and integers of the router this device replaces (TITAN reference 3.1 to
3.3): `IMEI, TYPE, TS, P, ID`, then the data; no blanks. Nothing here knows where a record goes.
"""

from firmware.port import const

_GROW = const(512)
_HEX = "0123456789abcdef"


class Writer:
    """A JSON object being written into a buffer that only ever grows.

    `begin()`, any number of `raw/key/int/text/…`, `end()`; `view()` is a memoryview of what was written,
    valid until the next `begin()`.
    """

    def __init__(self, size=1024):
        self._buf = bytearray(size)
        self.length = 0

    def begin(self):
        self.length = 0
        self.raw("{")

    def end(self):
        self.raw("}")
        return self.view()

    def view(self):
        return memoryview(self._buf)[: self.length]

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


def civil(utc):
    """(year, month, day, hour, minute, second) of UTC seconds, in integers only."""
    days, rest = divmod(utc, 86400)
    # Days since 0000-03-01 in the proleptic Gregorian calendar, in 400-year eras.
    days += 719468
    era, doe = divmod(days, 146097)
    yoe = (doe - doe // 1460 + doe // 36524 - doe // 146096) // 365
    doy = doe - (365 * yoe + yoe // 4 - yoe // 100)
    mp = (5 * doy + 2) // 153
    month = mp + 3 if mp < 10 else mp - 9
    return (
        yoe + era * 400 + (month <= 2),
        month,
        doy - (153 * mp + 2) // 5 + 1,
        rest // 3600,
        rest // 60 % 60,
        rest % 60,
    )


def stamp(utc, form="unix"):
    """The TS text of a record, JSON-ready (with its quotes where it is a string).

    `unix` is what TITAN calls so: ISO 8601 UTC with a Z. Others: `seconds`, `milliseconds` since 1970,
    `classic` (`dd/mm/yy hh:mm:ss`, UTC).
    """
    if form == "seconds":
        return "%d" % utc
    if form == "milliseconds":
        return "%d000" % utc
    y, mo, d, h, mi, s = civil(utc)
    if form == "classic":
        return '"%02d/%02d/%02d %02d:%02d:%02d"' % (d, mo, y % 100, h, mi, s)
    return '"%04d-%02d-%02dT%02d:%02d:%02dZ"' % (y, mo, d, h, mi, s)


class Envelope:
    """What every record of this device starts with: `IMEI`, `TYPE`, `TS`, `P` and the meter's `ID`."""

    def __init__(self, imei, logger_id, time_form="unix"):
        self.imei = imei
        self.logger_id = logger_id
        self.time_form = time_form

    def begin(self, out, kind, utc, meter_id):
        out.begin()
        out.text("IMEI", self.imei)
        out.text("TYPE", kind)
        out.key("TS")
        out.raw(stamp(utc, self.time_form))
        out.text("P", self.logger_id)
        out.text("ID", meter_id)


_PHASES = ("T", "F1", "F2", "F3")


def instant(out, envelope, utc, meter_id, objects):
    """Write the `IEC102` record of a 163 answer (`objects` as the codec gives them); returns the view.

    Values are the wire's integers (kWh, kvarh, kW, kvar, per mille, 0.1 A, 0.1 V). An object the meter
    does not have leaves its keys out.
    """
    by_address = {item["address"]: item for item in objects}
    envelope.begin(out, "IEC102", utc, meter_id)
    totals = by_address.get(192)
    if totals:
        values = totals["totals"]
        # A+, Q1 and Q4: absolute active, inductive and capacitive (TITAN reference O6).
        for key, index in (("VABA", 0), ("VABRI", 2), ("VABRC", 5)):
            out.int(key, values[index]["value"])
    powers = by_address.get(193)
    if powers:
        for suffix, power in zip(_PHASES, powers["powers"]):
            out.int("PA" + suffix, power["active"])
            out.int("PR" + suffix, power["reactive"])
            out.int("FP" + suffix, power["cos_phi"])
    phases = by_address.get(194)
    if phases:
        for suffix, phase in zip(_PHASES[1:], phases["phases"]):
            out.int("I" + suffix, phase["current"])
            out.int("T" + suffix, phase["voltage"])
    return out.end()


_TARIFF_KEYS = (
    "DO EaA EiA CA EaRi EiRi CRi EaRc EiRc CRc R7 C7 R8 C8 MPA FMPA CMA EPA CE DINI DEND".split()
)
_TIMES = ("FMPA", "DINI", "DEND")


def tariff(out, item):
    """Write one tariff object (types 135 and 136) with TITAN's 21 keys, times as `2022-07-11T13:49-1`."""
    out.raw("{")
    for key in _TARIFF_KEYS:
        if key in _TIMES:
            out.text(key, item[key].text())
        else:
            out.int(key, item[key])
    out.raw("}")


# Names of the eight integrated totals by object address (protocol reference 3.3).
_TOTALS = ("AI", "AE", "R1", "R2", "R3", "R4", "R7", "R8")


def period(out, record, tag, pairs):
    """Write one period of a load curve: `REC`, its end `DT`, then value and qualifier of each total.

    `pairs` is a list of (object address 1..8, dict with `value` and `qualifier`).
    """
    out.int("REC", record)
    out.text("DT", tag.text())
    for address, total in pairs:
        name = _TOTALS[address - 1]
        out.int(name, total["value"])
        out.int("C" + name, total["qualifier"])
