"""Tariff information 135 and 136, contracted powers 145, holidays 148 (protocol reference 6.5 and 6.6)."""

from firmware.iec102 import timetag
from firmware.iec102.asdu import HEAD, Objects, get32, put32, wrong_length
from firmware.port import const

_OBJECT = const(63)
_POWERS = const(145)
_HOLIDAYS = const(148)
# TITAN's names in the order of the wire, and their lengths: 4 a value, 1 a qualifier or address, 5 a time.
NAMES = (
    "DO", "EaA", "EiA", "CA", "EaRi", "EiRi", "CRi", "EaRc", "EiRc", "CRc", "R7", "C7", "R8", "C8", "MPA", "FMPA",
    "CMA", "EPA", "CE", "DINI", "DEND",
)  # fmt: skip
_LENGTHS = b"\x01\x04\x04\x01\x04\x04\x01\x04\x04\x01\x04\x01\x04\x01\x04\x05\x01\x04\x01\x05\x05"


def decode(type, count, buf):
    """(objects, common time tag for 145, else None)."""
    length = len(buf) - HEAD
    if type == _POWERS:
        if length != 5 * count + timetag.LENGTH_A:
            raise wrong_length(type, len(buf))
        objects = [
            {"address": buf[HEAD + 5 * i], "power": get32(buf, HEAD + 5 * i + 1)}
            for i in range(count)
        ]
        return objects, timetag.decode_a(buf, HEAD + 5 * count)
    size = timetag.LENGTH_A if type == _HOLIDAYS else _OBJECT
    if length != size * count:
        raise wrong_length(type, len(buf))
    if type == _HOLIDAYS:
        places = range(HEAD, HEAD + length, size)
        return [{"time": timetag.decode_a(buf, at)} for at in places], None
    return Objects(bytes(buf[HEAD:]), _OBJECT, _record), None


def _record(buf, at):
    item = {}
    for name, length in zip(NAMES, _LENGTHS):
        if length == 4:
            item[name] = get32(buf, at)
        elif length == 1:
            item[name] = buf[at]
        else:
            item[name] = timetag.decode_a(buf, at)
        at += length
    return item


def encode(type, objects, time, buf, at):
    """Write the objects; returns the position behind them."""
    for item in objects:
        if type == _POWERS:
            buf[at] = item["address"]
            at = put32(buf, at + 1, item["power"])
        elif type == _HOLIDAYS:
            at = timetag.encode_a(item["time"], buf, at)
        else:
            at = _put_record(item, buf, at)
    return timetag.encode_a(time, buf, at) if type == _POWERS else at


def _put_record(item, buf, at):
    for name, length in zip(NAMES, _LENGTHS):
        if length == 4:
            put32(buf, at, item[name])
        elif length == 1:
            buf[at] = item[name]
        else:
            timetag.encode_a(item[name], buf, at)
        at += length
    return at
