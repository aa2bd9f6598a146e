"""What umqtt.simple sees as its socket: a place to write packets to and to read whole packets from.

umqtt.simple waits for answers with blocking reads: a broker that stalls hangs the device, and on boards its
`setblocking(True)` even removes a timeout set before. Behind a Guard it only builds and parses packets. What it
writes is queued; a read is served from a packet that has come completely; where it wants to wait for one, the
read raises `Pending` and the call returns to us, its packet on the way.
"""

from firmware.port import const

# Longer pieces (payloads) are kept by reference until they are sent, shorter ones (headers, which umqtt.simple
# goes on changing) are copied.
_COPY_BELOW = const(256)
_SEGMENT = const(512)


class Pending(Exception):
    """umqtt.simple would now wait for the broker; the packet it wrote stands in the queue."""


class Guard:
    """`queue`: what waits to be sent. `offer(view)`: the packet that the next reads come from."""

    def __init__(self):
        self.queue = []
        self._packet = None
        self._at = 0

    def offer(self, packet):
        self._packet = packet
        self._at = 0

    # --- the socket that umqtt.simple uses

    def write(self, data, length=None):
        if length is None:
            length = len(data)
        if length < _COPY_BELOW or isinstance(data, str):
            data = data.encode() if isinstance(data, str) else data
            self._append(bytes(memoryview(data)[:length]))
        else:
            self.queue.append(memoryview(data)[:length])
        return length

    def _append(self, piece):
        """Join small pieces: each element of the queue is a segment on the line."""
        queue = self.queue
        if queue and isinstance(queue[-1], bytes) and len(queue[-1]) < _SEGMENT:
            queue[-1] += piece
        else:
            queue.append(piece)

    def read(self, length):
        packet = self._packet
        if packet is None:
            raise Pending()
        end = self._at + length
        if end > len(packet):
            raise OSError("a packet ends too early")
        piece = bytes(packet[self._at : end])
        self._at = end
        return piece

    def setblocking(self, flag):
        """Nothing here ever blocks, and the real socket must not learn of this call."""

    def settimeout(self, seconds):
        """See setblocking."""

    def connect(self, address):
        """The real socket is connected already."""

    def close(self):
        """The real socket is closed by its owner, at a time of the owner's choosing."""


class Sockets:
    """Stands in for the `socket` module while umqtt.simple connects: its socket is the guard."""

    def __init__(self, guard):
        self._guard = guard

    def socket(self, *_):
        return self._guard

    def getaddrinfo(self, host, port, *_):
        return [(0, 0, 0, "", (host, port))]
