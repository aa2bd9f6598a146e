"""Sessions, requests, identity and clock: the types with a short fixed body (protocol reference 6.1 to 6.7).

And events, type 1 (6.7): point SPA, qualifier SPQ with SPI in its lowest bit, time tag b.
"""

from firmware.iec102 import timetag
from firmware.iec102.asdu import HEAD, Objects, get32, put32, wrong_length
from firmware.port import const

_EVENTS = const(1)
_EVENT_SIZE = const(9)
_IDENTITY = const(71)
_SESSION = const(183)
_CLOCKS = const((72, 181))
_EMPTY = const((100, 103, 133, 141, 144, 147, 182, 187))
_LISTS = const((150, 156, 162))
_TOTALS = const((122, 123))
_BLOCKS = const((189, 190))


def decode(type, count, buf):
    """(objects, None) of the body at `buf[HEAD:]`."""
    length = len(buf) - HEAD
    if type in _EMPTY:
        good, objects = length == 0, []
    elif type in _LISTS:
        good, objects = length == count, [{"address": b} for b in buf[HEAD:]]
    elif type == _EVENTS:
        good, objects = length == _EVENT_SIZE * count, Objects(bytes(buf[HEAD:]), _EVENT_SIZE, _event)
    elif type == _SESSION:
        good = length == 4
        objects = [{"password": get32(buf, HEAD)}] if good else None
    elif type in _CLOCKS:
        # Some meters confirm the setting of the clock without its label.
        good = length == timetag.LENGTH_B or (length == 0 and type == 181)
        objects = [{"time": timetag.decode_b(buf, HEAD)}] if good and length else []
    elif type == _IDENTITY:
        good = length == 6
        objects = [_identity(buf)] if good else None
    else:
        good, objects = _range(type, length, buf)
    if not good:
        raise wrong_length(type, len(buf))
    return objects, None


def _event(data, at):
    quality = data[at + 1]
    return {"spa": data[at], "spq": quality >> 1, "spi": quality & 1, "time": timetag.decode_b(data, at + 2)}


def _identity(buf):
    date = buf[HEAD]
    return {
        "standard_month": date & 0x0F,
        "standard_year": 2000 + (date >> 4),
        "manufacturer": buf[HEAD + 1],
        "equipment": get32(buf, HEAD + 2),
    }


def _range(type, length, buf):
    if type in _TOTALS:
        lead = ("first", "last")
    elif type in _BLOCKS:
        lead = ("address",)
    else:
        lead = ()
    if length != len(lead) + 10:
        return False, None
    item = {name: buf[HEAD + i] for i, name in enumerate(lead)}
    at = HEAD + len(lead)
    item["start"] = timetag.decode_a(buf, at)
    item["end"] = timetag.decode_a(buf, at + timetag.LENGTH_A)
    return True, [item]


def encode(type, objects, time, buf, at):
    """Write the body; returns the position behind it."""
    if type in _EMPTY:
        return at
    if type in _LISTS:
        for item in objects:
            buf[at] = item["address"]
            at += 1
        return at
    if type == _EVENTS:
        for item in objects:
            buf[at] = item["spa"]
            buf[at + 1] = item["spq"] << 1 | item["spi"]
            at = timetag.encode_b(item["time"], buf, at + 2)
        return at
    if type in _CLOCKS:
        return timetag.encode_b(objects[0]["time"], buf, at) if objects else at
    item = objects[0]
    if type == _SESSION:
        return put32(buf, at, item["password"])
    if type == _IDENTITY:
        buf[at] = item["standard_month"] | (item["standard_year"] - 2000) << 4
        buf[at + 1] = item["manufacturer"]
        return put32(buf, at + 2, item["equipment"])
    for name in ("first", "last", "address"):
        if name in item:
            buf[at] = item[name]
            at += 1
    at = timetag.encode_a(item["start"], buf, at)
    return timetag.encode_a(item["end"], buf, at)
