"""How a meter is set up: 129, 142, and the extensions 151 and 157 (protocol reference 6.6, 6.9 and 6.10)."""

from firmware.iec102 import timetag
from firmware.iec102.asdu import HEAD, get_fields, wrong_length

_TARIFF = const(151)
_BODY = const(246)
_SEASONS = const(193)
_PERIOD_NOW = const(197)
# (name, length) each, see get_fields(): those of 129, of 142, and of the object 197 of 151.
FIELDS = {
    129: (("link", 2), ("points", 1), ("point", 2), ("password", 4), ("period", 1), ("depth", 2)),
    142: (
        ("manufacturer", 1), ("model", "s2"), ("firmware", 1), ("equipment", 4), ("standard", 1),
        ("protocol_date", 5), ("battery", 1), ("port1_speed", 1), ("port1_format", 1), ("port1_mode", 1),
        ("port1_start", "s20"), ("port2_speed", 1), ("port2_format", 1), ("optical_speed", 1), ("optical_format", 1),
        ("vt_primary", 4), ("vt_secondary", 4), ("ct_primary", 4), ("ct_secondary", 4), ("period1", 1),
        ("period2", 1), ("period3", 1), ("contracts", 1),
    ),
    151: (("contract1", 1), ("contract2", 1), ("contract3", 1), ("time", 5)),
}  # fmt: skip
# Objects of 157: (name, length) each.
OBJECTS_157 = {
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
    if type < _TARIFF:
        if len(buf) != HEAD + _BODY:
            raise wrong_length(type, len(buf))
        item = {}
        at = get_fields(FIELDS[type], buf, HEAD, item)
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
        if type != _TARIFF and item["address"] in OBJECTS_157:
            at = get_fields(OBJECTS_157[item["address"]], buf, at, item)
        elif type == _TARIFF and item["address"] == _SEASONS:
            at = _get_seasons(buf, at, item)
        elif type == _TARIFF and item["address"] == _PERIOD_NOW:
            at = get_fields(FIELDS[type], buf, at, item)
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
