"""A connection for who asks and waits for the answer (HTTP, FTP): pieces out, lines and pieces in, each wait with its
deadline.

The server may be anybody's: of a line so much is kept, of lines so many bytes are read, and what is read past is kept
nowhere.
"""

from firmware.core import overlay
from firmware.core.compat import sleep_ms, ticks_diff, ticks_ms
from firmware.core.errors import BrokerError
from firmware.core.flash_gate import silence
from firmware.net import connect, tcp

_TURN_MS = const(10)
_BUFFER = const(512)
# What is kept of one line: an address that is sent on to may be long.
_LINE_MOST = const(1024)
# What the lines of an answer have altogether; those of the large file hosts have 2 to 5 KB.
_LINES_MOST = const(8192)
# Codes of errors (core/errors.py).
_SILENT = const(331)
_HUNG_UP = const(332)
_NOT_UNDERSTOOD = const(333)
_UNENDED = const(354)


class Wire:
    """`sockets`: the link's socket module; `feed()` is called before what may block; `limit_ms`: what connecting, the
    lines of an answer, a piece of it, or progress in sending may take; `gate`: see flash_gate.silence(). Every method
    raises BrokerError or another OSError when that is over."""

    look = None  # called while it waits; what it raises ends that

    def __init__(self, sockets, feed, limit_ms, gate=None):
        self._sockets = sockets
        self._feed = feed
        self._limit = limit_ms
        self.gate = gate
        self._socket = None
        self.host = ""
        self.address = None  # that was connected
        self._rx = bytearray(_BUFFER)
        self._view = memoryview(self._rx)
        self._from = self._to = 0
        self._tx = bytearray(_BUFFER)
        self._waits = 0  # bytes in it
        self._since = 0  # ticks
        self._lines = 0  # bytes that lines may still have

    async def open(self, host, port, secure=False, trust=None, address=None):
        """Connect, with TLS if it is to be `secure`, by a Trust or none; `address`: where that is known already."""
        self.close()
        self.host = host
        if secure and trust:
            trust.ready()
        if address is None:
            self._feed()
            address = connect.look_up(self._sockets, host, port)
            self._feed()
        self._socket = connect.new(self._sockets)
        await connect.connect(self._socket, address, self._limit, host, port)
        self.address = address
        self._from = self._to = self._waits = 0
        self._asked()
        if secure:
            self.cover(trust)

    def cover(self, trust):
        """TLS from now on; the handshake comes with what is sent next. OSError."""
        with overlay.use("tls"):
            from firmware.net import tls

            self._socket = tls.Covered(self._socket, self.host, trust, self._feed)

    def shaking(self):
        """Whether the handshake of TLS is not over."""
        return getattr(self._socket, "shaking", False)

    def is_open(self):
        return self._socket is not None

    def close(self):
        tcp.close(self._socket)
        self._socket = None

    # --- out

    async def put(self, data):
        """Send bytes (or a text), some of them with the next ones or with flush()."""
        view = memoryview(data.encode() if isinstance(data, str) else data)
        while view:
            count = min(len(view), _BUFFER - self._waits)
            self._tx[self._waits : self._waits + count] = view[:count]
            self._waits += count
            view = view[count:]
            if self._waits == _BUFFER:
                await self.flush()

    async def flush(self):
        """Send what waits; the time for the answer begins."""
        # The same bytes again while they are refused (tcp.py).
        view = memoryview(self._tx)[: self._waits]
        self._asked()
        while len(view):
            if self.shaking():
                await silence(self)  # the handshake's arithmetic holds up the loop
            count = tcp.now(self._socket.send, view)
            if count:
                view = view[count:]
                self._asked()
            else:
                await self._pause()
        self._waits = 0
        await sleep_ms(0)

    def _asked(self):
        self._since = ticks_ms()
        self._lines = _LINES_MOST

    async def _pause(self):
        if self.look:
            self.look()
        self._in_time()
        await sleep_ms(_TURN_MS)

    def _in_time(self):
        if ticks_diff(ticks_ms(), self._since) > self._limit:
            raise BrokerError(_UNENDED if self.shaking() else _SILENT, self.host)

    # --- in

    async def _more(self):
        """Have something in the buffer. What comes drop by drop has no more time than what does not come."""
        read = connect.reader(self._socket)
        while self._from >= self._to:
            if self.look:
                self.look()
            self._from, self._to = 0, tcp.now(read, self._rx)
            if self._to is None:
                self._to = 0
                await self._pause()
            elif not self._to:
                raise BrokerError(_HUNG_UP, self.host)
            else:
                await sleep_ms(0)
        self._in_time()

    async def line(self):
        """The next line without its end, or the beginning of it. All lines since flush() have `limit_ms` together."""
        line = b""
        while True:
            await self._more()
            end = self._rx.find(b"\n", self._from, self._to)
            stop = self._to if end < 0 else end + 1
            self._lines -= stop - self._from
            if self._lines < 0:
                raise BrokerError(_NOT_UNDERSTOOD, self.host)
            if len(line) < _LINE_MOST:
                line += bytes(self._view[self._from : stop])
            self._from = stop
            if end >= 0:
                return line[:_LINE_MOST].strip()

    async def piece(self, most):
        """The next bytes, up to `most`: a memoryview that is valid until the next call."""
        await self._more()
        start = self._from
        self._from = min(self._to, start + most)
        self._since = ticks_ms()
        return self._view[start : self._from]

    async def skip(self, count):
        """Read past so many bytes; they have as long as the lines have."""
        while count:
            await self._more()
            step = min(count, self._to - self._from)
            self._from += step
            count -= step
