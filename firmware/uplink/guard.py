"""What umqtt.simple sees as its socket: a place to write packets to and to read whole packets from.

umqtt.simple waits for answers with blocking reads: a broker that stalls hangs the device, and on boards its
`setblocking(True)` even removes a timeout set before. Behind a Guard it only builds and parses packets. What it
writes is queued; a read is served from a packet that has come completely; where it wants to wait for one, the
read raises `Pending` and the call returns to us, its packet on the way.
"""

from firmware.port import const

# Pieces from this length on (payloads) are kept by reference until they are sent; shorter ones (headers, which
# umqtt.simple goes on changing) are copied.
_COPY_BELOW = const(128)
_SMALL = const(768)
# Copied bytes of the largest PUBLISH: head, topic (session.LONGEST_TOPIC), packet id, a payload that is copied.
_PACKET = const(392)


class Pending(Exception):
    """umqtt.simple would now wait for the broker; the packet it wrote stands in the queue."""


class Guard:
    """The queue is bounded: 768 bytes of copied pieces and one large piece among them."""

    def __init__(self):
        self._small = bytearray(_SMALL)
        self._view = memoryview(self._small)
        self.clear()

    def clear(self):
        """Forget everything that waits."""
        self._end = 0  # bytes in `_small`
        self._out = 0  # of these sent
        self._large = None  # piece kept by reference
        self._large_at = 0  # it goes out after so many bytes of `_small`
        self._large_out = 0  # bytes of it sent
        self._packet = None
        self._at = 0

    # --- the queue

    def room(self):
        """Whether any PUBLISH can be written now."""
        return self._large is None and self.space(_PACKET)

    def space(self, length):
        """Whether a packet of `length` bytes that are all copied can be written now."""
        return _SMALL - self._end >= length

    def head(self):
        """What is to be sent next (a memoryview), or None."""
        if self._large is not None:
            if self._out < self._large_at:
                return self._view[self._out : self._large_at]
            return self._large[self._large_out :]
        if self._out < self._end:
            return self._view[self._out : self._end]
        return None

    def sent(self, count):
        """The first `count` bytes of `head()` are out."""
        if self._large is not None and self._out == self._large_at:
            self._large_out += count
            if self._large_out >= len(self._large):
                self._large = None
        else:
            self._out += count
        if self._large is None and self._out == self._end:
            self._out = self._end = 0

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
        if length >= _COPY_BELOW and self._large is None:
            self._large = memoryview(data)[:length]
            self._large_at = self._end
            self._large_out = 0
            return length
        end = self._end + length
        if end > _SMALL:
            raise OSError("more to send than can wait")
        self._view[self._end : end] = memoryview(data)[:length]
        self._end = end
        return length

    def read(self, length):
        packet = self._packet
        if packet is None:
            raise Pending()
        end = self._at + length
        if length < 0 or end > len(packet):
            raise OSError("a packet ends too early")
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
