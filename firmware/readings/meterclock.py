"""The meter's clock: ASDU 103, answered by 72; how far it is off, and setting it (181) where that is allowed.

Setting is off by default (option `set_clock`) and never moves the clock by more than `max_step` seconds: a
larger difference wants a person. As a last resort the device takes its own time from the meter.
"""

from firmware import diag
from firmware.clock import clock
from firmware.core import errors
from firmware.iec102 import timetag
from firmware.port import const
from firmware.readings import forms

TYPE = "IEC102_CLOCK"
_READ = const(103)
_SET = const(181)
# A difference below this is the line's and the tag's own resolution.
_LEAST_STEP = const(2)


async def read(master, meter, job):
    answer = await master.read(_READ)
    tag = answer.objects[0]["time"]
    now = job.utc()
    try:
        theirs = tag.to_utc(job.clock.zone)
    except errors.AsduError:
        theirs = None  # a clock that was never set
    if theirs is not None and not tag.iv:
        if job.clock.source in (clock.UNKNOWN, clock.METER):
            job.clock.set(theirs, clock.METER)
            now = job.utc()
        else:
            meter.drift = theirs - now
    drift = meter.drift
    was_set = await _maybe_set(master, meter, job)
    out = job.out
    job.envelope.begin(out, TYPE, now, meter.ident)
    out.text("DT", forms.time(job, tag))
    out.int("DRIFT", meter.drift)
    out.flag("IV", tag.iv)
    out.flag("SET", was_set)
    await job.emit(out.end())
    if job.extended:
        await job.extended.clock(tag, drift, was_set)


async def _maybe_set(master, meter, job):
    """Send ASDU 181 if the settings allow it and it is needed; returns whether it was done."""
    drift = meter.drift
    if not meter.options.get("set_clock") or drift is None or abs(drift) < _LEAST_STEP:
        return False
    if job.clock.source < clock.MODEM:
        return False
    if abs(drift) > meter.options.get("max_step", 60):
        diag.warn("meter", "%s: clock is off by %d s, more than may be set", meter.ident, drift)
        return False
    tag = timetag.from_utc(job.utc(), job.clock.zone, True)
    await master.command(_SET, 0, ({"time": tag},))
    diag.info("meter", "%s: clock set, it was off by %d s", meter.ident, drift)
    meter.drift = 0
    return True
