"""A TCP connection for MQTT that never waits: bytes go out as the socket takes them, packets come in whole."""

from firmware.port import const, sleep_ms, ticks_diff, ticks_ms

_RX = const(1024)
_TURN_MS = const(10)
# Numbers of "try again": EAGAIN, EWOULDBLOCK and EINPROGRESS as the ports and lwIP spell them.
_AGAIN = (11, 35, 36, 114, 115, 118, 119)
# Reaching lwIP's memory limit is no failure of the link: it clears as the peer takes what is on the way.
_ENOMEM = const(12)
_CONNECTED = (106, 127)  # EISCONN


class Stream:
    """One connection. `last_rx` and `last_tx` are ticks of the last byte received and sent."""

    def __init__(self, sockets):
        self._sockets = sockets
        self._socket = None
        self._rx = bytearray(_RX)
        self._view = memoryview(self._rx)
        self._have = 0
        self._used = 0
        self._skip = 0
        self._sent = 0  # bytes of the first queued piece that are out already
        self.last_rx = self.last_tx = ticks_ms()
        self.oversize = 0

    async def connect(self, host, port, deadline_ms):
        """Look `host` up (this may block, the caller feeds the watchdog) and connect; OSError on failure."""
        self.close()
        address = self._sockets.getaddrinfo(host, port, 0, self._sockets.SOCK_STREAM)[0][-1]
        sock = self._socket = self._sockets.socket()
        sock.setblocking(False)
        start = ticks_ms()
        while True:
            try:
                sock.connect(address)
                break
            except OSError as error:
                code = error.args[0]
                if code in _CONNECTED:
                    break
                if code not in _AGAIN:
                    raise
            if ticks_diff(ticks_ms(), start) > deadline_ms:
                raise OSError("no connection to %s:%d within %d ms" % (host, port, deadline_ms))
            await sleep_ms(_TURN_MS)
        self.last_rx = self.last_tx = ticks_ms()

    def close(self):
        """Close at once; whatever was under way is lost."""
        sock, self._socket = self._socket, None
        self._have = self._used = self._skip = self._sent = 0
        if sock:
            try:
                sock.close()
            except OSError:
                pass  # a socket that can't be closed is gone already

    def flush(self, queue):
        """Send what the socket takes now from `queue` (list of bytes-like); returns True when it is empty."""
        while queue:
            piece = queue[0]
            try:
                count = self._socket.send(memoryview(piece)[self._sent :])
            except OSError as error:
                if error.args[0] in _AGAIN or error.args[0] == _ENOMEM:
                    return False
                raise
            if not count:
                return False
            self.last_tx = ticks_ms()
            self._sent += count
            if self._sent >= len(piece):
                queue.pop(0)
                self._sent = 0
        return True

    def receive(self):
        """The next whole packet as a memoryview, valid until the next call, or None; OSError at the end.

        A packet larger than the buffer comes with its first KiB only, the rest is skipped (`oversize`).
        """
        if self._used:
            left = self._have - self._used
            if left > 0:
                self._view[:left] = bytes(self._view[self._used : self._have])
            self._have = max(left, 0)
            self._used = 0
        packet = self._complete()
        if packet is None and self._fill():
            packet = self._complete()
        return packet

    def _fill(self):
        """Read what is there; False when there is nothing."""
        if self._have >= _RX:
            return False
        view = self._view[self._have :]
        try:
            read = getattr(self._socket, "recv_into", None) or self._socket.readinto
            count = read(view)
        except OSError as error:
            if error.args[0] in _AGAIN:
                return False
            raise
        if count is None:
            return False
        if count == 0:
            raise OSError("the broker closed the connection")
        self.last_rx = ticks_ms()
        if self._skip:
            gone = min(self._skip, count)
            self._skip -= gone
            self._view[self._have : self._have + count - gone] = bytes(view[gone:count])
            count -= gone
        self._have += count
        return count > 0

    def _complete(self):
        have = self._have
        length = shift = 0
        at = 1
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
                raise OSError("not MQTT: a length of more than four bytes")
        total = at + length
        if total <= have:
            self._used = total
            return self._view[:total]
        if total > _RX and have == _RX:
            self.oversize += 1
            self._skip = total - _RX
            self._used = _RX
            return self._view
        return None
