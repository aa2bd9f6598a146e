"""Sessions, requests, identity and clock: the types with a short fixed body (protocol reference 6.1 to 6.7).

And events, type 1 (6.7): point SPA, qualifier SPQ with SPI in its lowest bit, time tag b.
"""

from firmware.iec102 import timetag
from firmware.iec102.asdu import HEAD, Objects, get32, put32, wrong_length

_EVENTS = const(1)
_EVENT_SIZE = const(9)
_SESSION = const(183)
_CLOCKS = const((72, 181))
_EMPTY = const((100, 103, 133, 141, 144, 147, 182, 187))
_LISTS = const((150, 156, 162))
_TOTALS = const((122, 123))
_BLOCKS = const((189, 190))
# Fields of a password, and of the ranges that are asked for.
_PASSWORD = const((("password", 4),))
_RANGE = const((("start", 5), ("end", 5)))
_BLOCK = const((("address", 1), ("start", 5), ("end", 5)))
_FIRST_TO_LAST = const((("first", 1), ("last", 1), ("start", 5), ("end", 5)))


def decode(type, count, buf):
    """(objects, None) of the body at `buf[HEAD:]` of an event, a clock or the identity."""
    length = len(buf) - HEAD
    if type == _EVENTS:
        good, objects = length == _EVENT_SIZE * count, Objects(bytes(buf[HEAD:]), _EVENT_SIZE, _event)
    elif type in _CLOCKS:
        # Some meters confirm the setting of the clock without its label.
        good = length == timetag.LENGTH_B or (length == 0 and type == 181)
        objects = [{"time": timetag.decode_b(buf, HEAD)}] if good and length else []
    else:
        good = length == 6
        objects = [_identity(buf)] if good else None
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


def fields(type):
    """What the body of a request has, as asdu.get_fields() wants it."""
    if type == _SESSION:
        return _PASSWORD
    if type in _TOTALS:
        return _FIRST_TO_LAST
    return _BLOCK if type in _BLOCKS else _RANGE


def encode(type, objects, time, buf, at):
    """Write the body of a request; returns the position behind it."""
    if type in _EMPTY:
        return at
    if type in _LISTS:
        for item in objects:
            buf[at] = item["address"]
            at += 1
        return at
    if type in _CLOCKS:
        return timetag.encode_b(objects[0]["time"], buf, at) if objects else at
    return put_fields(fields(type), objects[0], buf, at)


def put_fields(fields, item, buf, at):
    """The inverse of asdu.get_fields() for lengths 1, 4 and 5; returns the position behind what was written."""
    for name, length in fields:
        value = item[name]
        if length == 5:
            timetag.encode_a(value, buf, at)
        elif length == 4:
            put32(buf, at, value)
        else:
            buf[at] = value
        at += length
    return at
