"""What a record is in the database: its key, its values; and what cannot be one.

Key: device, meter, type, form, contract, object and `at`, the end of the period or, where there is none, TS. All that
docs/json.md describes has one row a message, but for two: closings have a row a tariff object and closing, events a
row an event, so that a repeat is known however the device has put them together.
"""

import hashlib
import json
from collections import namedtuple

from tools.fleet.faults import Bad, Fault
from tools.fleet.times import moment, never, stamp

# device, meter, type, form, object: text; contract: int, 0 where the record does not tell it; at, read: UTC seconds
# (read: TS); digest: text of the values alone; data: JSON text.
Row = namedtuple("Row", "device meter type form contract object at read digest data")
KEY = Row._fields[:7]

LONGEST = 65536
_EARLIEST = 1577836800  # 2020-01-01
# Closings and curves may reach back.
_OLDEST = 946684800  # 2000-01-01
_AHEAD_S = 86400
_ENVELOPE = ("IMEI", "TYPE", "TS", "P", "ID", "FORM")
_KEYED_BY_TS = ("IEC102", "IEC102_ID", "IEC102_CLOCK", "IEC102_PC", "IEC102_CFG")


def parse(payload, zone, now, device=""):
    """(rows, faults) of one message; with faults it is kept aside as it came, its good rows are kept all the same.

    `payload`: bytes; `zone`: firmware.core.zone.Zone of the meters; `now`: UTC seconds; `device`: the topic's.
    """
    try:
        record = load(payload)
        name, kind = imei(record, device), _text(record, "TYPE", 40)
        read = stamp(record.get("TS"))
        if not _EARLIEST <= read <= now + _AHEAD_S:
            raise Bad("clock", "TS %s" % json.dumps(record["TS"]))
        meter = _text(record, "ID", 64) if "ID" in record else ""
        form = "extended" if record.get("FORM") == "extended" else "titan"
        return _Message(record, (name, meter, kind, form), read, zone, now).rows()
    except Bad as error:
        return [], [error.fault]
    except RecursionError:
        return [], [Fault("json", "nested too deeply")]


def load(payload):
    """The JSON object in some bytes, with nothing in it that a database cannot hold; Bad."""
    if len(payload) > LONGEST:
        raise Bad("size", "%d bytes" % len(payload))
    try:
        text = payload.decode()
        record = json.loads(text, parse_constant=_constant, parse_float=_float)
        if "\\u" in text:
            dump(record).encode()  # half a surrogate pair is JSON, but no text
    except (ValueError, RecursionError) as error:
        raise Bad("json", str(error)) from None
    if not isinstance(record, dict):
        raise Bad("json", "no object but %s" % type(record).__name__)
    if "\\u0000" in text and "\0" in texts(record):
        raise Bad("json", "a NUL in a text")
    return record


def imei(record, device):
    """The device's name in a record that came on the topic of `device` ("" where it has none); Bad."""
    name = _text(record, "IMEI", 15)
    if any(mark in name for mark in "/+#$"):
        raise Bad("form", "IMEI %s is no level of a topic" % name)
    if device and device != name:
        raise Bad("device", "IMEI %s on the topic of %s" % (name, device))
    return name


def _float(text):
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError("%s is too large" % text[:40])
    return value


def _constant(name):
    raise ValueError("%s is no JSON" % name)


def texts(value):
    """All texts in a JSON value, keys included, one after the other."""
    if isinstance(value, dict):
        return "".join(key + texts(each) for key, each in value.items())
    if isinstance(value, list):
        return "".join(texts(each) for each in value)
    return value if isinstance(value, str) else ""


