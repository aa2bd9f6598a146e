"""Fetches a file over HTTP/1.1, with TLS or without, onto the flash; goes on where it stopped after a drop
(RFC 9110, 14).

The server may be anybody's. Whatever it says costs no more than `size` bytes of flash, once that is known, and ends by
a deadline: that of one answer here, that of the whole order in waiting.Pace.
"""

import os
import random

from firmware.core import log, overlay
from firmware.core.compat import sleep_ms, ticks_diff, ticks_ms
from firmware.core.errors import BrokerError
from firmware.net import connect, http, tcp
from firmware.net.url import DownloadError, split
from firmware.update import slots
from firmware.update.source import GiveWay
from firmware.update.waiting import Pace

_SILENCE_MS = const(30000)
_CONNECT_MS = const(20000)
_HANDSHAKE_MS = const(30000)
_TURN_MS = const(20)
_HEAD_MS = const(60000)  # from a request to the end of its answer's head
_BUFFER = const(1024)
# Bytes between two commits to flash: what a reset during the download costs at most.
_COMMIT = const(16384)
_STEP_MS = const(200)
_REFUSED = const(349)  # code of an error (core/errors.py)
_TRIES = const(8)  # in a row that gained next to nothing
_GAIN = const(256)
_BACKOFF_S = const(2)
_BACKOFF_MOST_S = const(120)
# Bytes a connection with TLS brings before it makes way: its handshake may take longer than the update's turn.
_WORTH = const(8192)


class _Drop(Exception):
    """The connection failed in a way that another try may mend."""


