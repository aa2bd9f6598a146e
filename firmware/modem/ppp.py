"""One PPP connection over a line in data mode: start, watch, end. `network.PPP` or its stand-in
does the protocol.

What the object is like (platform facts 1.2): connecting takes a while, `isconnected()` stays True
on a dead carrier, after a failure it must be thrown away, `disconnect()` only starts the end and
the line must not be touched before `status()` is 0.
"""

import gc
import io

from firmware.modem import lazy
from firmware.port import const, monotonic_s, sleep_ms, ticks_add, ticks_diff, ticks_ms

CONNECTED = const(4)
_TURN_MS = const(10)
_NO_CARRIER = b"\r\nNO CARRIER\r\n"
_TAIL = const(14)
_POLL = const(3)  # the ioctl request of MicroPython's streams
_WRITABLE = const(4)


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
    """A call from CONNECT to its end. `factory(stream)` makes a fresh network.PPP.

    `native`: PPP has the line itself, a machine.UART. On ESP32 lwIP writes, and ends the call, in a task of its own:
    any Python there crashes the chip (ports/esp32/network_ppp.c; MicroPython's issue 16701). What came behind CONNECT
    is lost then, the modem says it again; bytes are counted, NO CARRIER is not seen.
    """

    def __init__(self, factory, stream, head=b"", native=False):
        self.factory = factory
        self.tap = Tap(stream, head)
        self.native = native
        self.stream = stream if native else self.tap  # PPP's
        self.ppp = None
        self.since = monotonic_s()  # ticks would wrap within days
        self.ip = ""

    def poll(self):
        ppp = self.ppp
        count = ppp.poll() if ppp else 0
        if self.native and count > 0:
            self.tap.rx += count
            self.tap.last_rx = ticks_ms()

    def hush(self):
        """PPP has had itself called by the UART: without that poll() sees, and counts, all that comes."""
        if self.native:
            self.tap.irq(None, 0)

    def lost(self, quiet_ms):
        """Why the link is gone as far as can be seen from here, or None."""
        status = self.ppp.status()
        if status != CONNECTED:
            return "PPP: " + (lazy.use("errors").ppp(status) if status < 0 else "closed")
        if self.tap.no_carrier(quiet_ms):
            return "no carrier"
        return None

    def suspend(self, suspended):
        """Keep PPP off the line while the modem is talked to, and let it go on."""
        self.ppp.config(stream=None if suspended else self.stream)
        self.hush()

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