def dump(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def digest(data):
    return hashlib.sha256(data.encode()).hexdigest()[:32]


def _text(record, key, most):
    value = record.get(key)
    if not isinstance(value, str) or not 0 < len(value) <= most:
        raise Bad("form", "%s is %s" % (key, json.dumps(value)[:80]))
    return value


class _Message:
    """One message being taken apart."""

    def __init__(self, record, head, read, zone, now):
        self.record = record
        self.head = head
        self.read = read
        self.zone = zone
        self.now = now

    def rows(self):
        kind, form = self.head[2:]
        record = self.record
        how = {
            ("IEC102_LC", "titan"): self._curve,
            ("IEC102_LC", "extended"): self._curve_extended,
            ("IEC102_CTAVM2", "titan"): self._closings,
            ("IEC102_CTAVM2", "extended"): self._closing_extended,
            ("IEC102_EV", "titan"): self._events,
            ("IEC102_EV", "extended"): self._events,
        }.get((kind, form))
        if how:
            return how()
        rest = {key: value for key, value in record.items() if key not in _ENVELOPE}
        if kind in _KEYED_BY_TS:
            return [self._row(int_of(record.get("contract", 0)), "", self.read, rest)], []
        if kind == "IEC102_TAVC":
            return [
                self._row(
                    int_of(record.get("contract", 0)),
                    str(int_of(record.get("object", 0))),
                    self.read,
                    rest,
                )
            ], []
        # What is not known here, several of one second among them, is kept as it is; only the same again is a repeat.
        whole = {key: value for key, value in record.items() if key not in ("IMEI", "TYPE", "TS", "ID")}
        return [self._row(0, digest(dump(whole)), self.read, whole)], []

    def _row(self, contract, name, at, values):
        # A setting (logger.id) and when it was asked do not make it another one: neither is in the values.
        data = dump(values)
        return Row(*self.head, contract, name, at, self.read, digest(data), data)

    def _end(self, text, or_read=False):
        """UTC of the end of a period; with `or_read` TS in place of one that the meter does not tell."""
        if or_read and (text is None or never(text)):
            return self.read
        at = moment(text, self.zone)[0]
        if not _OLDEST <= at <= self.now + _AHEAD_S:
            raise Bad("clock", "the period ends %s" % text)
        return at

    def _curve(self):
        record = self.record
        rest = {key: value for key, value in record.items() if key not in _ENVELOPE and key not in ("REC", "DT")}
        return [self._row(int_of(record.get("REC")), "", self._end(record.get("DT")), rest)], []

    def _curve_extended(self):
        record = self.record
        rest = {key: value for key, value in record.items() if key not in _ENVELOPE and key not in ("record", "end")}
        return [self._row(int_of(record.get("record")), "", self._end(record.get("end")), rest)], []

    def _closing_extended(self):
        record = self.record
        rest = {key: value for key, value in record.items() if key not in _ENVELOPE}
        at = self._end(record.get("end"), True)
        return [self._row(int_of(record.get("contract", 0)), str(int_of(record.get("object"))), at, rest)], []

    def _closings(self):
        def one(item):
            name = int_of(item.get("DO", item.get("D0")))
            return self._row(0, str(name), self._end(item.get("DEND"), True), item)

        return self._each("CTAVM2", one)

    def _events(self):
        extended = self.head[3] == "extended"

        def one(item):
            if extended:
                at, ms = moment(item.get("time"), self.zone)
                names = ("point", "qualifier", "on")
            else:
                su = item.get("SU")
                at, ms = moment(item.get("DT"), self.zone, None if su is None else bool(su))
                names = ("SPA", "SPQ", "SPI")
            if not _OLDEST <= at <= self.now + _AHEAD_S:
                raise Bad("clock", "an event of %s" % at)
            point = "/".join("%d" % int_of(item.get(name)) for name in names)
            return self._row(
                int_of(self.record.get("record" if extended else "REC")),
                "%s.%03d" % (point, ms),
                at,
                item,
            )

        return self._each("events" if extended else "EV", one)

    def _each(self, key, one):
        """The rows of the list `key`; what is wrong with one element does not cost the others."""
        items = self.record.get(key)
        if not isinstance(items, list):
            raise Bad("form", "%s is no list" % key)
        rows, faults = [], []
        for item in items:
            try:
                if not isinstance(item, dict):
                    raise Bad("form", "%s has %s in it" % (key, json.dumps(item)[:80]))
                rows.append(one(item))
            except Bad as error:
                faults.append(error.fault)
        return rows, faults


def int_of(value):
    """A small whole number (a Boolean counts as one); Bad."""
    if not isinstance(value, int) or not 0 <= value < 1 << 31:
        raise Bad("form", "%s is no number of that kind" % json.dumps(value)[:80])
    return int(value)
