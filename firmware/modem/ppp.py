"""One PPP connection over a line in data mode: start, watch, end. `network.PPP`, that is lwIP, does the protocol.

What the object is like, by its sources (extmod/network_ppp_lwip.c, ports/rp2/mpnetworkport.c, lwIP's netif/ppp/ppp.c)
and as seen on an emulated Pico W:

- It has the line itself, a machine.UART or a Channel. Python between the two runs what is scheduled within lwIP's
  output, PPP.poll among it, and lwIP's lists become rings. So its interrupt is taken away at once; poll() is called
  by hand only.
- `isconnected()` stays True on a dead carrier.
- There is one control block. It comes back at once from a link that stands when nobody is at the other end any more
  (__del__), from any other within two time-outs of LCP, 12 s; disconnect() on a dead carrier costs those, too.
- What the collector finds calls the line's irq() with the heap locked: the line is taken away before.
- lwIP's timers stand still on rp2 while no interface is up: run_timers().
"""

import io

from firmware.core import overlay
from firmware.port import const, monotonic_s, sleep_ms, ticks_add, ticks_diff, ticks_ms

CONNECTED = const(4)
TIMERS_MS = const(64)  # lwIP's turn on rp2
_NO_CARRIER = b"\r\nNO CARRIER\r\n"
# Objects whose control block has not come back in time: lwIP has their address, the collector must not have them.
_unended = []


def why(status):
    """A negative status of network.PPP in words."""
    with overlay.use("modemwords"):
        from firmware.modem import errors

        return errors.ppp(status)


def run_timers(sockets):
    """Have lwIP's timers run once within the next 64 ms: a socket that waits, be it for a millisecond, starts them."""
    try:
        sock = sockets.socket(sockets.AF_INET, sockets.SOCK_DGRAM)
    except OSError:
        return  # no memory now; the next turn asks again
    try:
        sock.settimeout(0.001)
        sock.recv(1)
    except OSError:
        pass  # nothing comes
    finally:
        sock.close()


class Nowhere(io.IOBase):
    """PPP's line while the modem is talked to: what it sends is lost on the way, and TCP sends it again.

    Without a line lwIP takes its own for broken (ERR_IF), which ends the connection of whoever sends meanwhile.
    """

    IRQ_RXIDLE = 0

    def readinto(self, buf):
        return None

    def write(self, buf):
        return len(buf)

    def irq(self, handler=None, trigger=0):
        """Nothing comes."""


class Session:
    """A call from CONNECT to its end. `factory(line)` makes a fresh network.PPP; `sockets` is lwIP's module socket.

    `line`: a machine.UART, or a Channel, which notices NO CARRIER. `rx` counts bytes, `last_rx` are ticks. `native`:
    lwIP has a task of its own, in which any Python crashes the chip (ports/esp32; MicroPython's issue 16701).
    """

    def __init__(self, factory, line, sockets, native=False):
        self.factory = factory
        self.line = line
        self._sockets = sockets
        self._aside = None if native else Nowhere()
        self._ends_with = getattr(line, "ends_with", None)
        self.ppp = None
        self.since = monotonic_s()  # ticks would wrap within days
        self.ip = ""
        self.rx = 0
        self.last_rx = ticks_ms()

    def poll(self):
        ppp = self.ppp
        count = ppp.poll() if ppp and self.line.any() else 0
        if count > 0:
            self.rx += count
            self.last_rx = ticks_ms()

    def start(self, security, user, key):
        """Begin to negotiate. Raises OSError, ValueError."""
        self.ppp = self.factory(self.line)
        self.ppp.connect(security=security, user=user, key=key)
        self._hush()

    def run_timers(self):
        run_timers(self._sockets)

    def _hush(self):
        """PPP has had itself called by the UART."""
        self.line.irq(None)

    def silent_ms(self):
        return ticks_diff(ticks_ms(), self.last_rx)

    def no_carrier(self, quiet_ms):
        """Whether the modem has said so: its last words, and silence since (a packet would end with a flag)."""
        said = self._ends_with and self._ends_with(_NO_CARRIER)
        return bool(said) and self.silent_ms() >= quiet_ms

    def lost(self, quiet_ms):
        """Why the link is gone as far as can be seen from here, or None."""
        status = self.ppp.status()
        if status != CONNECTED:
            return "PPP: " + (why(status) if status < 0 else "closed")
        if self.no_carrier(quiet_ms):
            return "no carrier"
        return None

    def suspend(self, suspended):
        """Keep PPP off the line while the modem is talked to, and let it go on."""
        self.ppp.config(stream=self._aside if suspended else self.line)
        if not suspended:
            self._hush()

    async def close(self, deadline_ms):
        """End it as if the carrier were gone, whether it is or not; True when the control block came back in time."""
        ppp, self.ppp = self.ppp, None
        if ppp is None:
            return True
        ppp.config(stream=None)
        try:
            ppp.__del__()
        except OSError:
            pass  # "ppp_free failed": it still says goodbye, which is waited for
        end = ticks_add(ticks_ms(), deadline_ms)
        while ppp.status() and ticks_diff(end, ticks_ms()) > 0:
            run_timers(self._sockets)
            await sleep_ms(TIMERS_MS)
        if ppp.status():
            _unended.append(ppp)
        return not ppp.status()
