"""The times in records, in all the forms that the settings of the logger give them, as UTC."""

import json
import re

from firmware.core.zone import days_from_civil, days_in_month
from tools.fleet.faults import Bad

_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,3}))?)?(Z|[+-]\d\d:\d\d|-[01])?")
_CLASSIC = re.compile(r"(\d\d)/(\d\d)/(\d\d) (\d\d):(\d\d):(\d\d)")


def stamp(value):
    """UTC seconds of a TS in any form that `logger.time` gives it; Bad."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e14:
        return int(value / 1000 if value > 1e11 else value)
    if isinstance(value, str):
        found = _CLASSIC.fullmatch(value)
        if found:
            day, month, year, *clock = (int(word) for word in found.groups())
            return _utc(2000 + year, month, day, *clock)
        if value.endswith("Z"):
            return moment(value, None)[0]
    raise Bad("form", "TS is %s" % json.dumps(value)[:80])


def _utc(year, month, day, hour, minute, second):
    if not 1 <= month <= 12 or not 1 <= day <= days_in_month(year, month) or hour > 23 or minute > 59 or second > 59:
        raise Bad(
            "clock",
            "%04d-%02d-%02d %02d:%02d:%02d is no time" % (year, month, day, hour, minute, second),
        )
    return days_from_civil(year, month, day) * 86400 + hour * 3600 + minute * 60 + second


def moment(text, zone, summer=None):
    """(UTC seconds, milliseconds) of a time in a record, whichever form `logger.tags` gives it; Bad.

    `summer`: the bit where it stands beside the time. Without bit and offset the zone's rule decides; in the repeated
    hour of October it cannot.
    """
    found = _TIME.fullmatch(text) if isinstance(text, str) else None
    if not found:
        raise Bad("form", "%s is no time" % json.dumps(text)[:80])
    *numbers, ms, mark = found.groups()
    fields = [int(word or 0) for word in numbers]
    local = _utc(*fields)
    if mark == "Z":
        return local, int(ms or 0)
    if mark and len(mark) == 6:
        offset = int(mark[1:3]) * 3600 + int(mark[4:]) * 60
        return local - (offset if mark[0] == "+" else -offset), int(ms or 0)
    if mark:
        summer = mark == "-1"
    if summer is None and zone.has_summer:
        first, second = zone.to_utc(*fields, True), zone.to_utc(*fields, False)
        if zone.is_summer(first) and not zone.is_summer(second):
            raise Bad("hour", "%s is there twice" % text)
    return zone.to_utc(*fields, summer), int((ms or "0").ljust(3, "0"))


def never(text):
    """Whether a meter's time stands for "never": a month or day 0."""
    return isinstance(text, str) and ("-00-" in text[:8] or text[8:10] == "00")
