"""One PPP connection over a line in data mode: start, watch, end. `network.PPP` or its stand-in
does the protocol.

What the object is like (platform facts 1.2): connecting takes a while, `isconnected()` stays True
on a dead carrier, after a failure it must be thrown away, `disconnect()` only starts the end and
the line must not be touched before `status()` is 0.
"""

import gc
import io

from firmware.modem.ladder import REDIAL, Failure
from firmware.port import const, sleep_ms, ticks_add, ticks_diff, ticks_ms

_CONNECTED = const(4)
_TURN_MS = const(10)
_REASON_MS = const(1000)  # PPP may know better why than NO CARRIER does
_NO_CARRIER = b"\r\nNO CARRIER\r\n"
_TAIL = const(14)
_POLL = const(3)  # the ioctl request of MicroPython's streams
_WRITABLE = const(4)

# lwIP's PPPERR codes; status() gives them negative.
_WORDS = {
    1: "wrong parameter",
    2: "cannot open",
    3: "invalid device",
    4: "out of memory",
    5: "ended by us",
    6: "connection lost",
    7: "user or password refused",
    8: "protocol failure",
    9: "the other end does not answer",
    10: "idle too long",
    11: "connected too long",
    12: "loop on the line",
}


class Tap(io.IOBase):
    """The line as PPP gets it: everything goes through, bytes are counted, NO CARRIER is noticed.

    `head`: bytes that came in behind CONNECT. Forwards `irq` and `IRQ_RXIDLE`, which network.PPP
    wants.
    """

    def __init__(self, stream, head=b""):
        self._stream = stream
        self._head = head
        self.IRQ_RXIDLE = getattr(stream, "IRQ_RXIDLE", 0)
        self.rx = 0
        self.tx = 0
        self.last_rx = ticks_ms()
        self._tail = bytearray(_TAIL)

    def readinto(self, buf):
        if self._head:
            count = min(len(buf), len(self._head))
            buf[:count] = self._head[:count]
            self._head = self._head[count:]
        else:
            count = self._stream.readinto(buf)
            if not count:
                return None
        self.rx += count
        self.last_rx = ticks_ms()
        tail = self._tail
        if count >= _TAIL:
            tail[:] = buf[count - _TAIL : count]
        else:
            tail[: _TAIL - count] = tail[count:]
            tail[_TAIL - count :] = buf[:count]
        return count

    def read(self, count=256):
        buf = bytearray(count)
        got = self.readinto(buf)
        return bytes(buf[:got]) if got else None

    def write(self, buf):
        count = self._stream.write(buf)
        if count:
            self.tx += count
        return count

    def any(self):
        return len(self._head) or self._stream.any()

    def irq(self, handler=None, trigger=0, hard=False):
        irq = getattr(self._stream, "irq", None)
        return irq(handler, trigger) if irq else None

    def ioctl(self, request, argument):
        if request != _POLL:
            return -1 if request != 4 else 0
        return (argument & 1 if self.any() else 0) | (argument & _WRITABLE)

    def silent_ms(self):
        return ticks_diff(ticks_ms(), self.last_rx)

    def no_carrier(self, quiet_ms):
        """Whether the modem has said so: its last words, and silence since (a packet would end
        with a flag).
        """
        return self._tail == _NO_CARRIER and self.silent_ms() >= quiet_ms


class Session:
    """A call from CONNECT to its end. `factory(stream)` makes a fresh network.PPP."""

    def __init__(self, factory, stream, head=b""):
        self._factory = factory
        self.tap = Tap(stream, head)
        self.ppp = None
        self.since = ticks_ms()
        self.ip = ""

    async def open(self, settings, deadline_ms):
        """Negotiate; returns with an address. Raises Failure."""
        gc.collect()
        self.ppp = ppp = self._factory(self.tap)
        security, user, key = _security(ppp, settings)
        end = ticks_add(ticks_ms(), deadline_ms)
        try:
            ppp.connect(security=security, user=user, key=key)
        except (OSError, ValueError) as error:
            raise Failure("PPP does not start: %s" % error) from None
        while True:
            ppp.poll()
            status = ppp.status()
            if status == _CONNECTED:
                break
            if status < 0:
                raise Failure("PPP: " + words(status), REDIAL)
            if self.tap.no_carrier(_REASON_MS):
                raise Failure("no carrier while PPP negotiated")
            if ticks_diff(end, ticks_ms()) <= 0:
                raise Failure("PPP got no address in time")
            await sleep_ms(_TURN_MS)
        self.since = ticks_ms()
        self.ip = _first(ppp.ipconfig("addr4"))

    def poll(self):
        if self.ppp:
            self.ppp.poll()

    def lost(self, quiet_ms):
        """Why the link is gone as far as can be seen from here, or None."""
        status = self.ppp.status()
        if status != _CONNECTED:
            return "PPP: " + (words(status) if status < 0 else "closed")
        if self.tap.no_carrier(quiet_ms):
            return "no carrier"
        return None

    def suspend(self, suspended):
        """Keep PPP off the line while the modem is talked to, and let it go on."""
        self.ppp.config(stream=None if suspended else self.tap)

    async def close(self, deadline_ms):
        """End it and wait until the object has let go of the line; True when it has in time."""
        ppp, self.ppp = self.ppp, None
        if ppp is None:
            return True
        try:
            ppp.disconnect()
        except OSError:
            pass  # it was not connected: nothing to end
        end = ticks_add(ticks_ms(), deadline_ms)
        while ppp.status() > 0 and ticks_diff(end, ticks_ms()) > 0:
            ppp.poll()
            await sleep_ms(_TURN_MS)
        ended = ppp.status() <= 0
        self.tap.irq(None, 0)
        del ppp
        gc.collect()
        return ended


def words(status):
    """A negative status of PPP in words."""
    return _WORDS.get(-status, "error %d" % -status)


def _first(config):
    return config[0] if isinstance(config, (tuple, list)) else config


def _security(ppp, settings):
    kind = settings.get("auth") or "none"
    user = settings.get("user") or None
    if not user or kind == "none":
        return getattr(ppp, "SEC_NONE", 0), None, None
    level = getattr(ppp, "SEC_CHAP", 2) if kind == "chap" else getattr(ppp, "SEC_PAP", 1)
    return level, user, settings.get("password") or ""