class Download:
    """One file. `path` is where it grows; beside it `path`.tag names URL and version of the
    content.

    `sockets` is the link's socket module; `feed` is called before a look-up that may block; `gate`
    (firmware.core.flash_gate.Gate) keeps flash writes away from a meter's answers; `trust`: whom TLS is to believe
    (security.trust.Trust; None: anybody). `problem` is what the last try ended with.
    """

    def __init__(self, url, path, sockets, feed=None, backoff_s=_BACKOFF_S, gate=None, trust=None):
        self.url = url
        self.path = path
        self.host, self.port, self.resource, self._secure = split(url)
        self._sockets = sockets
        self._feed = feed or (lambda: None)
        self._backoff = backoff_s
        self._gate = gate
        self._trust = trust
        self.give_way = lambda: False  # asked now and then; true ends fetch() with GiveWay
        self.hurry = None  # the same, but whatever the connection has brought so far
        self.pace = Pace()
        self.problem = ""
        self._socket = None
        self._keep_until = 0  # bytes before which nobody is made way for
        self._rx = bytearray(_BUFFER)
        self._view = memoryview(self._rx)
        self._from = self._to = 0
        self._head = 0  # bytes that the head of this answer may still have
        self._asked = 0  # ticks of the request
        self.size = 0  # what the whole file has to have, 0 while nobody knows
        self.total = 0  # what the server says it has, 0 while unknown
        self.got = self._size()
        known, _, self._tag = slots.read_text(path + ".tag", 2048).partition("\n")
        if self.got and known != url:
            self.discard()

    def _size(self):
        try:
            return os.stat(self.path)[6]
        except OSError:
            return 0

    def discard(self):
        """Throw away what was fetched."""
        slots.remove(self.path)
        slots.remove(self.path + ".tag")
        self.got = 0
        self._tag = ""

    def move(self, path, most):
        """Go on in the file `path`, which is not there yet, with the first `most` bytes of what was fetched. OSError.

        Not by a rename from folder to folder: a power cut in one makes littlefs hide the next file of the old folder,
        too, until something is written.
        """
        with open(self.path, "rb") as file:
            start = file.read(most)
        slots.write_text(path + ".tag", self.url + "\n" + self._tag)
        with open(path, "wb") as file:
            file.write(start)
        before, self.path, self.got = self.path, path, len(start)
        slots.remove(before)
        slots.remove(before + ".tag")

    async def fetch(self, upto=None):
        """Fetch until `upto` bytes (None: all) are on the flash; tries again after each drop.

        DownloadError; OSError of the flash.
        """
        tries = 0
        self.pace.begin()
        while not self._done(upto):
            before = self.got
            try:
                await self._once(upto)
            except (_Drop, OSError) as error:
                if isinstance(error, BrokerError) and error.args[0] != _REFUSED:
                    # Who is there is not believed: no other try would end better.
                    raise DownloadError(str(error)) from None
                tries = 0 if self.got >= before + _GAIN else tries + 1
                self.problem = "at %d bytes: %s" % (self.got, error)
                log.warn("update", "%s", self.problem)
                self._close()
                if tries >= _TRIES:
                    raise DownloadError("gave up at %d bytes: %s" % (self.got, error)) from None
                pause = min(self._backoff << tries, _BACKOFF_MOST_S) * 1000
                pause += random.getrandbits(10) if pause else 0
                while pause > 0:
                    self._look()
                    await sleep_ms(min(pause, _STEP_MS))
                    pause -= _STEP_MS
            finally:
                self._close()

    def _look(self):
        if self.pace.slow(self.got):
            raise DownloadError("gave up at %d bytes: the server is too slow" % self.got)
        if (self.hurry and self.hurry()) or (self.got >= self._keep_until and self.give_way()):
            raise GiveWay()

    def _done(self, upto):
        if self.total and self.got >= self.total:
            return True
        return upto is not None and self.got >= upto

    def _close(self):
        self._keep_until = 0
        tcp.close(self._socket)
        self._socket = None

    async def _once(self, upto):
        await self._connect()
        usual = self.port == (443 if self._secure else 80)
        lines = ["GET %s HTTP/1.1" % self.resource, "Host: " + self.host + ("" if usual else ":%d" % self.port)]
        lines += ["User-Agent: lector102", "Accept-Encoding: identity", "Connection: close"]
        if self.got or upto is not None:
            lines.append("Range: bytes=%d-%s" % (self.got, "" if upto is None else upto - 1))
        if self.got and self._tag:
            lines.append("If-Range: " + self._tag)
        await self._send(("\r\n".join(lines) + "\r\n\r\n").encode())
        self._asked = ticks_ms()
        self._head = http.HEAD_MOST
        await self._take(await http.read(self._line, self.host), upto)
        if not self._done(upto):
            raise _Drop("the server sent less than was asked for")

    async def _connect(self):
        self._feed()
        address = connect.look_up(self._sockets, self.host, self.port)
        self._feed()
        sock = self._socket = self._sockets.socket()
        self._from = self._to = 0
        if not await connect.connect(sock, address, _CONNECT_MS):
            raise _Drop("no connection to %s" % self.host)
        if self._secure:
            self._keep_until = self.got + _WORTH
            if self._trust:
                self._trust.ready()
            with overlay.use("tls"):
                from firmware.net import tls  # what goes without it has the room for a session

                self._socket = tls.Covered(sock, self.host, self._trust, self._feed)

    async def _pause(self, start, limit, what):
        if ticks_diff(ticks_ms(), start) > limit:
            raise _Drop(what)
        await sleep_ms(_TURN_MS)

    async def _send(self, data):
        start = ticks_ms()
        limit, what = _SILENCE_MS, "the server takes no request"
        if self._shaking:
            limit, what = _HANDSHAKE_MS, "TLS: %s does not end its handshake" % self.host
        while data:
            if self.hurry:
                self._look()
            if self._shaking and self._gate:
                await self._gate.wait()  # its arithmetic holds up the loop
            data = data[tcp.now(self._socket.send, data) or 0 :]
            if data:
                await self._pause(start, limit, what)

    @property
    def _shaking(self):
        """Whether the TLS handshake is not over."""
        return getattr(self._socket, "shaking", False)

    async def _receive(self):
        """Fill the buffer anew; False at the end of the connection."""
        start = ticks_ms()
        read = connect.reader(self._socket)
        while True:
            self._look()
            count = tcp.now(read, self._rx)
            if count is not None:
                self._from, self._to = 0, count
                await sleep_ms(0)
                return count > 0
            await self._pause(start, _SILENCE_MS, "silence from the server")

    async def _line(self):
        """The next line of the head, without its end and what is too long of it."""
        line = b""
        while True:
            if self._from >= self._to and not await self._receive():
                raise _Drop("the server ended the connection in its head")
            if ticks_diff(ticks_ms(), self._asked) > _HEAD_MS:
                raise _Drop("the head of the answer takes too long")
            end = self._rx.find(b"\n", self._from, self._to)
            stop = self._to if end < 0 else end + 1
            self._head -= stop - self._from
            if self._head < 0:
                raise DownloadError("%s: the head of the answer has no end" % self.host)
            if len(line) < http.LINE_MOST:
                line += bytes(self._view[self._from : stop])
            self._from = stop
            if end >= 0:
                return line[: http.LINE_MOST].strip()

    def _anew(self, why):
        """What was fetched does not belong to what the server has now."""
        if self.got:
            self.discard()
            if self.pace.again():
                raise DownloadError("gave up: the server began the file anew %d times" % self.pace.anew)
        if why:
            raise _Drop(why)

    async def _take(self, answer, upto):
        code, length = answer.code, answer.length
        if code == 206:
            if answer.first != self.got:
                self._anew("the server sent another part than asked for")
            if self.got and self._tag and answer.tag and answer.tag != self._tag:
                self._anew("the server has another file now")
        elif code == 200:
            # No ranges there, or the file is another one now: from the start.
            self._anew("")
        elif code == 416:
            self._anew("what was fetched does not fit the file any more")
        if code not in (200, 206):
            raise _Drop("the server answers %d" % code)
        if not length:
            raise DownloadError("the file is empty, or the server does not tell its length")
        self.total = answer.whole if code == 206 else length
        if self.size and self.total and self.total != self.size:
            self.discard()
            raise DownloadError("the server has another file now, of %d bytes: order it again" % self.total)
        if not self.got:
            self._tag = answer.tag
            slots.write_text(self.path + ".tag", self.url + "\n" + self._tag)
        # A server without ranges sends all of it, which may be more than there is room for.
        most = self.size if upto is None else upto
        await self._body(min(length, most - self.got) if most else length)

    async def _body(self, length):
        left = length
        held = 0
        with open(self.path, "ab") as file:
            while left:
                if self._from >= self._to and not await self._receive():
                    raise _Drop("the connection broke")
                count = min(self._to - self._from, left)
                if self._gate:
                    await self._gate.wait()
                file.write(self._view[self._from : self._from + count])
                self._from += count
                self.got += count
                left -= count
                held += count
                if held >= _COMMIT:
                    file.flush()
                    held = 0
