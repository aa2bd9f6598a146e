"""A channel of the multiplexer as a UART-like stream: what network.PPP and the AT channel read and
write.
"""

import io


class Channel(io.IOBase):
    """One channel of the multiplexer as a UART-like stream; nothing waits."""

    IRQ_RXIDLE = 1
    buffer = None  # micropython.RingIO; see write()

    def __init__(self, mux, dlci, size):
        self._mux = mux
        self.dlci = dlci
        self._ring = bytearray(size)
        self._view = memoryview(self._ring)
        self.restart()

    def restart(self):
        """Closed and empty."""
        for at in range(len(self._ring)):
            self._ring[at] = 0  # nothing of a call before is this one's last word
        self._head = 0  # where the next byte is taken
        self._count = 0
        self.open = False
        self.refused = False
        self.halted = False  # the modem's FC bit: it takes nothing
        self.halting = False  # ours
        self.lost = 0  # bytes that came although we had said stop
        if self.buffer:
            self.buffer.read()

    def settled(self):
        return self.open or self.refused

    def any(self):
        return self._count

    def readinto(self, buf, count=-1):
        count = min(len(buf) if count < 0 else count, self._count)
        if not count:
            return None
        size, head = len(self._ring), self._head
        first = min(count, size - head)
        buf[:first] = self._view[head : head + first]
        if count > first:
            buf[first:count] = self._view[: count - first]
        self._head = (head + count) % size
        self._count -= count
        if self.halting and self._count < size // 4:
            self.halting = False
            self._mux.signal(self)
        return count

    def read(self, count=256):
        buf = bytearray(min(count, self._count) if count >= 0 else self._count)
        return bytes(buf) if self.readinto(buf) else None

    def write(self, buf):
        """How many bytes were taken: all, some, or 0 while the line is full or the modem says
        stop.

        On rp2 lwIP's timers call this in an interrupt (ports/rp2/mpnetworkport.c): with a buffer between nothing is
        allocated in here, and nothing of the Mux is touched, which may be in the middle of something. What is not
        taken costs lwIP's user his connection: cmux.py says how large the buffer is.
        """
        return self.buffer.write(buf) if self.buffer else self._mux.send(self, buf)

    def ioctl(self, request, argument):
        if request != 3:
            return 0 if request == 4 else -1
        return (argument & 1 if self._count else 0) | (argument & 4 if self._mux.room(self) else 0)

    def irq(self, handler=None, trigger=0, hard=False):
        """Nothing: who reads a channel asks it. network.PPP calls this, its end with the heap locked."""

    def ends_with(self, words):
        """Whether the newest bytes that came, read or not, are `words`."""
        size, at = len(self._ring), (self._head + self._count - len(words)) % len(self._ring)
        for byte in words:
            if self._ring[at] != byte:
                return False
            at = (at + 1) % size
        return True

    def took(self, data):
        """Bytes from the modem (called by the Mux)."""
        size = len(self._ring)
        count = min(len(data), size - self._count)
        self.lost += len(data) - count
        tail = (self._head + self._count) % size
        first = min(count, size - tail)
        self._ring[tail : tail + first] = data[:first]
        if count > first:
            self._ring[: count - first] = data[first:count]
        self._count += count
        if not self.halting and self._count > size * 3 // 4:
            self.halting = True
            self._mux.signal(self)
