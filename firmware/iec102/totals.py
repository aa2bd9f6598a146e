"""Integrated totals: types 8 and 11, and blocks of them, 139 and 140 (protocol reference 6.3 and 6.4)."""

from firmware.iec102 import timetag
from firmware.iec102.asdu import HEAD, get32, put32, wrong_length
from firmware.port import const

_SINGLE = const(6)  # object address, UI32, qualifier
# Totals in a block by its object address.
_IN_BLOCK = {9: 8, 10: 6, 11: 3}
_BLOCK_TYPES = (139, 140)


def decode(type, count, buf):
    """(objects, common time tag or None)."""
    if type in _BLOCK_TYPES:
        return _blocks(type, count, buf), None
    if len(buf) != HEAD + count * _SINGLE + timetag.LENGTH_A:
        raise wrong_length(type, len(buf))
    objects = []
    at = HEAD
    for _ in range(count):
        item = {"address": buf[at], "value": get32(buf, at + 1), "qualifier": buf[at + 5]}
        objects.append(item)
        at += _SINGLE
    return objects, timetag.decode_a(buf, at)


def _blocks(type, count, buf):
    end = len(buf)
    at = HEAD
    blocks = []
    for _ in range(count):
        k = _IN_BLOCK.get(buf[at], 0) if at < end else 0
        if not k or at + 1 + 5 * k + timetag.LENGTH_A > end:
            raise wrong_length(type, end)
        block = {"address": buf[at]}
        at += 1
        block["totals"] = [
            {"value": get32(buf, at + 5 * i), "qualifier": buf[at + 5 * i + 4]} for i in range(k)
        ]
        at += 5 * k
        block["time"] = timetag.decode_a(buf, at)
        at += timetag.LENGTH_A
        blocks.append(block)
    if at != end:
        raise wrong_length(type, end)
    return blocks


def encode(type, objects, time, buf, at):
    """Write the objects; returns the position behind them."""
    if type in _BLOCK_TYPES:
        for block in objects:
            if _IN_BLOCK.get(block["address"]) != len(block["totals"]):
                raise ValueError(
                    "block %d has %d totals" % (block["address"], len(block["totals"]))
                )
            buf[at] = block["address"]
            at += 1
            for total in block["totals"]:
                at = _put(total, buf, at)
            at = timetag.encode_a(block["time"], buf, at)
        return at
    for item in objects:
        buf[at] = item["address"]
        at = _put(item, buf, at + 1)
    return timetag.encode_a(time, buf, at)


def _put(total, buf, at):
    at = put32(buf, at, total["value"])
    buf[at] = total["qualifier"]
    return at + 1
