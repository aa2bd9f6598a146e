"""HELP: the commands this channel may give, one of them, or a setting; what each command is for; what was meant."""

from firmware.commands import grammar
from firmware.commands.executor import CommandError

# A board has rows `name|help` here: tools/columns.py.
from firmware.commands.grammar import TABLE
from firmware.core import overlay
from firmware.core.compat import sleep_ms

# A code of CommandError.
_UNKNOWN = const(2)
# Fields before the help of a row.
_BEFORE = const(6)


def of(name):
    """The help of a command."""
    at = TABLE.find("\n" + name + "|") + 1
    return TABLE[at : TABLE.find("\n", at)].split("|", _BEFORE)[_BEFORE] if at else ""


async def help(call):
    if not call.args:
        whitelist = call.device.config.get(call.channel.whitelist)
        for row in grammar.rows():
            if grammar.allowed(row[0], row[4], whitelist):
                await call.say("%s - %s" % (grammar.form(row), of(row[0])))
        return
    name = call.args[0].upper().replace("AT^MTXTUNNEL=", "")
    row = grammar.row(name)
    if row:
        await call.say("%s - %s" % (grammar.form(row), of(name)))
    else:
        await _setting(call)


async def _setting(call):
    config = call.device.config
    try:
        row, index = config.row(call.args[0])
    except ValueError:
        text = "there is no command and no setting %s" % call.args[0][:40]
        raise CommandError(_UNKNOWN, text) from None
    # Loading takes a while on a board.
    await sleep_ms(0)
    with overlay.use("texts"):
        from firmware.config import help as settings_help
        from firmware.config import settings

        await sleep_ms(0)
        key = settings.key(row, index)
        await call.say("%s, %s: %s" % (key, settings.titan(row, index), settings_help.of(row[0])))
        await call.say("allowed: " + settings_help.allowed(row))
        await call.say("value: %s; default: %s" % (config.text(key), "***" if settings.secret(row) else row[4]))
        await call.say(settings_help.needs(row))


def words(call):
    """What a person may have meant whose line came to an error, to be added to its words; "" where they say it all."""
    if call.module:
        return ""
    name = call.line.upper().replace("=", " ").replace(",", " ").split(" ")[:2][-1]
    # The name that has most of its pairs of letters, and more than half of them.
    most, found = len(name) // 2, ""
    for row in grammar.rows():
        count = sum([name[at : at + 2] in row[0] for at in range(len(name) - 1)])
        if count > most:
            most, found = count, row
    return "; is it %s?" % grammar.form(found) if found else "; HELP lists the commands"
