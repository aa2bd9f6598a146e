"""What the settings take of a small board's heap, counted before any of it is loaded.

A setting may be good for itself, and all of them together more than a board of the small class can hold beside a
session with a meter: then nothing is read any more, and nothing answered. What is counted are the bytes, of a 32-bit
heap, beyond those of one meter with instantaneous values in one form: what meters, readings and services keep, and
what a session takes for its code and data. They were measured in the twin of the small class; that the most which is
accepted works there, tests/host/system/test_memory_open.py holds.
"""

import gc
import json
import sys

from firmware.config.settings import MAX_METERS
from firmware.core.errors import ConfigError

# Boards with less heap than this are of the small class (docs/architecture.md); others hold all there is to set.
_SMALL = const(300000)
_ROOM = const(11800)
_METER = const(970)
_READING = const(52)
# What a session with closings, load curves or events takes beyond one with instantaneous values: they are many, and
# gather while they are kept. And one in both forms.
_PERIODS = const(7500)
_FORMS = const(3500)
_TRACE = const(4520)
_ANNOUNCED = const(1250)
# A multiplexer where the board's own default is none.
_CMUX = const(8900)
_READINGS = const("closing curve tariff events clock identity power setup")
_LESS = const("fewer meters or readings, logger.profile titan, ha.enabled off and iec102.trace off take less")


def heap():
    """Bytes of this board's heap, as a 32-bit one would show them."""
    if not hasattr(gc, "mem_free"):
        return _SMALL  # CPython
    total = gc.mem_free() + gc.mem_alloc()
    return total * 78 // 100 if sys.maxsize > 0x7FFFFFFF else total


def over(config, news=None):
    """Bytes that the settings take beyond what this board has for them, 0: they fit. `news`: full name -> value, those
    that are going to change."""
    return max(0, taken(config, news) - _ROOM) if heap() < _SMALL else 0


def taken(config, news=None):
    """Bytes that they take. What stands nowhere is off: the default of a meter are instantaneous values."""

    def get(name):
        for values in (news or {}, config.staged):
            if name in values:
                return values[name]
        return _find(config, name)

    total = periods = 0
    for index in range(MAX_METERS):
        start = "meter.%d." % index
        if get(start + "enabled"):
            found = [name for name in _READINGS.split(" ") if get(start + name)]
            total += _METER + _READING * len(found)
            if "closing" in found or "curve" in found or "events" in found:
                periods = _PERIODS
    if not total:
        return 0
    total += periods - _METER
    for name, value, cost in (("logger.profile", "titan", _FORMS), ("iec102.trace", "off", _TRACE)):
        if get(name) not in (None, value):
            total += cost
    if get("ha.enabled"):
        total += _ANNOUNCED
    if get("uplink.cmux") and not config.own.get("uplink.cmux", True):
        total += _CMUX
    return total


def _find(config, name):
    """The value that is kept, or this board's own default; None: neither. Not through get(), which looks a default up
    and remembers it; and values that are put aside stay there."""
    if config._values is not None:
        value = config._values.get(name)
    else:
        _, found, rest = config._packed.partition("\n%s " % name)
        value = json.loads(rest.partition("\n")[0]) if found else None
    return config.own.get(name) if value is None else value


def check(config, news):
    """Is a change to `news` possible? ConfigError with the figure; what takes less than before always is."""
    most = over(config, news)
    if most and taken(config, news) > taken(config):
        raise ConfigError("this takes %d bytes of memory more than this board has for settings; %s" % (most, _LESS))


def advice(config):
    """What DOCTOR says of settings that are in force: (what is, what to do), or None where they fit."""
    most = over(config)
    if not most:
        return None
    return "FAULT the settings take %d bytes more than this board has: readings and answers may fail" % most, _LESS
