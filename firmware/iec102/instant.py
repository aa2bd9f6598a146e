"""Instantaneous values: type 163 with objects 192, 193 and 194 (protocol reference 6.8)."""

from struct import unpack_from

from firmware.iec102 import timetag
from firmware.iec102.asdu import HEAD, wrong_length

_TOTALS = const(192)
_POWERS = const(193)
_PHASES = const(194)
_VALUE = const(0x3FFFFFFF)
# Bytes of each object, its address and time tag included.
_LENGTHS = {_TOTALS: 30, _POWERS: 38, _PHASES: 27}


def decode(type, count, buf):
    """(objects, None); reserved bits that are set are kept as `reserved`."""
    end = len(buf)
    at = HEAD
    objects = []
    for _ in range(count):
        address = buf[at] if at < end else 0
        length = _LENGTHS.get(address, 0)
        if not length or at + length > end:
            raise wrong_length(type, end)
        if address == _TOTALS:
            item = {"address": address, "totals": _totals(buf, at + 1)}
        elif address == _POWERS:
            item = {"address": address, "powers": [_power(buf, at + 1 + 8 * i) for i in range(4)]}
        else:
            item = {"address": address, "phases": [_phase(buf, at + 1 + 7 * i) for i in range(3)]}
        at += length
        item["time"] = timetag.decode_a(buf, at - timetag.LENGTH_A)
        objects.append(item)
    if at != end:
        raise wrong_length(type, end)
    return objects, None


def _totals(buf, at):
    totals = []
    for word in unpack_from("<6I", buf, at):
        item = {"value": word & _VALUE, "invalid": word >= 0x80000000}
        if word & 0x40000000:
            item["reserved"] = 1
        totals.append(item)
    return totals


def _power(buf, at):
    low, middle, high = unpack_from("<IHH", buf, at)
    item = {
        "active": low & 0xFFFFFF,
        "reactive": low >> 24 | middle << 8,
        "cos_phi": high & 0x3FF,
        "export": high & 0x400 != 0,
        "quadrant34": high & 0x800 != 0,
        "invalid": high >= 0x8000,
    }
    if high & 0x7000:
        item["reserved"] = high >> 12 & 7
    return item


def _phase(buf, at):
    low, middle, high = unpack_from("<HBI", buf, at)
    item = {"current": low | middle << 16, "voltage": high & _VALUE, "invalid": high >= 0x80000000}
    if high & 0x40000000:
        item["reserved"] = 1
    return item
