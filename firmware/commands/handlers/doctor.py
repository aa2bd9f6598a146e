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
    if what not in ("", "modem", "broker"):
        await _probe(call, call.args[0])
        return
    with overlay.use("doctor"):
        from firmware.config import files  # noqa: F401  loading takes a while on a board

        await sleep_ms(0)
        from firmware.core import error_texts  # noqa: F401

        await sleep_ms(0)
        from firmware.commands.handlers import doctor_texts

        await sleep_ms(0)
        if what in ("", "modem"):
            link = call.device.link
            await _say(call, "network", doctor_texts.network(link.status(), link.trouble()))
        if what in ("", "broker"):
            get = call.device.config.get
            broker = get("mqtt.broker") if get("mqtt.enabled") else ""
            mqtt = call.device.mqtt
            found = mqtt.status() if mqtt else {}
            await _say(call, "broker", doctor_texts.broker(found, broker, mqtt and mqtt.why))
        if what == "":
            data = call.device.status().get("data") or {}
            if data.get("limit"):
                await _say(call, "data", doctor_texts.data(data))
            for port, why, _ in call.device.faults:
                await _say(call, "port %d" % port, doctor_texts.advice(why))
            meters = [meter for line in call.device.lines for meter in line.meters]
            if meters or not call.device.faults:
                await _meters(call, meters, doctor_texts)
            # A short message has no room for that.
            if not call.channel.most:
                await sleep_ms(0)
                for name, found in doctor_texts.channels(call.device.config):
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


async def _probe(call, ident):
    """Read the meter's identity; where it is silent, try other settings of its line."""
    with overlay.use("command"):
        from firmware.commands.handlers.readings import ask, find, form_of, wait
    line, meter = find(call, ident)
    result = await wait(call, ask(line, meter, readings.IDENTITY))
    if result is None:
        await _say(call, "meter " + meter.ident, ("the line is busy", "ask again in a minute"))
        return
    probed = None
    if result.why and result.why[0] <= _LAST_SILENT:
        get, port = call.device.config.get, int(line.name.split(" ")[1])
        settings = (int(get("port.baud", port)),) + form_of(get, port) + (port,)
        probed = await wait(call, ask(line, meter, readings.PROBE, settings))
        meter.results.pop(readings.PROBE, None)
    with overlay.use("doctor"):
        from firmware.commands.handlers import doctor_texts

        found = doctor_texts.advice(result.why) if result.why else ("ok, it was read", "")
        if probed and probed.why[0] >= _PROBED:
            found = doctor_texts.advice(probed.why)
    await _say(call, "meter " + meter.ident, found)
