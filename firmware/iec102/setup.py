"""How a meter is set up: 129, 142, and the extensions 151 and 157 (protocol reference 6.6, 6.9 and 6.10)."""

from firmware.iec102 import timetag
from firmware.iec102.asdu import HEAD, get_fields, put_fields, wrong_length

_POINT = const(129)
_EQUIPMENT = const(142)
_TARIFF = const(151)
_BODY = const(246)
_SEASONS = const(193)
_PERIOD_NOW = const(197)
# (name, length) each, see get_fields().
_FIELDS_142 = const((
    ("manufacturer", 1), ("model", "s2"), ("firmware", 1), ("equipment", 4), ("standard", 1),
    ("protocol_date", 5), ("battery", 1), ("port1_speed", 1), ("port1_format", 1), ("port1_mode", 1),
    ("port1_start", "s20"), ("port2_speed", 1), ("port2_format", 1), ("optical_speed", 1), ("optical_format", 1),
    ("vt_primary", 4), ("vt_secondary", 4), ("ct_primary", 4), ("ct_secondary", 4), ("period1", 1), ("period2", 1),
    ("period3", 1), ("contracts", 1),
))  # fmt: skip
_FIELDS_129 = const((
    ("link", 2), ("points", 1), ("point", 2), ("password", 4), ("period", 1), ("depth", 2),
))  # fmt: skip
# Of the object 197 of 151.
_FIELDS_NOW = const((("contract1", 1), ("contract2", 1), ("contract3", 1), ("time", 5)))
# Objects of 157: (name, length) each.
_OBJECTS_157 = {
    192: (("battery", 1),),
    193: (("summer_change", 1),),
    194: (("minutes_between_closings", 1),),
    195: (("critical_alarms", 1), ("alarms", 1)),
    196: (("phase1", 1), ("phase2", 1), ("phase3", 1)),
    197: (("curve1", 1), ("curve2", 1)),
    198: (("vt_primary", 4), ("vt_secondary", 4), ("ct_primary", 4), ("ct_secondary", 4)),
    199: (("clock_source", 1),),
    200: (("program", "s25"),),
    201: (("closing_button", 1),),
}


def decode(type, count, buf):
    """(objects, None). Objects whose layout nobody knows keep their bytes as `raw` (hex)."""
    if type in (_POINT, _EQUIPMENT):
        if len(buf) != HEAD + _BODY:
            raise wrong_length(type, len(buf))
        item = {}
        at = get_fields(_FIELDS_129 if type == _POINT else _FIELDS_142, buf, HEAD, item)
        rest = bytes(buf[at:])
        if any(rest):
            item["rest"] = rest.hex()
        return [item], None
    try:
        return _objects(type, count, buf), None
    except IndexError:
        raise wrong_length(type, len(buf)) from None


def _objects(type, count, buf):
    at = HEAD
    objects = []
    for index in range(count):
        item = {"address": buf[at]}
        at += 1
        if type != _TARIFF and item["address"] in _OBJECTS_157:
            at = get_fields(_OBJECTS_157[item["address"]], buf, at, item)
        elif type == _TARIFF and item["address"] == _SEASONS:
            at = _get_seasons(buf, at, item)
        elif type == _TARIFF and item["address"] == _PERIOD_NOW:
            at = get_fields(_FIELDS_NOW, buf, at, item)
        elif index == count - 1:
            # An unknown layout can only be told from what follows if nothing follows.
            item["raw"] = bytes(buf[at:]).hex()
            at = len(buf)
        else:
            raise wrong_length(type, len(buf))
        objects.append(item)
    if at != len(buf):
        raise wrong_length(type, len(buf))
    return objects


def _get_seasons(buf, at, item):
    """Object 193 of 151: seasons, day types with the tariff period of each hour, activation date."""
    item["direction"] = buf[at]
    item["kind"] = buf[at + 1]
    seasons = item["seasons"] = []
    at += 3
    for _ in range(buf[at - 1]):
        days = buf[at + 5]
        start = timetag.decode_a(buf, at)
        seasons.append({"start": start, "workday": days & 15, "holiday": days >> 4})
        at += 6
    item["days"] = []
    at += 1
    for _ in range(buf[at - 1]):
        hours = ""
        for i in range(12):
            hours += "%x%x" % (buf[at + i] & 15, buf[at + i] >> 4)
        item["days"].append(hours)
        at += 12
    item["activation"] = timetag.decode_a(buf, at)
    return at + timetag.LENGTH_A


def _put_seasons(item, buf, at):
    buf[at] = item["direction"]
    buf[at + 1] = item["kind"]
    buf[at + 2] = len(item["seasons"])
    at += 3
    for season in item["seasons"]:
        at = timetag.encode_a(season["start"], buf, at)
        buf[at] = season["workday"] | season["holiday"] << 4
        at += 1
    buf[at] = len(item["days"])
    at += 1
    for hours in item["days"]:
        for i in range(12):
            buf[at] = int(hours[2 * i], 16) | int(hours[2 * i + 1], 16) << 4
            at += 1
    return timetag.encode_a(item["activation"], buf, at)


def encode(type, objects, time, buf, at):
    """Write the objects; returns the position behind them."""
    if type in (_POINT, _EQUIPMENT):
        item = objects[0]
        end = put_fields(_FIELDS_129 if type == _POINT else _FIELDS_142, item, buf, at)
        rest = bytes.fromhex(item.get("rest", ""))
        buf[end : at + _BODY] = rest + bytes(at + _BODY - end - len(rest))
        return at + _BODY
    for item in objects:
        buf[at] = item["address"]
        at += 1
        if "raw" in item:
            raw = bytes.fromhex(item["raw"])
            buf[at : at + len(raw)] = raw
            at += len(raw)
        elif type != _TARIFF:
            at = put_fields(_OBJECTS_157[item["address"]], item, buf, at)
        elif item["address"] == _SEASONS:
            at = _put_seasons(item, buf, at)
        else:
            at = put_fields(_FIELDS_NOW, item, buf, at)
    return at
