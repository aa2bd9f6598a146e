"""The SIM: its PIN (never tried twice when wrong), PUK, and what else keeps it from working.

A digest of a PIN is put into the device's small persistent store before the PIN is tried and taken
out when the SIM opens. So a wrong one is known for what it is even after a power cut in the
middle; it is tried again only when the setting has changed, or when the SIM says that all its
tries are left (AT+CPINR, 27.007 8.65).
"""

import hashlib

from firmware.gate import silence
from firmware.modem.at import CommandError, NoAnswer
from firmware.modem.failure import Failure
from firmware.modem.ladder import POWER, RADIO
from firmware.port import const, sleep_ms, ticks_add, ticks_diff, ticks_ms

KEY = "sim_pin_tried"
_PIN_MS = const(10000)
_NO_SIM = const(10)
_FAILED = const(13)
_BUSY = const(14)
_WRONG = const(15)
_LOOK_MS = const(500)
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


def _digest(pin):
    digest = hashlib.sha256(b"lector102 " + pin.encode()).digest()
    return "".join("%02x" % byte for byte in digest[:8])


async def unlock(channel, pin, store, deadline_ms):
    """Return when the SIM is ready. Raises Failure with the reason; `blocked` when only a person
    can help.
    """
    end = ticks_add(ticks_ms(), deadline_ms)
    while True:
        found = await state(channel)
        if found == "READY":
            if store.get(KEY):
                await silence(store)
                store.set(KEY, None)
            return
        if found == "SIM PIN":
            await _enter(channel, pin, store)
        elif found in ("SIM PUK", "SIM PUK2", "PH-SIM PUK", "PH-NET PUK"):
            raise Failure(_PUK, blocked=True)
        elif ticks_diff(end, ticks_ms()) <= 0:
            raise Failure((_NOT_READY, found), RADIO, POWER)
        await sleep_ms(_LOOK_MS)


async def state(channel):
    """What AT+CPIN? says, or the `why` of its refusal. Failure where there is no card or it is broken."""
    try:
        lines = await channel.command("AT+CPIN?", tries=2)
    except CommandError as error:
        if error.number == _NO_SIM:
            raise Failure(_NO_CARD, RADIO, POWER) from None
        if error.number == 12:
            return "SIM PUK"
        if error.number in (_FAILED, _WRONG):
            raise Failure(_BROKEN, RADIO, POWER) from None
        return error.why()  # busy, or not yet: look again
    except NoAnswer:
        raise Failure(_STOPPED, RADIO) from None
    for line in lines:
        if line.startswith("+CPIN:"):
            return line[6:].strip()
    return "no answer"


async def _enter(channel, pin, store):
    if not pin:
        raise Failure(_NO_PIN, blocked=True)
    if pin.strip("0123456789"):
        raise Failure(_NO_DIGITS, blocked=True)
    mark = _digest(pin)
    if store.get(KEY) == mark and not await _all_left(channel):
        raise Failure(_REFUSED_BEFORE, blocked=True)
    await silence(store)
    store.set(KEY, mark)
    try:
        await channel.command('AT+CPIN="%s"' % pin, _PIN_MS)
    except CommandError as error:
        raise Failure(_PUK if error.number == 12 else _WRONG_PIN, blocked=True) from None
    except NoAnswer:
        # Whether it was taken is what the next look at the state tells.
        raise Failure(_PIN_SILENT, RADIO) from None


async def _all_left(channel):
    """Whether the SIM tells that no wrong PIN has been entered since the last right one."""
    left, of = await pin_tries(channel)
    return left == of and left.isdigit()


async def pin_tries(channel):
    """(how many tries of the PIN are left, how many there are) as the SIM tells them, two texts; "" each if it does
    not.
    """
    try:
        lines = await channel.command("AT+CPINR")
    except (CommandError, NoAnswer):
        return "", ""
    for line in lines:
        if line.startswith("+CPINR: SIM PIN,"):
            left, _, of = line[16:].partition(",")
            return left.strip(), of.strip()
    return "", ""
