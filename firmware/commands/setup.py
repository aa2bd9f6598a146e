"""The commands about settings, each a function of its name."""

from firmware.commands.answer import CommandError
from firmware.gate import silence
from firmware.port import const

# Codes of CommandError.
_SYNTAX = const(1)
_FORBIDDEN = const(3)
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
    for line in call.device.config.dump(True, call.args[0] if call.args else ""):
        await call.say(line)


async def saveconfig(call):
    """Take over the lines behind the command; alone it just keeps what is set (each SETPARAM has kept its own)."""
    if call.typed:
        await _take(call, call.typed)
        return
    config = call.device.config
    if call.args and call.args[0].upper() != "TEXT":
        raise CommandError(_SYNTAX, "SAVECONFIG or SAVECONFIG,TEXT is wanted")
    if not call.args and not call.text:
        await silence(call.device)
        config.save()
        return
    from firmware.config.takeover import Importer

    importer = Importer(config)
    if not call.text:
        if call.channel.name != "console":
            raise CommandError(
                _SYNTAX, "the settings stand behind the command in the same message"
            )
        call.channel.text = importer
        return
    for line in call.text:
        if line.strip().upper() == "END":
            break
        importer.feed(line)
    await _take(call, importer)


async def _change(call, values):
    """Take over settings. A channel that may not do everything must not give itself leave to."""
    from firmware.commands import table

    whitelist = call.device.config.get(call.channel.whitelist)
    if not table.allowed("DANGER", "danger", whitelist):
        for name in values:
            if name.endswith(".commands") or name == "device.password":
                text = "%s can't be changed on this channel, only where all is allowed" % name
                raise CommandError(_FORBIDDEN, text)
    await silence(call.device)
    call.device.change(values)


async def _take(call, importer):
    """Take over what an importer has gathered, all or nothing; names without a setting are told."""
    values = importer.finish()
    await _change(call, values)
    if 0 < values.get("logger.size", 0) < _CLOSING:
        # TITAN has 300 here, and sends longer records all the same.
        await call.say("warning: logger.size: longer records are not kept, such as closings; 0 keeps all")
    for name in importer.unknown:
        await call.say("unknown: " + name)
    if importer.unknowns > len(importer.unknown):
        await call.say("unknown: %d more" % (importer.unknowns - len(importer.unknown)))
