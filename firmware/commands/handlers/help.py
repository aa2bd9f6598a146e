"""HELP: the commands this channel may give, one of them, or a setting; and what each command is for."""

from firmware.commands import grammar
from firmware.commands.reply import CommandError
from firmware.config import help as settings_help
from firmware.config import settings

# A code of CommandError.
_UNKNOWN = const(2)

TEXT = """
AT|answers OK
ATI|what this device is
ATE0|answers on this channel no longer begin with the command
ATE1|answers on this channel begin with the command
HELP|the commands, or one of them, or a setting
VERSION|version of the firmware
GETSTATUS|state of the device, or of one section of it: log, mqtt, link, meters, start, crash, update
GETLOG|the log: how many records wait, numbers and times of the oldest and the newest, how many were dropped
CLEARLOG|delete the records that wait; without YES it only says how many they are
DOCTOR|what is wrong and what to do; with the id of a meter its line is tried, which takes up to a minute
SYNC|ask for the time now
REBOOT|start again
UPDATE|fetch a signed release, check it, start it on trial; FORCE takes an older one; STOP ends it; GETSTATUS,update
CONFIRM|the way out that was changed stays; the code stood in the answer to the change; on the console without one
LOGIN|log in on the console, where device.password is set
LOGOUT|end that
SETBAUDRATE|speed of a serial port until the next start; port 0 or 1
GETPARAM|value of a setting, by our name or the heritage one
SETPARAM|change a setting and keep it
GETCONFIG|the settings as NAME: value lines, or those whose name begins so
SAVECONFIG|take over the NAME: value lines behind it in the same message; TEXT: those typed next, up to END
FORCEREAD|read a meter now and show its instantaneous values; nothing is logged
SETIEC102|read instantaneous values in the background
GETIEC102|the instantaneous values last read
SETIEC102_CTAVM2|read closings between two local times in the background; hour, minute, day, month, year
GETIEC102_CTAVM2|the closings last read
SETIEC102_LC|read the load curve between two local times in the background
GETIEC102_LC|the load curve last read
SETIEC102_EV|read events between two local times in the background
GETIEC102_EV|the events last read
SETIEC102_TAVC|read the current tariff values in the background
GETIEC102_TAVC|the tariff values last read
SETIEC102_ID|read the identity in the background
GETIEC102_ID|the identity last read
SETIEC102_CLOCK|read the meter's clock in the background
GETIEC102_CLOCK|the clock last read
SETIEC102_PC|read the contracted powers in the background
GETIEC102_PC|the contracted powers last read
SETIEC102_CFG|read the meter's configuration in the background
GETIEC102_CFG|the configuration last read
"""


def of(name):
    """The help of a command."""
    at = TEXT.find("\n" + name + "|")
    return TEXT[at + len(name) + 2 : TEXT.find("\n", at + 1)] if at >= 0 else ""


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
    key = settings.key(row, index)
    await call.say("%s, %s: %s" % (key, settings.titan(row, index), settings_help.of(row[0])))
    await call.say("allowed: " + settings_help.allowed(row))
    await call.say("value: %s; default: %s" % (config.text(key), "***" if settings.secret(row) else row[4]))
    await call.say(settings_help.needs(row))
