"""The socket of the session with the broker, and what umqtt.simple sees as its socket.

umqtt.simple waits for answers with blocking reads: a broker that stalls hangs the device, and on boards its
`setblocking(True)` even removes a timeout set before. Behind a Guard it only builds and parses packets. What it
writes is queued; a read is served from a packet that has come completely; where it wants to wait for one, the
read raises `Pending` and the call returns to us, its packet on the way.

Stream is the connection (net/tcp.py): bytes go out as the socket takes them, packets come in whole.
"""

from firmware.core import overlay
from firmware.core.compat import ticks_diff, ticks_ms
from firmware.core.errors import BrokerError
from firmware.net import tcp

# Codes of errors (core/errors.py).
_HUNG_UP = const(312)
_CUT_SHORT = const(323)
_NOT_MQTT = const(324)
_NO_ROOM = const(325)

# Pieces from this length on (payloads) are kept by reference until there is room for them in the queue; shorter ones
# (headers, which umqtt.simple goes on changing) are copied at once.
_COPY_BELOW = const(128)
_QUEUE = const(896)
# What goes to the socket in one piece: just below a segment of lwIP's as MicroPython sets it (TCP_MSS is 800), the
# rest of the queue is for small packets while a large one waits.
_SEGMENT = const(768)
# Copied bytes of the largest PUBLISH: head, topic (config.LONGEST_TOPIC), packet id, a payload that is copied.
_PACKET = const(392)

_RX = const(1024)
# Payloads larger than the guard's queue go out in steps of a segment with a pause: sent at once they overran lwIP's
# memory and the buffer of the modem's UART, which holds 8 KiB (platform facts 3b). Behind a modem it is longer
# (options.py), and it doubles where memory runs out nevertheless.
_STEP_MS = const(5)
_LONGEST_STEP_MS = const(1000)


class Pending(Exception):
    """umqtt.simple would now wait for the broker; the packet it wrote stands in the queue."""


class Guard:
    """The queue is bounded: 896 bytes, and one large piece that has not come into them yet.

    `out` is how many of the queue's bytes have been sent: whoever sends what head() gives adds to it. `large` is the
    rest of the piece kept by reference, or None: everything that waits stands in the queue.
    """

    def __init__(self):
        self._queue = bytearray(_QUEUE)
        self._view = memoryview(self._queue)
        self.clear()

    def clear(self):
        """Forget everything that waits."""
        self.out = 0
        self._end = 0  # bytes in the queue
        self.large = None
        self.large_at = 0  # it belongs before that byte of the queue
        self._packet = None
        self._at = 0

    # --- the queue

    def room(self):
        """Whether any PUBLISH can be written now."""
        return self.space(_PACKET) and self.large is None

    def space(self, length):
        """Whether a packet of `length` bytes that are all copied can be written now."""
        self._draw()
        return _QUEUE - self._end + self.out >= length

    def head(self):
        """What is to be sent next (a memoryview), or None: small pieces and a payload behind each other."""
        self._draw()
        end = self._end if self.large is None else self.large_at
        return self._view[self.out : min(end, self.out + _SEGMENT)] if end > self.out else None

    def _draw(self):
        """Bring into the queue what fits of the large piece."""
        large = self.large
        if large is None:
            return
        self._compact()
        count = min(len(large), _SEGMENT - self.large_at, _QUEUE - self._end)
        if count <= 0:
            return
        view, at = self._view, self.large_at
        self._end += count
        view[at + count : self._end] = view[at : self._end - count]
        view[at : at + count] = large[:count]
        self.large_at = at + count
        self.large = large[count:] if count < len(large) else None

    def _compact(self):
        out = self.out
        if out:
            self._end -= out
            self._view[: self._end] = self._view[out : self._end + out]
            self.large_at -= out
            self.out = 0

    def offer(self, packet):
        """Let the next reads come from `packet`; with None they raise Pending."""
        self._packet = packet
        self._at = 0

    # --- the socket that umqtt.simple uses

    def write(self, data, length=None):
        if isinstance(data, str):
            data = data.encode()
        if length is None:
            length = len(data)
        self._draw()
        self._compact()
        if length >= _COPY_BELOW and self.large is None:
            self.large = memoryview(data)[:length]
            self.large_at = self._end
            return length
        end = self._end + length
        if end > _QUEUE:
            raise BrokerError(_NO_ROOM)
        self._view[self._end : end] = memoryview(data)[:length]
        self._end = end
        return length

    def read(self, length):
        packet = self._packet
        if packet is None:
            raise Pending()
        end = self._at + length
        if length < 0 or end > len(packet):
            raise BrokerError(_CUT_SHORT)
        piece = bytes(packet[self._at : end])
        self._at = end
        return piece

    def _ignore(self, *_):
        """The real socket is connected, never blocks, must not hear of this, and is closed by its owner."""

    setblocking = settimeout = connect = close = _ignore


