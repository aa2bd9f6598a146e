"""Fetches a file over HTTP/1.1, with TLS or without, onto the flash; goes on where it stopped after a drop
(RFC 9110, 14).

The server may be anybody's. Whatever it says costs no more than `size` bytes of flash, once that is known, and ends by
a deadline: that of one answer here, that of the whole order in waiting.Pace.
"""

import os
import random

from firmware.core import log
from firmware.core.compat import sleep_ms
from firmware.core.errors import BrokerError
from firmware.core.flash_gate import silence
from firmware.net import http
from firmware.net.url import DownloadError, split
from firmware.net.wire import Wire
from firmware.update import slots
from firmware.update.source import GiveWay
from firmware.update.waiting import Pace

_SILENCE_MS = const(30000)
# Bytes between two commits to flash: what a reset during the download costs at most.
_COMMIT = const(16384)
_STEP_MS = const(200)
_TAG_MOST = const(128)
# Errors (core/errors.py) of the other end that another try may mend; with the others who is there is not believed.
_PASSING = const((308, 309, 317, 331, 332, 349, 354))
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
        self._wire = Wire(sockets, feed or (lambda: None), _SILENCE_MS, gate)
        self._wire.look = self._look
        self.gate = gate
        self._backoff = backoff_s
        self._trust = trust
        self.give_way = lambda: False  # asked now and then; true ends fetch() with GiveWay
        self.hurry = None  # the same, but whatever the connection has brought so far
        self.pace = Pace()
        self.problem = ""
        self._keep_until = 0  # bytes before which nobody is made way for
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
                if isinstance(error, BrokerError) and error.args[0] not in _PASSING:
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
        self._wire.close()

    async def _once(self, upto):
        wire = self._wire
        if self._secure:
            self._keep_until = self.got + _WORTH
        await wire.open(self.host, self.port, self._secure, self._trust)
        await wire.put("GET " + self.resource + http.asked(self.host, self.port, self._secure))
        if self.got or upto is not None:
            await wire.put("Range: bytes=%d-%s\r\n" % (self.got, "" if upto is None else upto - 1))
        if self.got and self._tag:
            await wire.put("If-Range: %s\r\n" % self._tag)
        await wire.put("Connection: close\r\n\r\n")
        await wire.flush()
        code, fields = await http.head(wire)
        if code // 100 == 3:
            # Not followed: whoever gives the order says from where.
            place = http.text(fields.get(b"location", b"another address"))
            raise DownloadError("the server answers %d: order it from %s" % (code, place))
        if code not in (200, 206):
            if code == 416:
                self._anew("what was fetched does not fit the file any more")
            if code < 500:
                raise DownloadError("%s answers %d for that address" % (self.host, code))
            raise _Drop("the server answers %d" % code)
        await self._take(code, fields, upto)
        if not self._done(upto):
            raise _Drop("the server sent less than was asked for")

    def _anew(self, why):
        """What was fetched does not belong to what the server has now."""
        if self.got:
            self.discard()
            if self.pace.again():
                raise DownloadError("gave up: the server began the file anew %d times" % self.pace.anew)
        if why:
            raise _Drop(why)

    async def _take(self, code, fields, upto):
        first = whole = 0
        try:
            length = fields.get(b"content-length")
            if length is not None:
                length = http.number(length)
            if code == 206:
                first, whole, length = _range(fields.get(b"content-range", b""), length)
        except ValueError:
            raise DownloadError("%s tells a length that is none" % self.host) from None
        tag = fields.get(b"etag") or fields.get(b"last-modified", b"")
        tag = http.text(tag) if len(tag) <= _TAG_MOST and not tag.startswith(b"W/") else ""
        if code == 200:
            # No ranges there, or the file is another one now: from the start.
            self._anew("")
        elif first != self.got:
            self._anew("the server sent another part than asked for")
        elif self.got and self._tag and tag and tag != self._tag:
            self._anew("the server has another file now")
        if not length or b"transfer-encoding" in fields:
            raise DownloadError("the file is empty, or the server does not tell its length")
        self.total = whole if code == 206 else length
        if self.size and self.total and self.total != self.size:
            self.discard()
            raise DownloadError("the server has another file now, of %d bytes: order it again" % self.total)
        if not self.got:
            self._tag = tag
            slots.write_text(self.path + ".tag", self.url + "\n" + self._tag)
        # A server without ranges sends all of it, which may be more than there is room for.
        most = self.size if upto is None else upto
        await self._body(min(length, most - self.got) if most else length)

    async def _body(self, left):
        held = 0
        with open(self.path, "ab") as file:
            while left:
                piece = await self._wire.piece(left)
                await silence(self)
                file.write(piece)
                count = len(piece)
                self.got += count
                left -= count
                held += count
                if held >= _COMMIT:
                    file.flush()
                    held = 0


def _range(raw, length):
    """(first byte, size of the file or 0, bytes) that `bytes first-last/whole` tells (RFC 9110, 14.4); ValueError."""
    unit, _, rest = raw.partition(b" ")
    part, _, whole = rest.partition(b"/")
    first, _, last = part.partition(b"-")
    first, last = http.number(first), http.number(last)
    whole = 0 if whole == b"*" else http.number(whole)
    count = last + 1 - first
    if unit.lower() != b"bytes" or count < 1 or (whole and last >= whole) or length not in (None, count):
        raise ValueError
    return first, whole, count
