"""Readings on demand: SET... starts one in the background, GET... gives what came of the last (TITAN reference 2.1).

What cannot be given is told in a line `{"IMEI":...,"TYPE":...,"ID":...,"ERR":"why"}` before ERROR.
A handler that has to wait for a meter ends and tells (the Result, the function that goes on when it is there).
"""

import json

from firmware.commands.executor import CommandError, clean
from firmware.core import errors, overlay
from firmware.core.zone import days_in_month
from firmware.meters import readings
from firmware.meters.readings import kinds

# Codes of CommandError.
_SYNTAX = const(1)
_BAD_VALUE = const(4)
_NO_METER = const(5)
_NO_DATA = const(6)
_BUSY = const(7)
_FAILED = const(8)
_TOO_LONG = const(10)


async def run(call):
    if call.name == "FORCEREAD":
        return _force(call)
    # SET or GET, and the TYPE of the records.
    kind = kinds.find(type=call.name[3:]).number
    if call.name.startswith("GET"):
        try:
            _, meter = find(call, call.args[0])
            await _tell(call, kind, meter)
        except CommandError as error:
            await call.say(_why(call, str(error)))
            if error.code == _NO_DATA and call.device.config.get("iec102.unread") == "ok":
                return None
            raise
        return None
    line, meter = find(call, call.args[0])
    span = _range(call.args[1:], call.device.clock.zone) if len(call.args) > 1 else None
    ask(line, meter, kind, span)
    return None


def ask(line, meter, kind, span=None):
    try:
        return line.ask(meter, kind, span)
    except ValueError as error:
        raise CommandError(_BUSY, str(error)) from None


def _why(call, text):
    """The reason as JSON, for platforms that do not read +MTXERR."""
    words = (call.device.imei, call.name[3:], clean(call.args[0]), text)
    return '{"IMEI":%s,"TYPE":%s,"ID":%s,"ERR":%s}' % tuple(json.dumps(word) for word in words)


def find(call, ident):
    """(line, meter) of an ID in any case."""
    known = []
    for line in call.device.lines:
        for meter in line.meters:
            if meter.ident.lower() == ident.lower():
                return line, meter
            known.append(meter.ident)
    text = "there is no meter %s; there are: %s" % (ident[:32], ", ".join(known) or "none")
    for _, why, idents in call.device.faults:
        if ident.lower() in [name.lower() for name in idents]:
            text += "; " + errors.text(why)
    raise CommandError(_NO_METER, text)


async def _tell(call, kind, meter):
    """The last good result, also while the next one is being read; an old error only when nothing is under way."""
    result = meter.results.get(kind)
    if kind in meter.pending and (result is None or result.why):
        raise CommandError(_BUSY, "the meter is being read; ask again in some seconds")
    if result is None:
        raise CommandError(_NO_DATA, "nothing was read yet; send the SET command first")
    await _give(call, result)


async def _give(call, result):
    if result.why:
        raise CommandError(_FAILED, errors.text(result.why, True))
    if not result.sizes:
        raise CommandError(_NO_DATA, "the meter has nothing in this range")
    for place in range(len(result.sizes)):
        await call.say_record(result, place)
    if result.dropped:
        text = "%d more records did not fit; ask for a shorter range" % result.dropped
        raise CommandError(_TOO_LONG, text)


def _range(words, zone):
    """(start, end) in UTC of ten numbers: hour, minute, day, month, two-digit year of local time, twice."""
    values = []
    with overlay.use("settings"):
        from firmware.config.settings import number

        for word in words:
            value = number(word, 0, 2099)
            if value is None:
                raise CommandError(_SYNTAX, "10 whole numbers are wanted, not %s" % word[:20])
            values.append(value)
    start, end = _moment(values[:5], zone), _moment(values[5:], zone)
    if end < start:
        raise CommandError(_BAD_VALUE, "the end is before the start")
    return start, end


def _moment(values, zone):
    hour, minute, day, month, year = values
    if year >= 2000:
        year -= 2000
    good = hour <= 23 and minute <= 59 and 1 <= month <= 12 and year <= 99
    if not good or not 1 <= day <= days_in_month(2000 + year, month):
        text = "%02d:%02d %d/%d/%02d is no time of a calendar day" % (
            hour,
            minute,
            day,
            month,
            year,
        )
        raise CommandError(_BAD_VALUE, text)
    return zone.to_utc(2000 + year, month, day, hour, minute, 0)


def _force(call):
    """Read now, wait for it and show it. The result is not logged."""
    meters = [(line, meter) for line in call.device.lines for meter in line.meters]
    if call.args:
        line, meter = find(call, call.args[0])
    elif len(meters) == 1:
        line, meter = meters[0]
    else:
        names = ", ".join(meter.ident for _, meter in meters)
        raise CommandError(_NO_METER, "which meter: %s" % (names or "none is set up"))
    return ask(line, meter, readings.INSTANT), "forced"


async def forced(call):
    if call.result is None:
        raise CommandError(_BUSY, "the line is busy; GETIEC102 gives the result later")
    await _give(call, call.result)


def form_of(get, port):
    """(bits, parity: None, 0 even, 1 odd, stop bits) of a serial port as its settings are; `get` is Config's."""
    parity = {"even": 0, "odd": 1}.get(get("port.parity", port))
    return int(get("port.bits", port)), parity, int(get("port.stop", port))
