"""Fixed values for what a meter tells, from JSON: {"instant": [objects of a 163], "closings": [objects of a 136]}.

Objects look as the codec decodes them (docs/architecture.md); times are text, `2022-07-11T13:49-1` (local time and
summer-time bit). An object of "instant" without a time has the meter's clock.
"""

import datetime as dt
import json

from firmware.iec102 import ft12
from firmware.iec102.asdu import Asdu
from firmware.iec102.errors import Iec102Error
from firmware.iec102.timetag import TimeTag
from tools.meter.encoding import encode

_TYPES = {"instant": 163, "closings": 136}
_TIMES = ("time", "FMPA", "DINI", "DEND")


def load(path):
    """The dict for `Meter(fixed=…)`; ValueError if the file is not of this form."""
    with open(path) as file:
        values = json.load(file)
    if not isinstance(values, dict) or not set(values) <= {"instant", "closings"}:
        raise ValueError('%s: an object with "instant" and "closings" is expected' % path)
    for kind, items in values.items():
        try:
            for item in items:
                for key in _TIMES:
                    if key in item:
                        item[key] = tag_of(item[key])
                _try(kind, item)
        except (TypeError, AttributeError, ValueError, Iec102Error) as error:
            raise ValueError("%s: %s: %s" % (path, kind, error)) from None
    return values


def _try(kind, item):
    """ValueError if `item` can't be told over the line: better now than when a master asks for it."""
    if kind == "instant":
        item = dict({"time": TimeTag()}, **item)
    encode(Asdu(_TYPES[kind], objects=[item]), bytearray(ft12.LONGEST))


def tag_of(text):
    """A time tag from its text; the weekday is worked out."""
    moment = dt.datetime.strptime(text[:16], "%Y-%m-%dT%H:%M")
    tag = TimeTag(moment.year - 2000, moment.month, moment.day, moment.hour, moment.minute)
    tag.su = int(text[17:])
    tag.weekday = moment.isoweekday()
    return tag
