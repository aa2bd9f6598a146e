"""From a modem that answers to one that may register: identity, SIM, network selection, access point.

A wrong PIN is never tried twice. A digest of it is put into the device's small persistent store before the PIN is
tried and taken out when the SIM opens. So a wrong one is known for what it is even after a power cut in the middle; it
is tried again only when the setting has changed, or when the SIM says that all its tries are left (AT+CPINR, 27.007
8.65).
"""

import hashlib

from firmware.core import log, overlay
from firmware.core.compat import sleep_ms, ticks_add, ticks_diff, ticks_ms
from firmware.core.flash_gate import silence
from firmware.net.modem.exchange import CommandError, NoAnswer, fields_of, is_quotable, quietly
from firmware.net.modem.link import Failure

KEY = "sim_pin_tried"  # in the store: the digest
PUKS = const(("SIM PUK", "SIM PUK2", "PH-SIM PUK", "PH-NET PUK"))  # states that only a person ends
_RADIO_MS = const(15000)
_PIN_MS = const(10000)
_LOOK_MS = const(500)
_ENTERED = const(3)  # times a PIN is entered that the SIM takes, and asks for again
_ASKS = const(3)
_MORE = const(2)  # digits; an ICCID has more of them than an IMEI or IMSI
_GENERIC = const("generic")
# Of the ladder's measures (describe.py).
_RADIO = const(2)
_POWER = const(4)
# Numbers of +CME ERROR (27.007 9.2.1).
_NO_SIM = const(10)
_FAILED = const(13)
_WRONG = const(15)
# Codes of errors (core/errors.py).
_NO_CARD = const(201)
_PUK = const(202)
_NO_PIN = const(203)
_WRONG_PIN = const(204)
_REFUSED_BEFORE = const(205)
_NO_DIGITS = const(206)
_BROKEN = const(207)
_NOT_READY = const(208)
_PIN_SILENT = const(209)
_STOPPED = const(212)
_NO_APN = const(220)
_KINDS = {"none": 0, "pap": 1, "chap": 2}


async def setup(link):
    """Make the modem ours, and know it (`link.facts`: model, imei, iccid, imsi). Raises Failure.

    Cheap when that is done and it has not restarted since.
    """
    channel, settings, facts = link.channel, link.settings, link.facts
    try:
        if link.configured and not await _still_ours(channel):
            log.warn("modem", "has restarted by itself")
            link.configured = False
        if link.configured:
            return
        await channel.command("ATE0", tries=3)
        await channel.command("AT+CMEE=1", tries=2)
        await _identify(link, channel, facts)
        await quietly(channel, "AT+CFUN=1", _RADIO_MS)
        await unlock(channel, settings.get("pin", ""), link.store, link.timing["sim"])
        facts["iccid"] = _digits(await quietly(channel, link.profile["iccid"]), "CCID", 18)
        facts["imsi"] = _digits(await quietly(channel, "AT+CIMI"), "IMI", 14)
        await _configure(link, channel, link.profile)
        link.configured = True
    except (NoAnswer, CommandError) as error:
        raise Failure(error.why(), _RADIO) from None


async def _still_ours(channel):
    """Whether AT+CMEE still has what setup put there: a restart takes it back to 0."""
    for line in await channel.command("AT+CMEE?", tries=3):
        if line.startswith("+CMEE:"):
            return line[6:].strip() == "1"
    return False


def _texts(lines, name):
    """What is said where the name of the command may stand before it or not; other names are not asked for."""
    for line in lines:
        head, colon, rest = line.partition(":")
        if not colon or head.endswith(name):
            yield (rest if colon else head).strip(' "')


def _digits(lines, name, least):
    """The first number of `least` digits or a few more in the answer, or an empty text."""
    for text in _texts(lines, name):
        number = text.rstrip("Ff")
        if least <= len(number) <= least + _MORE and number.isdigit():
            return number
    return ""


async def model(channel, known):
    """What AT+CGMM says: the line that is `known`, else the longest one that comes each time: others come unasked."""
    best, before = "", ()
    for _ in range(_ASKS):
        lines = list(_texts(await channel.command("AT+CGMM", tries=3), "GMM"))
        for line in lines:
            if known(line) != _GENERIC:
                return line
        before = [line for line in lines if not before or line in before] or before
        if len(before) == 1:
            break
    for line in before:
        if len(line) > len(best):
            best = line
    return best


async def _identify(link, channel, facts):
    name = link.settings.get("model") or "auto"
    with overlay.use("profiles"):
        from firmware.net.modem import profiles

        found = facts["model"] = await model(channel, profiles.detect)
        facts["imei"] = await _imei(channel)
        if name == "auto":
            name = profiles.detect(found)
        if link.profile["name"] != name:
            link.profile = profiles.get(name)
            log.info("modem", "%s: profile %s", facts["model"], name)
    # Noise on the line must not change who the device is.
    if link.known_as and facts["imei"] and facts["imei"] == await _imei(channel):
        await link.known_as(facts["imei"])


async def _imei(channel):
    return _digits(await channel.command("AT+CGSN", tries=3), "GSN", 15)[:15]


# --- SIM


def _digest(pin):
    digest = hashlib.sha256(b"lector102 " + pin.encode()).digest()
    return "".join("%02x" % byte for byte in digest[:8])


