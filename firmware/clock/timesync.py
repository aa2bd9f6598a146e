"""One round of asking for the time, on behalf of clock.TimeKeeper; loaded for it."""

import os

from firmware import diag, readings
from firmware.clock import clock, ntp
from firmware.core import overlay
from firmware.port import const, monotonic_s

_FIRST_S = const(15)
_LONGEST_S = const(3600)
_UNWANTED_S = const(86400)
# A known clock is moved farther than this only when a second answer agrees.
_SUSPECT_S = const(1000)
_AGREE_S = const(5)
_STALE_S = const(3 * 86400)
_METER_S = const(6 * 3600)


async def once(keeper):
    """Ask once; returns the seconds until the next time."""
    device = keeper.device
    servers = [
        s for s in (device.config.get("ntp.server"), device.config.get("ntp.server2")) if s
    ]
    if not servers or not device.link.is_up():
        # Without a network this costs nothing: look again soon.
        _ask_meter(keeper)
        return _FIRST_S
    device.time_wanted = False
    host = servers[keeper.second and len(servers) > 1]
    unwanted = False
    try:
        with overlay.attempt:
            await _ask(keeper, host)
            keeper.fails = 0
            hours = device.config.get("ntp.hours") * 3600
            return hours + _random(hours // 8)
        diag.warn("time", "%s: not enough memory", host)
    except (OSError, ValueError) as error:
        diag.warn("time", "%s: %s", host, error)
        unwanted = isinstance(error, ntp.TimeRefused)
    keeper.second = not keeper.second
    _ask_meter(keeper)
    # Another server has done nothing to us.
    return _back_off(keeper, unwanted and len(servers) == 1)


def _back_off(keeper, unwanted):
    wait = _UNWANTED_S if unwanted else min(_FIRST_S << min(keeper.fails, 8), _LONGEST_S)
    keeper.fails += 1
    return wait + _random(wait // 2)


async def _ask(keeper, host):
    device = keeper.device
    # The lookup of the name is the one thing that blocks.
    device.board.feed()
    utc = await ntp.ask(device.link.socket, host)
    ours = device.clock.utc()
    moved = utc - ours
    if device.clock.known and abs(moved) > _SUSPECT_S and not _confirmed(keeper, moved, ours):
        raise ValueError("would move the clock by %d s: not believed" % moved)
    keeper.doubt = None
    if not device.clock.set(utc, clock.NTP):
        raise ValueError("%d is no possible time" % utc)
    diag.info("time", "%s: clock set, it was off by %d s", host, moved if ours else 0)


def _confirmed(keeper, moved, ours):
    """A clock that NTP itself has set is not moved far; another only when two answers agree."""
    known = keeper.device.clock
    if known.source == clock.NTP and ours - known.set_at < _STALE_S:
        return False
    doubt, keeper.doubt = keeper.doubt, moved
    return doubt is not None and abs(doubt - moved) <= _AGREE_S


def _ask_meter(keeper):
    """The last resort: have a meter's clock read; firmware/readings/meterclock.py takes it."""
    device = keeper.device
    if device.clock.source > clock.METER:
        return
    now = monotonic_s()
    pause = _METER_S if device.clock.known else _FIRST_S * 4
    if keeper.metered is not None and now - keeper.metered < pause:
        return
    keeper.metered = now
    for line in device.lines:
        for meter in line.meters:
            if readings.CLOCK not in meter.pending:
                try:
                    line.ask(meter, readings.CLOCK)
                except ValueError:
                    continue  # its line has enough to do
                if device.clock.known:
                    return


def _random(limit):
    return int.from_bytes(os.urandom(3), "little") * limit >> 24
