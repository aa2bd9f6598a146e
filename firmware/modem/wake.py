"""Getting a modem to answer: as it is, at another speed, out of data mode or CMUX, by power key
and reset pin.
"""

from firmware import diag
from firmware.modem.failure import RESET, Failure
from firmware.port import const, sleep_ms, ticks_add, ticks_diff, ticks_ms

_SILENT = const(211)  # code of an error (core/errors.py)
_BAUDS = (115200, 9600, 57600, 38400, 19200, 230400, 460800, 921600)
# CMUX close-down with the initiator's address (27.010 5.4.6.3.3): ends a multiplexer left over.
_CLOSE_MUX = b"\xf9\x03\xef\x05\xc3\x01\xf2\xf9"


async def wake(device):
    """Make it answer AT at our speed: as it is, else by the power key. Raises Failure."""
    device.channel.attach(device.uart)
    if await find(device, False):
        return
    if device.power_key:
        diag.info("modem", "power key")
        await device.press(device.power_key, device.ms("on_ms"))
    if await boot(device):
        return
    if await find(device, True):
        return
    raise Failure(_SILENT, RESET)


async def boot(device):
    """Wait until a modem that was just switched on answers; False when it does not in its
    time.
    """
    device.configured = False
    end = ticks_add(ticks_ms(), device.ms("boot_ms"))
    while ticks_diff(end, ticks_ms()) > 0:
        if await device.answers(1):
            return True
        await sleep_ms(device.timing["at"])
    return False


async def find(device, thorough):
    """Look for it at every speed; out of data mode and CMUX at ours, with `thorough` at all."""
    if await device.answers():
        return True
    for baud in (device.baud,) + tuple(b for b in _BAUDS if b != device.baud):
        ours = baud == device.baud
        if not ours and not device.set_baud:
            break
        device.speed(baud)
        found = not ours and await device.answers(1)
        if not found and (ours or thorough):
            found = await _escape(device)
        if found:
            return ours or await _renegotiate(device, baud)
    device.speed(device.baud)
    return False


async def _escape(device):
    """Out of CMUX or data mode, if that is what keeps it from answering."""
    await device.channel.raw(_CLOSE_MUX)
    if await device.answers(1):
        diag.info("modem", "was left in multiplexer mode")
        return True
    if device.dtr:
        device.dtr(False)  # AT&D2: ends the call
        await sleep_ms(device.timing["at"])
        device.dtr(True)
        if await device.answers(1):
            return True
    await sleep_ms(device.timing["guard"])
    await device.channel.raw(b"+++")
    await sleep_ms(device.timing["guard"])
    await device.channel.raw(b"\r")
    if not await device.answers(1):
        return False
    diag.info("modem", "was left in data mode")
    await device.quietly("ATH")
    return True


async def _renegotiate(device, baud):
    diag.info("modem", "was left at %d baud", baud)
    await device.quietly("AT+IPR=%d" % device.baud)
    device.speed(device.baud)
    await sleep_ms(device.timing["at"])
    return await device.answers(3)


async def restart(device):
    """Reset pulse, or the restart command where there is no pin; then wait for the boot."""
    device.channel.attach(device.uart)
    device.speed(device.baud)
    if device.reset and device.profile["reset_ms"]:
        await device.press(device.reset, device.ms("reset_ms"))
    else:
        await device.quietly(device.profile["restart"])
    await sleep_ms(device.timing["at"])
    await boot(device)


async def power_cycle(device):
    """Off and on by the power key; without one, the restart command has to do."""
    if not device.power_key:
        await restart(device)
        return
    device.channel.attach(device.uart)
    device.speed(device.baud)
    await device.press(device.power_key, device.ms("off_ms"))
    await sleep_ms(device.ms("down_ms"))
    # It may have been off, so that the press switched it on.
    if not await device.answers():
        await device.press(device.power_key, device.ms("on_ms"))
    await boot(device)
