"""Getting a modem to answer: as it is, at another speed, out of data mode or CMUX, by power key and reset pin."""

from firmware.core import log, overlay
from firmware.core.compat import sleep_ms, ticks_add, ticks_diff, ticks_ms
from firmware.net.modem.exchange import answers, quietly, raw
from firmware.net.modem.link import Failure

_SILENT = const(211)  # code of an error (core/errors.py)
_RESET = const(3)  # of the ladder's measures (describe.py)
_BAUDS = const((115200, 9600, 57600, 38400, 19200, 230400, 460800, 921600))
# A modem may wait for the rest of a frame that this board has begun before its power was cut, up to 127 bytes and two:
# these are it. Between frames flags mean nothing.
_REST = const(144)
_FLAG = const(b"\xf9")
# CMUX close-down with the initiator's address (27.010 5.4.6.3.3): ends a multiplexer left over.
_CLOSE_MUX = const(b"\xf9\x03\xef\x05\xc3\x01\xf2\xf9")


async def wake(link):
    """Make it answer AT at our speed: as it is, else by the power key. Raises Failure."""
    link.channel.attach(link.uart)
    if await find(link, False):
        return
    if link.power_key:
        log.info("modem", "power key")
        await _press(link, link.power_key, "on_ms")
    if not await _boot(link) and not await find(link, True):
        raise Failure(_SILENT, _RESET)


def set_speed(link, baud):
    """Our own speed from now on, where it can be changed."""
    if baud == link.speed:
        return
    link.speed = baud
    if link.set_baud:
        link.set_baud(baud)
    elif hasattr(link.uart, "init"):
        # The large buffers go before new ones are taken: beside them there may be no room.
        link.uart.init(baudrate=baud)
        if link.buffers:
            overlay.tidy()
            link.uart.init(baudrate=baud, **link.buffers)


def _ms(link, key):
    """A time of the model."""
    return link.profile[key] * link.timing["scale"] // 100


async def _press(link, pin, key):
    pin(True)
    try:
        await sleep_ms(_ms(link, key))
    finally:
        pin(False)


async def _boot(link):
    """Wait until a modem that was just switched on answers; False when it does not in its time."""
    link.configured = False
    end = ticks_add(ticks_ms(), _ms(link, "boot_ms"))
    while ticks_diff(end, ticks_ms()) > 0:
        # One after the other: an answer that comes between two would be lost.
        if await answers(link):
            return True
    return False


async def find(link, thorough):
    """Look for it at every speed; out of data mode and CMUX at ours, with `thorough` at all. Whether it is there."""
    if await answers(link):
        return True
    for baud in (link.baud,) + tuple(b for b in _BAUDS if b != link.baud):
        ours = baud == link.baud
        if not ours and not link.set_baud and not hasattr(link.uart, "init"):
            break
        set_speed(link, baud)
        found = not ours and await answers(link, 1)
        if not found and (ours or thorough):
            found = await _escape(link)
        if found:
            return ours or await _renegotiate(link, baud)
    set_speed(link, link.baud)
    return False


async def _escape(link):
    """Out of CMUX or data mode, if that is what keeps it from answering."""
    await raw(link.channel, _FLAG * _REST + _CLOSE_MUX)
    if await answers(link, 1):
        log.info("modem", "was left in multiplexer mode")
        return True
    if link.dtr:
        link.dtr(False)  # AT&D2: ends the call
        await sleep_ms(link.timing["at"])
        link.dtr(True)
        if await answers(link, 1):
            return True
    await sleep_ms(link.timing["guard"])
    await raw(link.channel, b"+++")
    await sleep_ms(link.timing["guard"])
    await raw(link.channel, b"\r")
    if not await answers(link, 1):
        return False
    log.info("modem", "was left in data mode")
    await quietly(link.channel, "ATH")
    return True


async def _renegotiate(link, baud):
    log.info("modem", "was left at %d baud", baud)
    await quietly(link.channel, "AT+IPR=%d" % link.baud)
    set_speed(link, link.baud)
    await sleep_ms(link.timing["at"])
    return await answers(link, 3)


async def restart(link, power):
    """Off and on by the power key; or a reset pulse, or the restart command where there is no pin; then the boot."""
    link.channel.attach(link.uart)
    set_speed(link, link.baud)
    if power and link.power_key:
        await _press(link, link.power_key, "off_ms")
        await sleep_ms(_ms(link, "down_ms"))
        # It may have been off, so that the press switched it on.
        if not await answers(link):
            await _press(link, link.power_key, "on_ms")
    else:
        if link.reset and link.profile["reset_ms"]:
            await _press(link, link.reset, "reset_ms")
        else:
            await quietly(link.channel, link.profile["restart"])
        await sleep_ms(link.timing["at"])
    await _boot(link)
