"""Into the network: the wait for the registration, leaving and coming back, the network's time.

3GPP TS 27.007: 7.2 +CREG and its sisters, 8.15 +CCLK.
"""

from firmware import diag
from firmware.modem import network
from firmware.modem.at import ModemError
from firmware.modem.failure import RADIO, REBOOT, REGISTER, Failure
from firmware.modem.fields import fields_of
from firmware.modem.network import DENIED
from firmware.port import const, sleep_ms, ticks_diff, ticks_ms

_RADIO_MS = const(15000)
# Codes of errors (core/errors.py).
_STOPPED = const(212)
_NO_NETWORK = const(221)


def parse_clock(line):
    """UTC seconds since 1970 of a +CCLK line (local time and zone in quarters), or None before
    2025.
    """
    text = fields_of(line)[0]
    if len(text) < 17:
        return None
    try:
        year, month, day, hour, minute, second = [int(text[at : at + 2]) for at in range(0, 18, 3)]
        quarters = int(text[17:20]) if len(text) > 17 else 0
    except ValueError:
        return None
    if not (25 <= year < 80 and 1 <= month <= 12 and 1 <= day <= 31):
        return None
    # Days since 1970 with the year beginning in March, so that the leap day comes last.
    year += 2000 - (month < 3)
    days = 365 * year + year // 4 - year // 100 + year // 400
    days += (153 * ((month + 9) % 12) + 2) // 5 + day - 719469
    return days * 86400 + hour * 3600 + minute * 60 + second - quarters * 900


async def wait(cell, channel, commands, timing):
    """Return when registered. Raises Failure with the reason in words."""
    start = ticks_ms()
    denied_since = None
    silent = 0
    while True:
        silent = 0 if await network.look(cell, channel, commands) else silent + 1
        if silent >= 3:
            raise Failure(_STOPPED, RADIO)
        now = ticks_ms()
        if cell.registered:
            return
        if cell.stat != DENIED:
            denied_since = None
        elif denied_since is None:
            denied_since = now
        elif ticks_diff(now, denied_since) >= timing["denied"]:
            raise Failure(network.why(cell), REGISTER, RADIO)
        if ticks_diff(now, start) >= timing["register"]:
            raise Failure((_NO_NETWORK, network.why(cell)), REGISTER, REBOOT)
        await sleep_ms(timing["look"])


async def network_time(channel):
    """UTC seconds from AT+CCLK?, or None while the network has not told it."""
    try:
        lines = await channel.command("AT+CCLK?", tries=2)
    except ModemError:
        return None
    for line in lines:
        if line.startswith("+CCLK"):
            return parse_clock(line)
    return None


async def radio_cycle(device):
    """Flight mode and back."""
    await device.quietly("AT+CFUN=4", _RADIO_MS)
    await sleep_ms(500)
    await device.quietly("AT+CFUN=1", _RADIO_MS)


async def register_again(device):
    """Leave the network and come back."""
    await device.quietly("AT+COPS=2", _RADIO_MS)
    await sleep_ms(500)
    await device.quietly("AT+COPS=0", _RADIO_MS)


async def register(device, cell, timing, on_time):
    """Wait for the network, then see how good it is and what time it has."""
    channel = device.channel
    await wait(cell, channel, device.profile["reg"], timing)
    try:
        await cell.measure(channel, 5000)
    except ModemError as error:
        raise Failure(error.why(), RADIO) from None
    diag.info(
        "modem", "%s, %s %s, %s dBm", network.words(cell), cell.operator, network.technology(cell), cell.signal
    )
    if on_time:
        utc = await network_time(channel)
        if utc:
            on_time(utc)
