"""DOCTOR: what is wrong between the meters and the broker, in words, and what to do next.

Tells what the services know about themselves. Only with the ID of a meter its line is used: it is read once, and
where nobody answers firmware/meters/line_probe.py looks whether speed, parity or link address are other ones.
"""

from firmware.core import overlay
from firmware.core.compat import sleep_ms
from firmware.meters import readings

# Codes of errors (core/errors.py): the last of nobody answers, not in frames, somebody else; what the probe finds.
_LAST_SILENT = const(103)
_PROBED = const(141)


async def doctor(call):
    what = call.args[0].lower() if call.args else ""
    mqtt = call.device.mqtt
    others = [each for each in call.device.deliveries if each is not mqtt and what in ("", each.name)]
    if what not in ("", "modem", "broker") and not others:
        return _ask(call, readings.IDENTITY), "identified"
    await _services(call, what, others)
    # A short message has no room for that.
    if what == "" and not call.channel.most:
        await sleep_ms(0)
        await _access(call)
        await _memory(call)
    return None


async def _memory(call):
    with overlay.use("check"):
        from firmware.config import needs

        found = needs.advice(call.device.config)
    if found:
        await _say(call, "memory", found)


async def _services(call, what, others):
    get = call.device.config.get
    # Before the words are loaded, beside which the rest of the state has no room.
    data = call.device.status()["data"] if what == "" and get("data.limit") else None
    with overlay.use("doctor"):
        # Loading takes a while on a board.
        from firmware.core import error_texts  # noqa: F401

        await sleep_ms(0)
        from firmware.commands.handlers import doctor_texts

        await sleep_ms(0)
        if what in ("", "modem"):
            link = call.device.link
            await _say(call, "network", doctor_texts.network(link.status(), link.trouble()))
        for each in others:
            where = call.device.config.expand(get(each.name + ".server"))
            await _say(call, each.name, doctor_texts.delivery(each.status(), where, each.why))
        if what == "broker" or (what == "" and (get("mqtt.enabled") or not others)):
            broker = get("mqtt.broker") if get("mqtt.enabled") else ""
            mqtt = call.device.mqtt
            found = mqtt.status() if mqtt else {}
            await _say(call, "broker", doctor_texts.broker(found, broker, mqtt and mqtt.why))
        if what == "":
            if data:
                await _say(call, "data", doctor_texts.data(data))
            for port, why, _ in call.device.faults:
                await _say(call, "port %d" % port, doctor_texts.advice(why))
            meters = [meter for line in call.device.lines for meter in line.meters]
            if meters or not call.device.faults:
                await _meters(call, meters, doctor_texts)


async def _access(call):
    with overlay.use("access"):
        from firmware.config import files  # noqa: F401

        await sleep_ms(0)
        from firmware.commands import grammar  # noqa: F401

        await sleep_ms(0)
        from firmware.commands.handlers import doctor_access

        await sleep_ms(0)
        for name, found in doctor_access.channels(call.device.config):
            await _say(call, name, found)


async def _say(call, name, found):
    """`found`: (what is, what to do or ""). To find out has taken this turn of the loop."""
    await sleep_ms(0)
    await call.say("%s: %s" % (name, call.device.config.mask(found[0])))
    if found[1]:
        await call.say("  do: " + found[1])


async def _meters(call, meters, doctor_texts):
    if not meters:
        await _say(call, "meters", ("FAULT none is set up", "set meter.0.enabled on, then REBOOT"))
    for meter in meters:
        reads = meter.reads
        if meter.why:
            found = doctor_texts.advice(meter.why)
            found = found[0], found[1] + "; AT^MTXTUNNEL=DOCTOR,%s tries its line" % meter.ident
            if reads:
                found = "%d times read; last time it failed: %s" % (reads, found[0][6:]), found[1]
        elif reads:
            found = "ok, read %d times" % reads, ""
        else:
            found = "not read yet", "AT^MTXTUNNEL=DOCTOR,%s reads it now" % meter.ident
        await _say(call, "meter " + meter.ident, found)


def _meter(call):
    """(line, meter) of the one that is asked for."""
    with overlay.use("handlers"):
        from firmware.commands.handlers import readings as handler

        return handler.find(call, call.args[0])


def _ask(call, kind):
    """Have its line read that; the Result."""
    line, meter = _meter(call)
    args = None
    with overlay.use("handlers"):
        from firmware.commands.handlers import readings as handler

        if kind == readings.PROBE:
            get, port = call.device.config.get, int(line.name.split(" ")[1])
            args = (int(get("port.baud", port)),) + handler.form_of(get, port) + (port,)
        return handler.ask(line, meter, kind, args)


async def identified(call):
    """The meter's identity was read. Where it is silent, other settings of its line are tried."""
    result = call.result
    if result and result.why and result.why[0] <= _LAST_SILENT:
        return _ask(call, readings.PROBE), "probed"
    await _tell(call, result and result.why)
    return None


async def probed(call):
    """The line was tried: what was found, else what was wrong before."""
    results = _meter(call)[1].results
    found = results.pop(readings.PROBE, None)
    if not found or not found.why or found.why[0] < _PROBED:
        found = results.get(readings.IDENTITY)
    await _tell(call, found and found.why)


async def _tell(call, why):
    with overlay.use("doctor"):
        from firmware.commands.handlers import doctor_texts

        if call.result is None:
            found = "the line is busy", "ask again in a minute"
        else:
            found = doctor_texts.advice(why) if why else ("ok, it was read", "")
    await _say(call, "meter " + _meter(call)[1].ident, found)
