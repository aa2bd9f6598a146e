"""From a modem that answers to one that may dial: identity, SIM, network selection, access point,
registration.
"""

from firmware import diag
from firmware.modem import lazy
from firmware.modem.at import CommandError, NoAnswer
from firmware.modem.failure import Failure
from firmware.modem.fields import fields_of, is_quotable
from firmware.modem.ladder import RADIO
from firmware.port import const

_RADIO_MS = const(15000)
_NO_APN = const(220)  # code of an error (core/errors.py)
_KINDS = {"none": 0, "pap": 1, "chap": 2}


async def setup(device, settings, facts, store, timing):
    """Make the modem ours. Cheap when that is done and it has not restarted since. Raises Failure.

    Fills `facts`: model, imei, iccid, imsi.
    """
    channel = device.channel
    try:
        if device.configured and not await _still_ours(channel):
            diag.warn("modem", "has restarted by itself")
            device.configured = False
        if device.configured:
            return
        await channel.command("ATE0", tries=3)
        await channel.command("AT+CMEE=1", tries=2)
        await _identify(device, settings, facts)
        await device.quietly("AT+CFUN=1", _RADIO_MS)
        await lazy.use("sim").unlock(channel, settings.get("pin", ""), store, timing["sim"])
        facts["iccid"] = _digits(await device.quietly(device.profile["iccid"]), 18)
        facts["imsi"] = _digits(await device.quietly("AT+CIMI"), 14)
        await _configure(device, settings, facts)
        device.configured = True
    except (NoAnswer, CommandError) as error:
        raise Failure(error.why(), RADIO) from None


async def _still_ours(channel):
    """Whether AT+CMEE still has what setup put there: a restart takes it back to 0."""
    for line in await channel.command("AT+CMEE?", tries=3):
        if line.startswith("+CMEE:"):
            return line[6:].strip() == "1"
    return False


def _digits(lines, least):
    """The first number of at least `least` digits in the answer, or an empty text."""
    for line in lines:
        number = line.rpartition(":")[2].strip().strip('"').rstrip("Ff")
        if len(number) >= least and number.isdigit():
            return number
    return ""


def text(lines):
    """The line that is not noise: the longest one."""
    best = ""
    for line in lines:
        if len(line) > len(best):
            best = line
    return best.rpartition(":")[2].strip().strip('"')


async def _identify(device, settings, facts):
    profiles = lazy.use("profiles")
    facts["model"] = text(await device.channel.command("AT+CGMM", tries=3))
    facts["imei"] = _digits(await device.channel.command("AT+CGSN", tries=3), 15)
    name = settings.get("model") or "auto"
    if name == "auto":
        name = profiles.detect(facts["model"])
    if device.profile["name"] != name:
        device.profile = profiles.get(name)
        diag.info("modem", "%s: profile %s", facts["model"], name)


async def _configure(device, settings, facts):
    quietly = device.quietly
    for command in device.profile["init"]:
        await quietly(command)
    await quietly("AT&C1&D2" if device.dtr else "AT&C1&D0")
    await quietly(device.profile["clock"])
    await _select(device, settings.get("network") or "auto", facts)
    await _access_point(device, settings)
    for command in device.profile["reg"]:
        try:
            # 3 also tells why a registration was refused; not every model has it.
            await device.channel.command("AT%s=3" % command)
        except CommandError:
            await quietly("AT%s=2" % command)


async def _select(device, choice, facts):
    """2G, 3G, 4G, NB-IoT, Cat-M or all. What the model cannot is left as it is, and said."""
    modes = device.profile["modes"]
    if choice not in modes:
        if choice != "auto":
            facts["note"] = "this model cannot select " + choice
            diag.warn("modem", facts["note"])
        return
    for command in modes[choice]:
        await device.quietly(command, _RADIO_MS)


def _is_first(line, apn):
    """Whether a +CGDCONT line says that context 1, the one that is dialled, is IPv4 with `apn`."""
    fields = fields_of(line)
    if len(fields) < 3 or fields[0] != "1":
        return False
    return fields[1] in ("IP", "IPV4V6") and fields[2] == apn


async def _access_point(device, settings):
    apn = settings.get("apn") or ""
    if not is_quotable(apn):
        raise Failure(_NO_APN, blocked=True)
    lines = await device.quietly("AT+CGDCONT?")
    changed = not any(_is_first(line, apn) for line in lines)
    if changed:
        await device.channel.command('AT+CGDCONT=1,"IP","%s"' % apn, tries=2)
    user = settings.get("user") or ""
    kind = settings.get("auth") or "none"
    password = settings.get("password") or ""
    if user and kind != "none" and not is_quotable(user, password):
        diag.warn("modem", "user or password has characters that the modem does not take; only PPP tells them")
    elif user and kind != "none" and device.profile["auth"]:
        command = device.profile["auth"]
        # str.replace, not format: a password may contain braces.
        for name, value in (("{apn}", apn), ("{user}", user), ("{kind}", str(_KINDS[kind]))):
            command = command.replace(name, value)
        await device.quietly(command.replace("{password}", password))
    if changed:
        # On LTE the access point is used at attach: register anew with the right one.
        await lazy.use("register").radio_cycle(device)
