"""What umqtt.simple sees as its socket: a place to write packets to and to read whole packets from.

umqtt.simple waits for answers with blocking reads: a broker that stalls hangs the device, and on boards its
`setblocking(True)` even removes a timeout set before. Behind a Guard it only builds and parses packets. What it
writes is queued; a read is served from a packet that has come completely; where it wants to wait for one, the
read raises `Pending` and the call returns to us, its packet on the way.
"""

from firmware.core.errors import BrokerError
from firmware.port import const

# Codes of errors (core/errors.py).
_CUT_SHORT = const(323)
_NO_ROOM = const(325)

# Pieces from this length on (payloads) are kept by reference until there is room for them in the queue; shorter ones
# (headers, which umqtt.simple goes on changing) are copied at once.
_COPY_BELOW = const(128)
_QUEUE = const(896)
# What goes to the socket in one piece: just below a segment of lwIP's as MicroPython sets it (TCP_MSS is 800), the
# rest of the queue is for small packets while a large one waits.
_SEGMENT = const(768)
# Copied bytes of the largest PUBLISH: head, topic (session.LONGEST_TOPIC), packet id, a payload that is copied.
_PACKET = const(392)


class Pending(Exception):
    """umqtt.simple would now wait for the broker; the packet it wrote stands in the queue."""


class Guard:
    """The queue is bounded: 896 bytes, and one large piece that has not come into them yet."""

    def __init__(self):
        self._queue = bytearray(_QUEUE)
        self._view = memoryview(self._queue)
        self.clear()

    def clear(self):
        """Forget everything that waits."""
        self._out = 0  # of the queue's bytes sent
        self._end = 0  # bytes in the queue
        self._large = None  # the rest of the piece kept by reference
        self._large_at = 0  # it belongs before that byte of the queue
        self._packet = None
        self._at = 0

    # --- the queue

    def room(self):
        """Whether any PUBLISH can be written now."""
        return self.space(_PACKET) and self._large is None

    def space(self, length):
        """Whether a packet of `length` bytes that are all copied can be written now."""
        self._draw()
        return _QUEUE - self._end + self._out >= length

    def head(self):
        """What is to be sent next (a memoryview), or None: small pieces and a payload behind each other."""
        self._draw()
        end = self._end if self._large is None else self._large_at
        return self._view[self._out : min(end, self._out + _SEGMENT)] if end > self._out else None

    def whole(self):
        """Whether everything that waits stands in the queue; else more of a large piece follows."""
        return self._large is None

    def sent(self, count):
        """The first `count` bytes of `head()` are out."""
        self._out += count

    def _draw(self):
        """Bring into the queue what fits of the large piece."""
        large = self._large
        if large is None:
            return
        self._compact()
        count = min(len(large), _SEGMENT - self._large_at, _QUEUE - self._end)
        if count <= 0:
            return
        view, at = self._view, self._large_at
        self._end += count
        view[at + count : self._end] = view[at : self._end - count]
        view[at : at + count] = large[:count]
        self._large_at = at + count
        self._large = large[count:] if count < len(large) else None

    def _compact(self):
        out = self._out
        if out:
            self._end -= out
            self._view[: self._end] = self._view[out : self._end + out]
            self._large_at -= out
            self._out = 0

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
        if length >= _COPY_BELOW and self._large is None:
            self._large = memoryview(data)[:length]
            self._large_at = self._end
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

    # --- the socket module that umqtt.simple uses while it connects

    def socket(self, *_):
        return self

    def getaddrinfo(self, host, port, *_):
        return [(0, 0, 0, "", (host, port))]
