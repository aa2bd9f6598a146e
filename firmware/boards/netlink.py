"""The ways out without a modem: WiFi, Ethernet, and none at all.

Nothing here waits: a connection is begun, looked at once a second and given up after a while; the
next attempt comes after a pause that doubles up to five minutes, with some chance in it.
"""

import random

from firmware import diag
from firmware.port import const, monotonic_s, sleep_ms, ticks_add, ticks_diff, ticks_ms

_LOOK_MS = const(1000)
_ATTEMPT_MS = const(20000)
_PAUSE_S = const(2)
_PAUSE_MOST_S = const(300)
# So many complaints of those above, and the link is made anew; not more often than every minute.
_SUSPICIONS = const(3)
_ANEW_S = const(60)


class _Link:
    """What both share; `kind` names it, `_interface` is network.WLAN or network.LAN."""

    kind = "?"

    def __init__(self, sockets):
        self.socket = sockets
        self.state = "off"
        self.problem = ""
        self.last_reason = ""  # what was wrong before the connection that stands now
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

    def status(self):
        """What GETSTATUS and the online topic tell; uptime in s."""
        return {
            "uplink": self.kind,
            "up": self.is_up(),
            "state": self.state,
            "ip": self._interface.ifconfig()[0] if self.is_up() else "",
            "problem": self.problem,
            "uptime": monotonic_s() - self._since if self.state == "online" else 0,
            "connects": self.connects,
            "last_reason": self.last_reason,
        }

    async def run(self):
        """Keep the link up; never returns."""
        failures = 0
        while True:
            try:
                self._enter("connecting")
                self._begin()
                good = await self._wait()
            except (OSError, ValueError) as error:
                self._failed(str(error))
                good = False
            if good:
                failures = 0
                self.connects += 1
                self.problem = ""
                self._enter("online")
                await self._watch()
                continue
            self._give_up()
            pause = min(_PAUSE_S << failures, _PAUSE_MOST_S)
            failures = min(failures + 1, 8)
            diag.warn(self.kind, "%s; next attempt in %d s", self.problem, pause)
            self._enter("waiting")
            await sleep_ms(pause * 1000 + random.getrandbits(10))

    def _enter(self, state):
        if state != self.state:
            self.state = state
            diag.info(self.kind, "%s", state)

    async def _wait(self):
        end = ticks_add(ticks_ms(), _ATTEMPT_MS)
        while ticks_diff(end, ticks_ms()) > 0:
            if self.is_up():
                return True
            await sleep_ms(_LOOK_MS)
        self._failed(self._why())
        return False

    def _failed(self, why):
        self.problem = self.last_reason = why

    async def _watch(self):
        """Return when the link is gone, or those above complain again and again."""
        self._suspicions = 0
        self._since = monotonic_s()
        while self.is_up():
            old = monotonic_s() - self._since > _ANEW_S
            if self._suspicions >= _SUSPICIONS and old:
                self._failed("connected, but nothing gets through")
                diag.warn(self.kind, "%s: anew", self.problem)
                self._give_up()
                return
            await sleep_ms(_LOOK_MS)
        self._failed("connection lost")


class WifiLink(_Link):
    """`network` and `sockets` are the modules of these names."""

    kind = "wifi"

    def __init__(self, network, sockets, ssid, key):
        super().__init__(sockets)
        self._network = network
        self._ssid = ssid
        self._key = key

    def status(self):
        found = super().status()
        try:
            found["signal"] = self._interface.status("rssi") if found["up"] else None
        except (ValueError, TypeError, OSError):
            pass  # not every port knows it
        return found

    def _begin(self):
        if not self._ssid:
            raise ValueError("no name of the WiFi is set (uplink.ssid)")
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
        """The driver's number in words; the ports differ, so by name."""
        status = self._interface.status()
        for name, words in (
            ("STAT_WRONG_PASSWORD", "the key of the WiFi is wrong (uplink.key)"),
            ("STAT_NO_AP_FOUND", "there is no WiFi of that name here (uplink.ssid)"),
            ("STAT_CONNECT_FAIL", "the access point refused"),
            ("STAT_HANDSHAKE_TIMEOUT", "the access point did not answer the handshake"),
        ):
            if getattr(self._network, name, None) == status:
                return words
        return "no connection to the WiFi within %d s" % (_ATTEMPT_MS // 1000)


class EthLink(_Link):
    """`options` are network.LAN's, from board.json; `phy_type` and pins by name or number."""

    kind = "ethernet"

    def __init__(self, network, sockets, options):
        super().__init__(sockets)
        self._network = network
        self._options = options

    def _begin(self):
        if self._interface is None:
            self._interface = self._network.LAN(**self._arguments())
        self._interface.active(True)

    def _arguments(self):
        import machine

        found = {}
        for name, value in self._options.items():
            if name in ("mdc", "mdio", "power", "ref_clk"):
                value = machine.Pin(value)
            elif name == "phy_type" and isinstance(value, str):
                value = getattr(self._network, "PHY_" + value.upper())
            found[name] = value
        return found

    def _give_up(self):
        if self._interface:
            self._interface.active(False)

    def _why(self):
        return "no Ethernet link or no address by DHCP within %d s" % (_ATTEMPT_MS // 1000)


class NoLink:
    """There is no way out; `problem` says why and what to do. Readings are kept all the same."""

    def __init__(self, problem):
        self.socket = None  # a build without network has no such module either
        self.problem = problem
        diag.error("link", "%s", problem)

    async def up(self, deadline_ms):
        await sleep_ms(deadline_ms)
        return False

    def is_up(self):
        return False

    def suspect(self):
        """Nothing to look after."""

    def status(self):
        return {"uplink": "none", "up": False, "state": "off", "ip": "", "problem": self.problem}
