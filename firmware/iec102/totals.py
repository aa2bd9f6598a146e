"""Energies: integrated totals 8 and 11, blocks of them 139 and 140 (protocol reference 6.3 and 6.4), tariff objects
135 and 136, contracted powers 145 (6.5 and 6.6).
"""

from firmware.iec102 import timetag
from firmware.iec102.asdu import HEAD, Objects, get32, get_fields, wrong_length

_TOTALS = const((8, 11))
_BLOCKS = const((139, 140))
_POWERS = const(145)
# Bytes of an object: address, UI32, qualifier; address, UI32; a tariff object.
_TOTAL_SIZE = const(6)
_POWER_SIZE = const(5)
_TARIFF_SIZE = const(63)
# Totals in a block by its object address.
IN_BLOCK = {9: 8, 10: 6, 11: 3}
# TITAN's names of a tariff object in the order of the wire, and their lengths: 4 a value, 1 a qualifier or address, 5
# a time.
FIELDS = const((
    ("DO", 1), ("EaA", 4), ("EiA", 4), ("CA", 1), ("EaRi", 4), ("EiRi", 4), ("CRi", 1), ("EaRc", 4), ("EiRc", 4),
    ("CRc", 1), ("R7", 4), ("C7", 1), ("R8", 4), ("C8", 1), ("MPA", 4), ("FMPA", 5), ("CMA", 1), ("EPA", 4), ("CE", 1),
    ("DINI", 5), ("DEND", 5),
))  # fmt: skip


def decode(type, count, buf):
    """(objects, common time tag or None)."""
    if type in _BLOCKS:
        return _blocks(type, count, buf), None
    common = timetag.LENGTH_A
    if type in _TOTALS:
        size = _TOTAL_SIZE
    elif type == _POWERS:
        size = _POWER_SIZE
    else:
        common = 0
        size = _TARIFF_SIZE
    end = HEAD + size * count
    if len(buf) != end + common:
        raise wrong_length(type, len(buf))
    if size == _TARIFF_SIZE:
        return Objects(bytes(buf[HEAD:]), size, _tariff), None
    places = range(HEAD, end, size)
    if type == _POWERS:
        objects = [{"address": buf[at], "power": get32(buf, at + 1)} for at in places]
    else:
        objects = [{"address": buf[at], "value": get32(buf, at + 1), "qualifier": buf[at + 5]} for at in places]
    return objects, timetag.decode_a(buf, end)


def _blocks(type, count, buf):
    end = len(buf)
    at = HEAD
    places = []
    alike = True
    for _ in range(count):
        k = IN_BLOCK.get(buf[at], 0) if at < end else 0
        if not k or at + 1 + 5 * k + timetag.LENGTH_A > end:
            raise wrong_length(type, end)
        alike = alike and buf[at] == buf[HEAD]
        places.append(at)
        at += 1 + 5 * k + timetag.LENGTH_A
    if at != end:
        raise wrong_length(type, end)
    if count and alike:
        # As meters send them. Those of an answer all at once take more heap than a session has to spare.
        return Objects(bytes(buf[HEAD:]), (end - HEAD) // count, _block)
    return [_block(buf, at) for at in places]


def _block(buf, at):
    block = {"address": buf[at]}
    k = IN_BLOCK[buf[at]]
    at += 1
    block["totals"] = [{"value": get32(buf, at + 5 * i), "qualifier": buf[at + 5 * i + 4]} for i in range(k)]
    block["time"] = timetag.decode_a(buf, at + 5 * k)
    return block


def _tariff(buf, at):
    item = {}
    get_fields(FIELDS, buf, at, item)
    return item
