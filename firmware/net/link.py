"""The ways out without a modem: WiFi, what Ethernet (ethernet.py) has in common with it, and none at all.

Nothing here waits: a connection is begun, looked at once a second and given up after a while; the
next attempt comes after a pause that doubles up to five minutes, with some chance in it.
"""

import random

from firmware.core import errors, log
from firmware.core.compat import monotonic_s, sleep_ms, ticks_add, ticks_diff, ticks_ms

_LOOK_MS = const(1000)
_ATTEMPT_MS = const(20000)
_PAUSE_S = const(2)
_PAUSE_MOST_S = const(300)
# So many complaints of those above, and the link is made anew; not more often than every minute.
_SUSPICIONS = const(3)
_ANEW_S = const(60)
# Codes of errors (core/errors.py).
_NO_NAME = const(241)
_WRONG_KEY = const(242)
_NOT_HERE = const(243)
_REFUSED = const(244)
_NO_HANDSHAKE = const(245)
_NO_WIFI = const(246)
_NOTHING_THROUGH = const(247)
_LOST = const(248)
_DRIVER = const(250)


class Link:
    """What WiFi and Ethernet share; `kind` names it, `_interface` is network.WLAN or network.LAN."""

    kind = "?"
    named = True  # whether it is known what to connect to

    def __init__(self, sockets):
        self.socket = sockets
        self.state = "off"
        self.why = None  # it is not up (core/errors.py)
        self.last_why = None  # what was wrong before the connection that stands now
        self.connects = 0
        self._interface = None
        self._suspicions = 0
        self._since = monotonic_s()

    def is_up(self):
        return self._interface is not None and bool(self._interface.isconnected())

    async def up(self, deadline_ms):
        """Wait for the link, at most `deadline_ms`; whether it is up. `run()` makes it."""
        end = ticks_add(ticks_ms(), deadline_ms)
        while not self.is_up() and ticks_diff(end, ticks_ms()) > 0:
            await sleep_ms(50)
        return self.is_up()

    def suspect(self):
        """A user of the link lost its peer."""
        self._suspicions += 1

    def trouble(self):
        """Why it is not up (core/errors.py), or what it was not up for last; None: nothing."""
        return self.why or self.last_why

    def status(self):
        """What GETSTATUS and the online topic tell; uptime in s."""
        return {
            "uplink": self.kind,
            "up": self.is_up(),
            "state": self.state,
            "ip": self._interface.ifconfig()[0] if self.is_up() else "",
            "problem": errors.text(self.why),
            "uptime": monotonic_s() - self._since if self.state == "online" else 0,
            "connects": self.connects,
            "last_reason": errors.text(self.last_why),
        }

    async def run(self):
        """Keep the link up; never returns."""
        failures = 0
        while True:
            try:
                self._enter("connecting")
                good = False
                if self.named:
                    self._begin()
                    good = await self._wait()
                else:
                    self._failed((_NO_NAME,))
            except (OSError, ValueError) as error:
                self._failed((_DRIVER, str(error)))
                good = False
            if good:
                failures = 0
                self.connects += 1
                self.why = None
                self._enter("online")
                await self._watch()
                continue
            self._give_up()
            pause = min(_PAUSE_S << failures, _PAUSE_MOST_S)
            failures = min(failures + 1, 8)
            log.warn(self.kind, "%s; next attempt in %d s", errors.text(self.why), pause)
            self._enter("waiting")
            await sleep_ms(pause * 1000 + random.getrandbits(10))

    def _enter(self, state):
        if state != self.state:
            self.state = state
            log.info(self.kind, "%s", state)

    async def _wait(self):
        end = ticks_add(ticks_ms(), _ATTEMPT_MS)
        while ticks_diff(end, ticks_ms()) > 0:
            if self.is_up():
                return True
            await sleep_ms(_LOOK_MS)
        self._failed(self._why())
        return False

    def _failed(self, why):
        self.why = self.last_why = why

    async def _watch(self):
        """Return when the link is gone, or those above complain again and again."""
        self._suspicions = 0
        self._since = monotonic_s()
        while self.is_up():
            old = monotonic_s() - self._since > _ANEW_S
            if self._suspicions >= _SUSPICIONS and old:
                self._failed((_NOTHING_THROUGH,))
                log.warn(self.kind, "%s: anew", errors.text(self.why))
                self._give_up()
                return
            await sleep_ms(_LOOK_MS)
        self._failed((_LOST,))


class WifiLink(Link):
    """`network` and `sockets` are the modules of these names."""

    kind = "wifi"

    def __init__(self, network, sockets, ssid, key):
        super().__init__(sockets)
        self._network = network
        self._ssid = ssid
        self.named = bool(ssid)
        self._key = key

    def status(self):
        found = super().status()
        try:
            found["signal"] = self._interface.status("rssi") if found["up"] else None
        except (ValueError, TypeError, OSError):
            pass  # not every port knows it
        return found

    def _begin(self):
        wlan = self._interface
        if wlan is None:
            wlan = self._network.WLAN(self._network.STA_IF)
            wlan.active(True)
            self._configure(wlan)
            self._interface = wlan
        wlan.connect(self._ssid, self._key or None)

    def _configure(self, wlan):
        for option in ({"pm": getattr(wlan, "PM_NONE", 0)}, {"reconnects": 0}):
            try:
                # No power saving: it costs answers. No attempts of its own: two drivers quarrel.
                wlan.config(**option)
            except (ValueError, TypeError, OSError):
                pass  # not every port knows each of them

    def _give_up(self):
        if self._interface:
            try:
                self._interface.disconnect()
            except OSError:
                pass  # it was not connected

    def _why(self):
        """What the driver's number means; the ports differ, so by name."""
        status = self._interface.status()
        for name, code in (
            ("STAT_WRONG_PASSWORD", _WRONG_KEY),
            ("STAT_NO_AP_FOUND", _NOT_HERE),
            ("STAT_CONNECT_FAIL", _REFUSED),
            ("STAT_HANDSHAKE_TIMEOUT", _NO_HANDSHAKE),
        ):
            if getattr(self._network, name, None) == status:
                return (code,)
        return (_NO_WIFI, _ATTEMPT_MS // 1000)


class NoLink:
    """There is no way out; `why` (core/errors.py) says why. Readings are kept all the same."""

    def __init__(self, *why):
        self.socket = None  # a build without network has no such module either
        self.why = why
        log.error("link", "%s", errors.text(why))

    async def up(self, deadline_ms):
        await sleep_ms(deadline_ms)
        return False

    def is_up(self):
        return False

    def suspect(self):
        """Nothing to look after."""

    def status(self):
        return {"uplink": "none", "up": False, "state": "off", "ip": "", "problem": errors.text(self.why)}

    def trouble(self):
        return self.why
