"""What the general commands do."""

import json

from firmware.commands import parser, table
from firmware.commands.parser import CommandError
from firmware.port import sleep_ms


async def run(call):
    await _HANDLERS[call.name](call)


async def _nothing(call):
    """Just OK."""


async def _identify(call):
    await call.say(call.device.name)
    await call.say(call.device.version)


async def _version(call):
    await call.say("lector102 " + call.device.version)


async def _echo(call):
    # The answer to ATE0 still has the form the channel had: the command came before it.
    await call.begin()
    call.channel.echo = call.name == "ATE1"


async def _help(call):
    from firmware.commands import help as words

    config = call.device.config
    if call.args:
        name = call.args[0].upper()
        name = name.replace("AT^MTXTUNNEL=", "")
        row = table.row(name)
        if not row:
            await _help_setting(call)
            return
        await call.say("%s - %s" % (table.form(row), words.of(name)))
        return
    whitelist = config.get(call.channel.whitelist)
    for row in table.rows():
        if table.allowed(row[0], row[4], whitelist):
            await call.say("%s - %s" % (table.form(row), words.of(row[0])))


async def _help_setting(call):
    from firmware import settings, settings_help

    config = call.device.config
    try:
        row, index = config.row(call.args[0])
    except ValueError:
        text = "there is no command and no setting %s" % call.args[0][:40]
        raise CommandError(parser.UNKNOWN, text) from None
    key = settings.key(row, index)
    default = "***" if row[2] in ("secret", "code") else row[4]
    await call.say("%s, %s: %s" % (key, settings.titan(row, index), settings_help.of(row[0])))
    await call.say("allowed: " + settings_help.allowed(row))
    await call.say("value: %s; default: %s" % (config.text(key), default))
    await call.say(settings_help.needs(row))


async def _status(call):
    status = call.device.status()
    if call.args:
        name = call.args[0].lower()
        if name not in status:
            known = ", ".join(sorted(status))
            raise CommandError(
                parser.BAD_VALUE, "there is no section %s; there are: %s" % (name, known)
            )
        status = {name: status[name]}
    for name in sorted(status):
        await _tell(call, name, status[name])


async def _tell(call, name, value):
    """One line a value: `log.depth: 12`, `meters.0.id: ID00000`."""
    if isinstance(value, dict):
        for key in sorted(value):
            await _tell(call, "%s.%s" % (name, key), value[key])
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            await _tell(call, "%s.%d" % (name, index), item)
    else:
        text = value if isinstance(value, str) else json.dumps(value)
        await call.say("%s: %s" % (name, call.device.config.mask(text)))


async def _log(call):
    stats = call.device.ring.stats()
    for name in sorted(stats):
        await _tell(call, name, stats[name])


async def _clear(call):
    depth = call.device.ring.stats()["depth"]
    if not call.args or call.args[0].upper() != "YES":
        await call.say("%d records would be deleted; AT^MTXTUNNEL=CLEARLOG,YES does it" % depth)
        return
    call.device.ring.clear()
    await call.say("%d records deleted" % depth)


async def _sync(call):
    call.device.sync()
    await call.say("clock: %s" % call.device.clock.source_name())


async def _reboot(call):
    device, reason = call.device, "command on %s" % call.channel.name
    call.after = lambda: device.restart(reason)


async def _login(call):
    channel = call.channel
    wanted = call.device.config.get("device.password")
    if wanted and call.rest != wanted:
        channel.known = False
        channel.wrong += 1
        # Guessing takes 2, 4, 8 … 60 s a word.
        await sleep_ms(min(1000 << min(channel.wrong, 6), 60000))
        raise CommandError(parser.FORBIDDEN, "that is not the password")
    channel.known = True
    channel.wrong = 0


async def _logout(call):
    call.channel.known = False


async def _baud(call):
    from firmware import settings

    port, speed = call.args
    if port not in ("0", "1"):
        raise CommandError(parser.BAD_VALUE, "port 0 or 1 is wanted")
    speeds = settings.row("port.baud")[3]
    if speed not in speeds.split(","):
        raise CommandError(parser.BAD_VALUE, "the speed is one of " + speeds)
    number = int(port) + 1
    get = call.device.config.get
    for line in call.device.lines:
        if line.name == "port %d" % number:
            bits, stop = int(get("port.bits", number)), int(get("port.stop", number))
            parity = {"even": 0, "odd": 1}.get(get("port.parity", number))
            line.master.link.port.configure(int(speed), bits, parity, stop)
            return
    raise CommandError(parser.BAD_VALUE, "port %s is not in use" % port)


_HANDLERS = {
    "AT": _nothing,
    "ATI": _identify,
    "ATE0": _echo,
    "ATE1": _echo,
    "HELP": _help,
    "VERSION": _version,
    "GETSTATUS": _status,
    "GETLOG": _log,
    "CLEARLOG": _clear,
    "SYNC": _sync,
    "REBOOT": _reboot,
    "LOGIN": _login,
    "LOGOUT": _logout,
    "SETBAUDRATE": _baud,
}
