"""What no device has to read: requests, and what answers those that no reading makes: the parameters 129, the
extensions 151 and 157, holidays 148 (protocol reference 6.6, 6.9 and 6.10). For tools and tests; tools/build.py leaves
this module out.
"""

from firmware.iec102 import setup, simple, timetag
from firmware.iec102.asdu import HEAD, get_fields, wrong_length

_PARAMETERS = const(129)
_HOLIDAYS = const(148)
_TARIFF = const(151)
_METER = const(157)
_EMPTY = const((100, 103, 133, 141, 144, 147, 182, 187))
_LISTS = const((150, 156, 162))
_SEASONS = const(193)
_PERIOD_NOW = const(197)
# (name, length) each, see get_fields().
PARAMETERS = (("link", 2), ("points", 1), ("point", 2), ("password", 4), ("period", 1), ("depth", 2))
# Of the object 197 of 151.
PERIOD_NOW = (("contract1", 1), ("contract2", 1), ("contract3", 1), ("time", 5))
# Objects of 157: (name, length) each.
OBJECTS = {
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
    if type == _PARAMETERS:
        return setup.decode(type, count, buf, PARAMETERS)
    if type == _HOLIDAYS:
        if len(buf) != HEAD + timetag.LENGTH_A * count:
            raise wrong_length(type, len(buf))
        return [{"time": timetag.decode_a(buf, at)} for at in range(HEAD, len(buf), timetag.LENGTH_A)], None
    if type not in (_TARIFF, _METER):
        return _request(type, count, buf), None
    try:
        return _objects(type, count, buf), None
    except IndexError:
        raise wrong_length(type, len(buf)) from None


def _request(type, count, buf):
    length = len(buf) - HEAD
    if type in _EMPTY:
        good, objects = length == 0, []
    elif type in _LISTS:
        good, objects = length == count, [{"address": b} for b in buf[HEAD:]]
    else:
        fields = simple.fields(type)
        objects = [{}]
        good = length == sum([size for _, size in fields])
        if good:
            get_fields(fields, buf, HEAD, objects[0])
    if not good:
        raise wrong_length(type, len(buf))
    return objects


def _objects(type, count, buf):
    at = HEAD
    objects = []
    for index in range(count):
        item = {"address": buf[at]}
        at += 1
        if type != _TARIFF and item["address"] in OBJECTS:
            at = get_fields(OBJECTS[item["address"]], buf, at, item)
        elif type == _TARIFF and item["address"] == _SEASONS:
            at = _get_seasons(buf, at, item)
        elif type == _TARIFF and item["address"] == _PERIOD_NOW:
            at = get_fields(PERIOD_NOW, buf, at, item)
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
