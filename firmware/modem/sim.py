"""The SIM: its PIN (never tried twice when wrong), PUK, and what else keeps it from working.

A digest of a PIN is put into the device's small persistent store before the PIN is tried and taken
out when the SIM opens. So a wrong one is known for what it is even after a power cut in the
middle; it is tried again only when the setting has changed, or when the SIM says that all its
tries are left (AT+CPINR, 27.007 8.65).
"""

import hashlib

from firmware.gate import silence
from firmware.modem.at import CommandError, NoAnswer
from firmware.modem.failure import POWER, RADIO, Failure
from firmware.port import const, sleep_ms, ticks_add, ticks_diff, ticks_ms

KEY = "sim_pin_tried"
_PIN_MS = const(10000)
_NO_SIM, _FAILED, _BUSY, _WRONG = const(10), const(13), const(14), const(15)
_LOOK_MS = const(500)


def _digest(pin):
    digest = hashlib.sha256(b"lector102 " + pin.encode()).digest()
    return "".join("%02x" % byte for byte in digest[:8])


async def unlock(channel, pin, store, deadline_ms):
    """Return when the SIM is ready. Raises Failure with the reason; `blocked` when only a person
    can help.
    """
    end = ticks_add(ticks_ms(), deadline_ms)
    while True:
        state = await _state(channel)
        if state == "READY":
            if store.get(KEY):
                await silence(store)
                store.set(KEY, None)
            return
        if state == "SIM PIN":
            await _enter(channel, pin, store)
        elif state in ("SIM PUK", "SIM PUK2", "PH-SIM PUK", "PH-NET PUK"):
            raise Failure("the SIM is blocked and wants its PUK", blocked=True)
        elif ticks_diff(end, ticks_ms()) <= 0:
            raise Failure("SIM: " + state, RADIO, POWER)
        await sleep_ms(_LOOK_MS)


async def _state(channel):
    """What AT+CPIN? says, or the error in words."""
    try:
        lines = await channel.command("AT+CPIN?", tries=2)
    except CommandError as error:
        if error.code == _NO_SIM:
            raise Failure("no SIM card", RADIO, POWER) from None
        if error.code == 12:
            return "SIM PUK"
        if error.code in (_FAILED, _WRONG):
            raise Failure("the SIM does not work", RADIO, POWER) from None
        return str(error)  # busy, or not yet: look again
    except NoAnswer:
        raise Failure("the modem stopped answering", RADIO) from None
    for line in lines:
        if line.startswith("+CPIN:"):
            return line[6:].strip()
    return "no answer"


async def _enter(channel, pin, store):
    if not pin:
        raise Failure("the SIM wants a PIN and none is set", blocked=True)
    if pin.strip("0123456789"):
        raise Failure("the PIN is not digits", blocked=True)
    mark = _digest(pin)
    if store.get(KEY) == mark and not await _all_left(channel):
        raise Failure("the PIN was refused before; it is not tried again", blocked=True)
    await silence(store)
    store.set(KEY, mark)
    try:
        await channel.command('AT+CPIN="%s"' % pin, _PIN_MS)
    except CommandError as error:
        reason = "the SIM is blocked and wants its PUK" if error.code == 12 else "the PIN is wrong"
        raise Failure(reason, blocked=True) from None
    except NoAnswer:
        # Whether it was taken is what the next look at the state tells.
        raise Failure("no answer to the PIN", RADIO) from None


async def _all_left(channel):
    """Whether the SIM tells that no wrong PIN has been entered since the last right one."""
    try:
        lines = await channel.command("AT+CPINR")
    except (CommandError, NoAnswer):
        return False
    for line in lines:
        if line.startswith("+CPINR: SIM PIN,"):
            left, _, of = line[16:].partition(",")
            return left.strip() == of.strip() and left.strip().isdigit()
    return False
