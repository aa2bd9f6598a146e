"""Keeps the device's clock right: NTP, else the modem's network time, else a meter's clock.

A service. The question itself (firmware/ntp.py) is loaded for the moment. A failed question is followed by the next
after 15, 30, 60 … 3600 s and up to a half more; a server that does not want us is left alone for longer.
"""

import os

from firmware import clock, diag, readings
from firmware.port import const, monotonic_s, sleep_ms, unload

_LOOK_MS = const(1000)
_FIRST_S = const(15)
_LONGEST_S = const(3600)
_UNWANTED_S = const(86400)
# Even SYNC does not ask more often than this.
_LEAST_S = const(4)
# A known clock is moved farther than this only when a second answer agrees.
_SUSPECT_S = const(1000)
_AGREE_S = const(5)
_STALE_S = const(3 * 86400)
_METER_S = const(6 * 3600)


class TimeKeeper:
    """`device`: has `clock`, `link`, `lines`, `config`, `board`, and `time_wanted`, which SYNC sets."""

    def __init__(self, device):
        self._device = device
        self._fails = 0
        self._second = False
        self._doubt = None  # (difference, ) of an answer that would move a known clock far
        self._metered = None  # monotonic seconds of the last look at a meter's clock
        if hasattr(device.link, "on_time"):
            device.link.on_time = self.network_time

    def network_time(self, utc):
        """The modem's network has told the time."""
        self._device.clock.set(utc, clock.MODEM)

    async def run(self):
        device = self._device
        asked = None
        wait = 0
        while True:
            now = monotonic_s()
            passed = wait if asked is None else now - asked
            if passed >= wait or (device.time_wanted and passed >= _LEAST_S):
                asked = now
                wait = await self._once()
            await sleep_ms(_LOOK_MS)

    async def _once(self):
        """Ask once; returns the seconds until the next time."""
        device = self._device
        servers = [
            s for s in (device.config.get("ntp.server"), device.config.get("ntp.server2")) if s
        ]
        if not servers or not device.link.is_up():
            # Without a network this costs nothing: look again soon.
            self._ask_meter()
            return _FIRST_S
        device.time_wanted = False
        host = servers[self._second and len(servers) > 1]
        try:
            await self._ask(host)
        except (OSError, ValueError, MemoryError) as error:
            diag.warn("time", "%s: %s", host, error)
            unwanted = type(error).__name__ == "Refused"
            self._second = not self._second
            self._ask_meter()
            # Another server has done nothing to us.
            return self._back_off(unwanted and len(servers) == 1)
        finally:
            unload("firmware.ntp")
        self._fails = 0
        hours = device.config.get("ntp.hours") * 3600
        return hours + _random(hours // 8)

    def _back_off(self, unwanted):
        wait = _UNWANTED_S if unwanted else min(_FIRST_S << min(self._fails, 8), _LONGEST_S)
        self._fails += 1
        return wait + _random(wait // 2)

    async def _ask(self, host):
        from firmware import ntp

        device = self._device
        # The lookup of the name is the one thing that blocks.
        device.board.feed()
        utc = await ntp.ask(device.link.socket, host)
        ours = device.clock.utc()
        moved = utc - ours
        if device.clock.known and abs(moved) > _SUSPECT_S and not self._confirmed(moved, ours):
            raise ValueError("would move the clock by %d s: not believed" % moved)
        self._doubt = None
        if not device.clock.set(utc, clock.NTP):
            raise ValueError("%d is no possible time" % utc)
        diag.info("time", "%s: clock set, it was off by %d s", host, moved if ours else 0)

    def _confirmed(self, moved, ours):
        """A clock that NTP itself has set is not moved far; another only when two answers agree."""
        known = self._device.clock
        if known.source == clock.NTP and ours - known.set_at < _STALE_S:
            return False
        doubt, self._doubt = self._doubt, moved
        return doubt is not None and abs(doubt - moved) <= _AGREE_S

    def _ask_meter(self):
        """The last resort: have a meter's clock read; firmware/readings/meterclock.py takes it."""
        device = self._device
        if device.clock.source > clock.METER:
            return
        now = monotonic_s()
        pause = _METER_S if device.clock.known else _FIRST_S * 4
        if self._metered is not None and now - self._metered < pause:
            return
        self._metered = now
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