class Stream:
    """One connection at a time; the buffer stays.

    `last_rx` and `last_tx` are ticks of the last byte received and sent, `blocked` those since which the socket
    has taken nothing of what waits, or None. `cut` says that the last packet was larger than the buffer. `used`: bytes
    of what receive() has given last; with 0 in their place it gives that once more. `step`: ms between two pieces.
    """

    step = _STEP_MS

    def __init__(self, largest=0):
        self.most = largest
        self.socket = None
        self._rx = bytearray(_RX)
        self._view = memoryview(self._rx)
        self.received = self.sent = 0
        self.last_rx = self.last_tx = self._stepped = ticks_ms()
        self.close()

    def close(self):
        """Close at once; whatever was under way is lost."""
        sock, self.socket = self.socket, None
        self.read = None  # into a buffer, as the port spells it
        self._start = self._have = self.used = self._skip = 0
        self.large = None  # a packet that has a buffer of its own, `_have` bytes of it have come
        self.blocked = None
        self.cut = False
        tcp.close(sock)

    def flush(self, guard):
        """Send what the socket takes now of what waits in `guard`; True when nothing waits any more."""
        piece = guard.head()
        while piece is not None:
            count = 0
            more = guard.large is not None
            if not more or ticks_diff(ticks_ms(), self._stepped) >= self.step:
                if more:
                    self._stepped = ticks_ms()
                try:
                    count = tcp.now(self.socket.send, piece)
                except OSError as error:
                    if error.args[0] in tcp.FULL:
                        self.step = min(2 * self.step, _LONGEST_STEP_MS)
                    raise
            if not count:
                if self.blocked is None:
                    self.blocked = ticks_ms()
                return False
            self.blocked = None
            self.last_tx = ticks_ms()
            self.sent += count
            guard.out += count
            piece = guard.head()
        self.blocked = None
        return True

    def receive(self):
        """The next whole packet as a memoryview, valid until the next call, or None; OSError at the end.

        One larger than the buffer gets one of its own, up to `largest` bytes. Else only the first KiB comes (`cut` is
        then set), the rest is skipped.
        """
        if self.large is not None and self.used:
            self.large = None
            self._have = self.used = 0
        self._start += self.used
        self.used = 0
        self.cut = False
        packet = self._complete()
        if packet is None and self._fill():
            packet = self._complete()
        return packet

    def _fill(self):
        """Read what is there; False when nothing new stands in the buffer."""
        if self.large is not None:
            self._have += self._take(self.large[self._have :])
            return True
        if self._skip:
            self._skip -= self._take(self._view[: min(self._skip, _RX)])
            return False
        if self._start:
            # What is left of the last read goes to the front, so that the packet it begins fits.
            left = self._have - self._start
            self._view[:left] = self._view[self._start : self._have]
            self._have = left
            self._start = 0
        count = self._take(self._view[self._have :])
        self._have += count
        return count > 0

    def _take(self, view):
        count = tcp.now(self.read, view)
        if count is None:
            return 0
        if count == 0:
            raise BrokerError(_HUNG_UP)
        self.received += count
        self.last_rx = ticks_ms()
        return count

    def _complete(self):
        """The packet at `_start` if all of it, or as much as the buffer holds, has come."""
        start, have = self._start, self._have
        if self.large is not None:
            self.used = len(self.large)
            if have == self.used:
                return self.large
            self.used = 0
            return None
        length = shift = 0
        at = start + 1
        while True:
            if at >= have:
                return None
            byte = self._rx[at]
            length |= (byte & 0x7F) << shift
            at += 1
            if not byte & 0x80:
                break
            shift += 7
            if shift > 21:
                raise BrokerError(_NOT_MQTT)
        total = at + length - start
        if start + total <= have:
            self.used = total
            return self._view[start : start + total]
        if total > _RX and have == _RX and not start:
            with overlay.attempt:
                if total <= self.most:
                    large = memoryview(bytearray(total))
                    large[:_RX] = self._view
                    self._start = 0
                    self.large = large
                    return None
            self.cut = True
            self._skip = total - _RX
            self.used = _RX
            return self._view
        return None
