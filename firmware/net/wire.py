"""A connection for who asks and waits for the answer (HTTP, FTP): pieces out, lines in, each wait with its deadline.

The server may be anybody's: of a line so much is kept, and what is read past is kept nowhere.
"""

from firmware.core import overlay
from firmware.core.compat import sleep_ms, ticks_diff, ticks_ms
from firmware.core.errors import BrokerError
from firmware.net import connect, tcp

_TURN_MS = const(10)
_CONNECT_MS = const(10000)
_BUFFER = const(512)
LINE_MOST = const(512)
# Codes of errors (core/errors.py).
_NOBODY = const(331)
_NO_ANSWER = const(332)
_NO_NAME = const(333)
_SILENT = const(334)
_HUNG_UP = const(335)


class Wire:
    """`sockets`: the link's socket module; `feed()` is called before a look-up, which may block; `limit_ms`: what a
    line, or progress in sending, may take. Every method raises BrokerError or another OSError when that is over."""

    def __init__(self, sockets, feed, limit_ms):
        self._sockets = sockets
        self._feed = feed
        self._limit = limit_ms
        self._socket = None
        self.host = ""
        self.address = None  # that was connected
        self._rx = bytearray(_BUFFER)
        self._view = memoryview(self._rx)
        self._from = self._to = 0
        self._tx = bytearray(_BUFFER)
        self._waits = 0  # bytes in it
        self._since = 0

    async def open(self, host, port, trust=None, address=None):
        """Connect, with TLS where there is a Trust; `address`: where that is known already."""
        self.close()
        self.host = host
        if address is None:
            self._feed()
            try:
                address = connect.look_up(self._sockets, host, port)
            except OSError as error:
                if error.args[0] in tcp.FULL:
                    raise
                raise BrokerError(_NO_NAME, host) from None
        self._socket = self._sockets.socket()
        no_delay = getattr(self._sockets, "IPPROTO_TCP", 6), getattr(self._sockets, "TCP_NODELAY", 1), 1
        self._socket.setsockopt(*no_delay)
        try:
            if not await connect.connect(self._socket, address, _CONNECT_MS):
                raise BrokerError(_NO_ANSWER, "%s:%d" % (host, port))
        except OSError as error:
            if connect.refused(error):
                raise BrokerError(_NOBODY, "%s:%d" % (host, port)) from None
            raise
        self.address = address
        self._from = self._to = self._waits = 0
        self._since = ticks_ms()
        if trust:
            self.cover(trust)

    def cover(self, trust):
        """TLS from now on; the handshake comes with what is sent next. OSError."""
        trust.ready()
        with overlay.use("tls"):
            from firmware.net import tls

            self._socket = tls.Covered(self._socket, self.host, trust, self._feed)

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
        self._since = ticks_ms()
        while len(view):
            count = tcp.now(self._socket.send, view)
            if count:
                view = view[count:]
                self._since = ticks_ms()
            else:
                await self._pause()
        self._waits = 0
        await sleep_ms(0)

    async def _pause(self):
        if ticks_diff(ticks_ms(), self._since) > self._limit:
            raise BrokerError(_SILENT, self.host)
        await sleep_ms(_TURN_MS)

    # --- in

    async def _receive(self):
        """Fill the buffer anew; False at the end of the connection."""
        read = connect.reader(self._socket)
        while True:
            count = tcp.now(read, self._rx)
            if count is not None:
                self._from, self._to = 0, count
                return count > 0
            await self._pause()

    async def line(self):
        """The next line without its end, LINE_MOST bytes of it. All lines since flush() have `limit_ms` together."""
        line = b""
        while True:
            if ticks_diff(ticks_ms(), self._since) > self._limit:
                raise BrokerError(_SILENT, self.host)  # drop by drop, too
            if self._from >= self._to and not await self._receive():
                raise BrokerError(_HUNG_UP, self.host)
            end = self._rx.find(b"\n", self._from, self._to)
            stop = self._to if end < 0 else end + 1
            if len(line) < LINE_MOST:
                line += bytes(self._view[self._from : stop])
            self._from = stop
            if end >= 0:
                return line[:LINE_MOST].strip()

    async def skip(self, count):
        """Read past so many bytes; they have as long as the lines have."""
        while count:
            if ticks_diff(ticks_ms(), self._since) > self._limit:
                raise BrokerError(_SILENT, self.host)
            if self._from >= self._to and not await self._receive():
                raise BrokerError(_HUNG_UP, self.host)
            step = min(count, self._to - self._from)
            self._from += step
            count -= step
