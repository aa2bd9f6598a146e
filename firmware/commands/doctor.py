"""DOCTOR: what is wrong, in words, and what to do; a step a line: `ok …`, `FAULT …`, `do …`.

Without an argument it tells what the device knows already. With a meter's ID it reads that meter first; the
reading is not logged.
"""

from firmware import readings
from firmware.commands.answer import CommandError
from firmware.commands.readings import ask, find, wait
from firmware.port import const

_FAILED = const(8)


async def doctor(call):
    faults = 0
    device = call.device
    if call.args:
        line, meter = find(call, call.args[0])
        result = ask(line, meter, readings.INSTANT)
        await wait(call, result)
        faults += await _meter(call, meter, result.error)
    else:
        faults += await _clock(call)
        for line in device.lines:
            for meter in line.meters:
                faults += await _meter(call, meter, meter.last_error if meter.failing else "")
        if not device.lines:
            faults += await _fault(call, "meters: none is read", "meter.0.enabled on, then REBOOT")
        if await _way_out(call):
            faults += 1
        elif device.mqtt:
            faults += await _broker(call)
        faults += await _log(call)
    if faults:
        raise CommandError(_FAILED, "%d fault%s" % (faults, "s" if faults > 1 else ""))


def _advice():
    # Not before the meter was read: a session needs the room.
    from firmware.commands import advice

    return advice


async def _fault(call, what, todo):
    await call.say("FAULT %s" % call.device.config.mask(what))
    if todo:
        await call.say("do    " + todo)
    return 1


async def _ok(call, text):
    await call.say("ok    " + text)
    return 0


async def _clock(call):
    clock = call.device.clock
    if clock.known:
        return await _ok(call, "clock: set by %s" % clock.source_name())
    return await _fault(call, "clock: not set, nothing is read before it is", "SYNC, or check ntp.server1")


async def _meter(call, meter, error):
    name = "meter %s: " % meter.ident
    if error:
        return await _fault(call, name + error, _advice().of(error))
    if not meter.reads and not call.args:
        return await _ok(call, name + "not read yet; DOCTOR,%s reads it" % meter.ident)
    return await _ok(call, name + "answers, %d readings, %d failed" % (meter.reads, meter.errors))


async def _way_out(call):
    status = call.device.link.status()
    kind = status["uplink"]
    if status["up"]:
        words = [str(status[key]) for key in ("operator", "technology", "ip") if status.get(key)]
        return await _ok(call, "uplink (%s): up%s" % (kind, ": " + ", ".join(words) if words else ""))
    problem = status.get("problem") or status.get("state") or "down"
    return await _fault(call, "uplink (%s): %s" % (kind, problem), _advice().of_link(problem))


async def _broker(call):
    status = call.device.mqtt.status()
    if status["connected"]:
        return await _ok(call, "broker: connected for %d s, %d delivered" % (status["since"], status["delivered"]))
    why = status["last_error"] or status["state"]
    return await _fault(call, "broker: %s" % why, _advice().of_broker(why))


async def _log(call):
    stats = call.device.ring.stats()
    if stats["damaged"]:
        return await _fault(
            call, "log: %d records are damaged" % stats["damaged"], "the flash wears out: replace the board"
        )
    return await _ok(call, "log: %d records wait, %d lost" % (stats["depth"], stats["lost"]))