async def unlock(channel, pin, store, deadline_ms):
    """Return when the SIM is ready. Raises Failure with the reason; `blocked` when only a person
    can help.
    """
    end = ticks_add(ticks_ms(), deadline_ms)
    entered = False
    while True:
        found = await state(channel)
        if found == "READY":
            if store.get(KEY):
                await silence(store)
                store.set(KEY, None)
            return
        if found == "SIM PIN" and not entered:
            await _enter(channel, pin, store)
            entered = True
        elif found in PUKS:
            raise Failure(_PUK, blocked=True)
        elif ticks_diff(end, ticks_ms()) <= 0:
            raise Failure((_NOT_READY, found), _RADIO, _POWER)
        await sleep_ms(_LOOK_MS)


async def state(channel):
    """What AT+CPIN? says, or the `why` of its refusal. Failure where no card, a broken one or nothing is there."""
    try:
        lines = await channel.command("AT+CPIN?", tries=2)
    except CommandError as error:
        if error.number == _NO_SIM:
            raise Failure(_NO_CARD, _RADIO, _POWER) from None
        if error.number == 12:
            return "SIM PUK"
        if error.number in (_FAILED, _WRONG):
            raise Failure(_BROKEN, _RADIO, _POWER) from None
        return error.why()  # busy, or not yet: look again
    except NoAnswer:
        raise Failure(_STOPPED, _RADIO) from None
    said = "no answer"
    for line in lines:
        if line.startswith("+CPIN:"):
            said = line[6:].strip()  # one before it came unasked
    return said


async def _enter(channel, pin, store):
    if not pin:
        raise Failure(_NO_PIN, blocked=True)
    if pin.strip("0123456789"):
        raise Failure(_NO_DIGITS, blocked=True)
    mark = _digest(pin)
    before = store.get(KEY) or ""
    if mark in before:
        left, of = await pin_tries(channel)
        if left != of or not left.isdigit():  # a wrong one has been entered since the last right one, or it may be so
            raise Failure(_REFUSED_BEFORE, blocked=True)
    if before == mark * _ENTERED:
        raise Failure((_NOT_READY, "SIM PIN"), blocked=True)  # it was taken, and nothing came of it
    await silence(store)
    store.set(KEY, before + mark if mark in before else mark)
    try:
        await channel.command('AT+CPIN="%s"' % pin, _PIN_MS)
    except CommandError as error:
        raise Failure(_PUK if error.number == 12 else _WRONG_PIN, blocked=True) from None
    except NoAnswer:
        # Whether it was taken is what the next look at the state tells.
        raise Failure(_PIN_SILENT, _RADIO) from None


async def pin_tries(channel):
    """How many tries of the PIN are left, and of how many, as the SIM tells it: two texts, empty if it does not."""
    for line in await quietly(channel, "AT+CPINR"):
        if line.startswith("+CPINR: SIM PIN,"):
            left, _, of = line[16:].partition(",")
            return left.strip(), of.strip()
    return "", ""


# --- network and access point


async def _configure(link, channel, profile):
    for command in profile["init"]:
        await quietly(channel, command)
    await quietly(channel, "AT&C1&D2" if link.dtr else "AT&C1&D0")
    await quietly(channel, profile["clock"])
    await _one_of(channel, 'AT+CSCS="IRA"', 'AT+CSCS="GSM"')  # of the operator's name, too
    # 2G, 3G, 4G, NB-IoT, Cat-M or all. What the model cannot is left as it is, and said.
    choice, modes = link.settings.get("network") or "auto", profile["modes"]
    if choice != "auto" and choice not in modes:
        link.facts["note"] = "this model cannot select " + choice
        log.warn("modem", link.facts["note"])
    for command in modes.get(choice, ()):
        await quietly(channel, command, _RADIO_MS)
    await _access_point(channel, profile, link.settings)
    for command in profile["reg"]:
        # 3 also tells why a registration was refused; not every model has it.
        await _one_of(channel, "AT%s=3" % command, "AT%s=2" % command)


async def _one_of(channel, first, second):
    try:
        await channel.command(first)
    except CommandError:
        await quietly(channel, second)


def _is_first(line, apn):
    """Whether a +CGDCONT line says that context 1, the one that is dialled, is IPv4 with `apn`."""
    fields = fields_of(line)
    if len(fields) < 3 or fields[0] != "1":
        return False
    return fields[1] in ("IP", "IPV4V6") and fields[2] == apn


async def _access_point(channel, profile, settings):
    apn = settings.get("apn") or ""
    if not is_quotable(apn):
        raise Failure(_NO_APN, blocked=True)
    lines = await quietly(channel, "AT+CGDCONT?")
    changed = not any(_is_first(line, apn) for line in lines)
    if changed:
        try:
            await channel.command('AT+CGDCONT=1,"IP","%s"' % apn, tries=2)
        except CommandError as error:
            raise Failure(error.why(), _RADIO, _RADIO) from None  # no power cycle mends what somebody has typed
    user = settings.get("user") or ""
    kind = settings.get("auth") or "none"
    password = settings.get("password") or ""
    if user and kind != "none" and not is_quotable(user, password):
        log.warn("modem", "user or password has characters that the modem does not take; only PPP tells them")
    elif user and kind != "none" and profile["auth"]:
        command = profile["auth"]
        # str.replace, not format: a password may contain braces.
        for name, value in (("{apn}", apn), ("{user}", user), ("{kind}", str(_KINDS[kind]))):
            command = command.replace(name, value)
        await quietly(channel, command.replace("{password}", password))
    if changed:
        # On LTE the access point is used at attach: register anew with the right one.
        with overlay.use("register"):
            from firmware.net.modem import registration

            await registration.leave(channel)
