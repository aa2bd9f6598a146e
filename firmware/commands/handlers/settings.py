"""The commands about settings, each a function of its name."""

from firmware.commands.executor import CommandError
from firmware.core import overlay
from firmware.core.compat import sleep_ms
from firmware.core.flash_gate import silence

# Codes of CommandError.
_SYNTAX = const(1)
_FORBIDDEN = const(3)
_BAD_VALUE = const(4)
_FAILED = const(8)
# A record with the closings of one period has so many bytes and more.
_CLOSING = const(2048)


async def getparam(call):
    await call.say(call.device.config.text(call.args[0]))


async def setparam(call):
    name, comma, value = call.rest.partition(",")
    if not comma:
        raise CommandError(_SYNTAX, "SETPARAM,name,value is wanted; the value may be empty")
    await _change(call, {call.device.config.key(name.strip()): value.strip()})


async def getconfig(call):
    for lines in call.device.config.dump(True, call.args[0] if call.args else ""):
        for line in lines:
            await call.say(line)
        await sleep_ms(0)


async def saveconfig(call):
    """Take over the lines behind the command; alone it just keeps what is set (each SETPARAM has kept its own)."""
    if call.typed:
        values, notes = _gathered(call.typed)
        call.typed = True
        await _take(call, values, notes)
        return
    config = call.device.config
    if call.args and call.args[0].upper() != "TEXT":
        raise CommandError(_SYNTAX, "SAVECONFIG or SAVECONFIG,TEXT is wanted")
    if not call.args and not call.text:
        await silence(call.device)
        config.save()
        return
    with overlay.use("change"):
        from firmware.config.text_import import Importer

        importer = Importer(config)
    if not call.text:
        if not call.channel.person:
            raise CommandError(_SYNTAX, "the settings stand behind the command in the same message")
        call.channel.text = importer
        return
    for line in call.text:
        if line.strip().upper() == "END":
            break
        importer.feed(line)
    values, notes = _gathered(importer)
    importer = None  # whose code has no room beside what takes them over
    await _take(call, values, notes)


async def _change(call, values):
    """Take over settings, where leave.py has nothing against it; a code that is wanted stands in the answer."""
    device = call.device
    code = _code(call, values)
    await sleep_ms(0)
    await silence(device)
    device.change(values, code)
    if code:
        # The answer goes the old way; only then the new one is tried.
        call.after = device.begin_trial
        text = "confirm: %s within %d min over the new way: AT^MTXTUNNEL=CONFIRM,%s"
        await call.say(text % (code, device.config.get("device.trial"), code))


def _code(call, values):
    with overlay.use("rights"):
        from firmware.commands import leave

        return leave.code(call, values)


async def confirm(call):
    channel = call.channel
    if not (channel.way or channel.person):
        raise CommandError(_FORBIDDEN, "CONFIRM comes over MQTT, the new way, or is typed on the console")
    await silence(call.device)
    problem = call.device.confirm(call.args[0] if call.args else "", channel.person)
    if problem:
        raise CommandError(_FORBIDDEN, problem)


def _gathered(importer):
    """(values, what is to be told beside) of an Importer; names without a setting are among the latter."""
    values = importer.finish()
    notes = importer.notes + ["unknown: " + name for name in importer.unknown]
    if importer.unknowns > len(importer.unknown):
        notes.append("unknown: %d more" % (importer.unknowns - len(importer.unknown)))
    return values, notes


async def _take(call, values, notes):
    """Take over what was gathered, all or nothing."""
    call.rest = " ".join(values)
    await _change(call, values)
    if values.get("mqtt.at_topic") or values.get("mqtt.at_topic2"):
        note = _lacks(call.device.config)
        if note:
            await call.say(note)
    if 0 < values.get("logger.size", 0) < _CLOSING:
        # TITAN has 300 here, and sends longer records all the same.
        await call.say("warning: logger.size: longer records are not kept, such as closings; 0 keeps all")
    for note in notes:
        await call.say(note)


def _lacks(config):
    with overlay.use("rights"):
        from firmware.commands import leave

        return leave.lacks(config)


async def setcert(call):
    """A piece of a certificate or key, or what is here (firmware/security/certificates.py)."""
    lines = ()
    try:
        with overlay.use("certificates"):
            from firmware.security import certificates

            await silence(call.device)
            lines = certificates.command(call.device, call.args, call.channel.person)
    except ImportError:
        with overlay.use("check"):
            from firmware.config.check import WHO_HAS_TLS

            raise CommandError(_FAILED, "this version has no TLS, " + WHO_HAS_TLS) from None
    except (ValueError, OSError) as error:
        raise CommandError(_BAD_VALUE, "%s: %s" % (call.args[0], error)) from None
    for line in lines:
        await call.say(line)
