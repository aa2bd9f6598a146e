"""The general commands, each a function of its name; run() hands a line to the modem."""

import json

from firmware.commands.executor import CommandError
from firmware.core import overlay
from firmware.core.compat import sleep_ms
from firmware.core.flash_gate import silence

# Codes of CommandError.
_FORBIDDEN = const(3)
_BAD_VALUE = const(4)
_FAILED = const(8)
_NO_MODEM = const(9)

_ANSWER_MS = const(20000)
# Of the audit log, where nothing else is said.
_ENTRIES = const("20")


async def at(call):
    """Just OK."""


async def ati(call):
    await call.say(call.device.name)
    await call.say(call.device.version)


async def help(call):
    with overlay.use("help"):
        from firmware.commands.handlers import help as found

        await sleep_ms(0)
        await found.help(call)


async def version(call):
    await call.say("lector102 " + call.device.version)


async def ate0(call):
    # The answer to ATE0 still has the form the channel had: the command came before it.
    await call.begin()
    call.channel.echo = False


async def ate1(call):
    call.channel.echo = True


async def clearlog(call):
    ring = call.device.ring
    depth = _stats(ring)["depth"]
    if not call.args or call.args[0].upper() != "YES":
        await call.say("%d records would be deleted; AT^MTXTUNNEL=CLEARLOG,YES does it" % depth)
        return
    await silence(call.device)
    depth = ring.stats()["depth"]
    ring.clear()
    await call.say("%d records deleted" % depth)


async def sendnow(call):
    """Have the deliveries try now."""
    wanted = call.args[0].lower() if call.args else ""
    found = [each for each in call.device.deliveries if each.state != "off" and wanted in ("", each.name)]
    if wanted and not found:
        raise CommandError(_BAD_VALUE, "there is no delivery %s, or it is off: GETSTATUS,deliveries" % wanted)
    for each in found:
        if each is not call.device.mqtt:
            each.now()
        elif not each.connected:
            each.reconfigure(each.settings)
        await call.say("%s: %d records wait" % (each.name, each.cursor.depth()))


async def sync(call):
    call.device.sync()
    await call.say("clock: %s" % call.device.clock.source_name())


async def reboot(call):
    device, reason = call.device, "command on %s" % call.channel.name
    call.after = lambda: device.restart(reason)


async def login(call):
    channel = call.channel
    wanted = call.device.config.get("device.password")
    if wanted and not _fits(wanted, call.rest):
        channel.known = False
        channel.wrong += 1
        error = CommandError(_FORBIDDEN, "that is not the password")
        # Now: who pulls the plug does not have to wait.
        call.note(error)
        await call.device.note()
        # Guessing takes 2, 4, 8 ... 60 s a word. That is this channel's time: no reading and no other command waits.
        overlay.aside("command")
        try:
            await sleep_ms(min(1000 << min(channel.wrong, 6), 60000))
        finally:
            await overlay.back("command")
        raise error
    channel.known = True
    channel.wrong = 0


def _fits(wanted, text):
    with overlay.use("password"):
        from firmware.config import password

        return password.fits(wanted, text)


async def logout(call):
    call.channel.known = False


async def setbaudrate(call):
    port, speed = call.args
    if port not in ("0", "1"):
        raise CommandError(_BAD_VALUE, "port 0 or 1 is wanted")
    with overlay.use("settings"):
        from firmware.config import settings

        speeds = settings.row("port.baud")[3]
    if speed not in speeds.split(","):
        raise CommandError(_BAD_VALUE, "the speed is one of " + speeds)
    index = int(port) + 1
    get = call.device.config.get
    for line in call.device.lines + call.device.tags:
        if line.name == "port %d" % index:
            with overlay.use("handlers"):
                from firmware.commands.handlers.readings import form_of

                line.port.configure(int(speed), *form_of(get, index))
            return
    raise CommandError(_BAD_VALUE, "port %s is not in use" % port)


async def update(call):
    """Order an update over the air, which runs in the background (firmware/update/order.py), or STOP it."""
    # Addresses may have commas in them.
    url, comma, last = call.rest.rpartition(",")
    force = bool(comma) and last.strip().upper() == "FORCE"
    url = url.strip() if force else call.rest.strip()
    stop = url.upper() == "STOP"
    refused = call.device.update("" if stop else url, force)
    if refused:
        raise CommandError(*refused)
    await call.say("stopped" if stop else "fetching; GETSTATUS,update tells how far it is")


async def getstatus(call):
    """One line a value: `log.depth: 12`, `meters.0.id: ID00000`."""
    state = call.device.status()
    await sleep_ms(0)
    if call.args:
        name = call.args[0].lower()
        if name not in state:
            known = ", ".join(sorted(state))
            raise CommandError(_BAD_VALUE, "there is no section %s; there are: %s" % (name, known))
        state = {name: state[name]}
        if name == "crash":
            # All of it; among the other sections its last line is enough.
            state[name] = call.device.crash() or "none"
    # Secrets are looked for in each line: what does that is loaded for all of them, which else took 0.3 s each.
    with overlay.use("settings"):
        await _tell(call, "", state)


def _stats(ring):
    stats = ring.stats()
    if not stats:
        raise CommandError(_FAILED, "the safe mode has no log; GETSTATUS,start tells why it is that")
    return stats


async def getlog(call):
    ring = call.device.ring
    stats = dict(_stats(ring))
    stats["dropped"] = stats.pop("lost") + call.device.too_long
    # The ring counts a record that is asked for and not there as damaged.
    for name in ("oldest", "newest") if stats["depth"] else ():
        try:
            stats[name + "_utc"] = ring.info(stats[name])[1]
        except OSError:
            continue  # delivered meanwhile, and its place taken
    await _tell(call, "", stats)


async def getaudit(call):
    """A line an entry, the newest last: number, UTC, who, what, what came of it."""
    count = call.args[0] if call.args else _ENTRIES
    if not 0 < len(count) < 5 or count.strip("0123456789"):
        raise CommandError(_BAD_VALUE, "how many is a number up to 9999")
    await call.device.note(True)
    with overlay.use("audit"):
        from firmware.security import audit

        for entry in audit.read(call.device, int(count)):
            found = audit.told(entry)
            text = "%(OF)d came %(TIMES)d times more" if "OF" in found else "%(WHO)s: %(WHAT)s: %(RESULT)s"
            if "WHO" in found and "TIMES" in found:
                text += " (%(TIMES)d times)"
            await call.say(("%(N)d %(TS)s " + text) % found)


async def _tell(call, name, value):
    start = name + "." if name else ""
    if callable(value):
        value = value()
        await sleep_ms(0)
    if isinstance(value, dict):
        for key in sorted(value):
            await _tell(call, start + key, value[key])
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            await _tell(call, start + str(index), item)
    else:
        text = value if isinstance(value, str) else json.dumps(value)
        await call.say("%s: %s" % (name, call.device.config.mask(text)))


async def run(call):
    """A line for the modem; its answer without the secrets in it."""
    modem = call.device.modem
    if modem is None:
        raise CommandError(_NO_MODEM, "no modem is attached")
    mask = call.device.config.mask
    try:
        lines = await modem.command(call.rest, _ANSWER_MS)
    except Exception as error:  # whatever it is: a secret may stand in its words
        raise CommandError(_FAILED, mask(str(error))) from None
    final = lines.pop() if lines else "ERROR"
    for text in lines:
        await call.say(mask(text))
    if final != "OK":
        raise CommandError(_FAILED, mask(final))
