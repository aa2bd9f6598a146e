"""A TCP connection for MQTT that never waits: bytes go out as the socket takes them, packets come in whole."""

from firmware.core.errors import BrokerError, NobodyListens
from firmware.port import const, sleep_ms, ticks_diff, ticks_ms

_RX = const(1024)
# Codes of errors (core/errors.py).
_NO_ANSWER = const(309)
_HUNG_UP = const(312)
_NO_NAME = const(317)
_NOT_MQTT = const(324)
_TURN_MS = const(10)
# Numbers of "try again": EAGAIN, EWOULDBLOCK, EALREADY and EINPROGRESS as the ports spell them; 119 and 120 are
# newlib's (ESP32), where 118 is "no route to host".
_AGAIN = (11, 35, 36, 114, 115, 119, 120)
# ENOMEM, ENOBUFS: reaching lwIP's memory limit is no failure of the link, it clears as the peer takes its bytes.
_FULL = (12, 105)
# Payloads larger than the guard's queue go out in steps of a segment with a pause: sent at once they overran lwIP's
# memory and the buffer of the modem's UART, which holds 8 KiB (platform facts 3b).
_STEP_MS = const(5)
_CONNECTED = (106, 127)  # EISCONN
# ECONNRESET, ECONNREFUSED; EBADF is what lwIP says when connect() is asked again after the refusal (extmod/modlwip.c).
_REFUSED = (104, 111, 9)


class Stream:
    """One connection at a time; the buffer stays.

    `last_rx` and `last_tx` are ticks of the last byte received and sent, `blocked` those since which the socket
    has taken nothing of what waits, or None. `cut` says that the last packet was larger than the buffer.
    """

    def __init__(self):
        self._socket = None
        self._read = None
        self._rx = bytearray(_RX)
        self._view = memoryview(self._rx)
        self.received = self.sent = 0
        self.last_rx = self.last_tx = self._stepped = ticks_ms()
        self.close()

    async def connect(self, sockets, host, port, deadline_ms):
        """Look `host` up (this may block, the caller feeds the watchdog) and connect; OSError on failure."""
        self.close()
        family = getattr(
            sockets, "AF_INET", 0
        )  # what socket() makes; a name may have IPv6 addresses too
        try:
            address = sockets.getaddrinfo(host, port, family, sockets.SOCK_STREAM)[0][-1]
        except OSError as error:
            # The ports have numbers of their own for it, or none but in a text. No memory is no answer about the name.
            if error.args[0] in _FULL:
                raise
            raise BrokerError(_NO_NAME, str(error)) from None
        sock = self._socket = sockets.socket()
        self._read = getattr(sock, "recv_into", None) or sock.readinto
        # No Nagle's algorithm: with it what follows a short piece waits for that one's acknowledgement, which servers
        # put off by 40 ms. The guard gives whole segments instead, since each piece has memory of its own in lwIP,
        # and where that runs out send() of MicroPython waits, up to ten seconds, also in a socket that does not
        # (extmod/modlwip.c).
        sock.setsockopt(getattr(sockets, "IPPROTO_TCP", 6), getattr(sockets, "TCP_NODELAY", 1), 1)
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
                if code in _REFUSED:
                    raise NobodyListens(host, port) from None
                if code not in _AGAIN and code not in _FULL:
                    raise
            if ticks_diff(ticks_ms(), start) > deadline_ms:
                raise BrokerError(_NO_ANSWER, host, port, deadline_ms)
            await sleep_ms(_TURN_MS)
        self.last_rx = self.last_tx = ticks_ms()

    def close(self):
        """Close at once; whatever was under way is lost."""
        sock, self._socket = self._socket, None
        self._read = None
        self._start = self._have = self._used = self._skip = 0
        self.blocked = None
        self.cut = False
        if sock:
            try:
                sock.close()
            except OSError:
                pass  # a socket that can't be closed is gone already

    def flush(self, guard):
        """Send what the socket takes now of what waits in `guard`; True when nothing waits any more."""
        piece = guard.head()
        while piece is not None:
            count = self._send(piece) if guard.whole() else self._step(piece)
            if not count:
                if self.blocked is None:
                    self.blocked = ticks_ms()
                return False
            self.blocked = None
            self.last_tx = ticks_ms()
            self.sent += count
            guard.sent(count)
            piece = guard.head()
        self.blocked = None
        return True

    def _step(self, piece):
        now = ticks_ms()
        if ticks_diff(now, self._stepped) < _STEP_MS:
            return 0
        self._stepped = now
        return self._send(piece)

    def _send(self, piece):
        try:
            return self._socket.send(piece)
        except OSError as error:
            if error.args[0] in _AGAIN or error.args[0] in _FULL:
                return 0
            raise

    def receive(self):
        """The next whole packet as a memoryview, valid until the next call, or None; OSError at the end.

        Of a packet larger than the buffer only the first KiB comes (`cut` is then set), the rest is skipped.
        """
        self._start += self._used
        self._used = 0
        self.cut = False
        packet = self._complete()
        if packet is None and self._fill():
            packet = self._complete()
        return packet

    def again(self):
        """What receive() has just given comes once more with the next call."""
        self._used = 0

    def _fill(self):
        """Read what is there; False when nothing new stands in the buffer."""
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
        try:
            count = self._read(view)
        except OSError as error:
            if error.args[0] in _AGAIN:
                return 0
            raise
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
            self._used = total
            return self._view[start : start + total]
        if total > _RX and have == _RX and not start:
            self.cut = True
            self._skip = total - _RX
            self._used = _RX
            return self._view
        return None

