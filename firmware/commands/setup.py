"""What the commands about settings do."""

from firmware import configtext
from firmware.commands import parser
from firmware.commands.parser import CommandError


async def run(call):
    await _HANDLERS[call.name](call)


async def _get(call):
    await call.say(call.device.config.text(call.args[0]))


async def _set(call):
    name, comma, value = call.rest.partition(",")
    if not comma:
        raise CommandError(parser.SYNTAX, "SETPARAM,name,value is wanted; the value may be empty")
    config = call.device.config
    call.device.change({config.key(name.strip()): value.strip()})


async def _config(call):
    for line in call.device.config.dump(True, call.args[0] if call.args else ""):
        await call.say(line)


async def _save(call):
    """Take over the lines behind the command; alone it just keeps what is set (each SETPARAM has kept its own)."""
    config = call.device.config
    importer = configtext.Importer(config)
    if call.args and call.args[0].upper() != "TEXT":
        raise CommandError(parser.SYNTAX, "SAVECONFIG or SAVECONFIG,TEXT is wanted")
    if call.args and not call.text:
        call.channel.text = importer
        return
    for line in call.text:
        if line.strip().upper() == "END":
            break
        importer.feed(line)
    if call.text:
        await finish(call, importer)
    else:
        config.save()


async def finish(call, importer):
    """Take over what an importer has gathered, all or nothing; names without a setting are told."""
    call.device.change(importer.finish())
    for name in importer.unknown:
        await call.say("unknown: " + name)
    if importer.unknowns > len(importer.unknown):
        await call.say("unknown: %d more" % (importer.unknowns - len(importer.unknown)))


_HANDLERS = {
    "GETPARAM": _get,
    "SETPARAM": _set,
    "GETCONFIG": _config,
    "SAVECONFIG": _save,
}
