"""Takes the page's connections and bounds what they cost: how many, how long, how many bytes.

microdot, which reads the requests, has no limits of its own. A browser opens up to six connections at a time, so each
ends with its answer, a few wait for their turn, and what is too much is closed at once.
"""

import asyncio

from firmware.core import log, overlay
from firmware.core.compat import monotonic_s, sleep_ms, ticks_diff, ticks_ms
from firmware.web.api import MOST_BODY, Api

MOST = const(3)  # connections at a time
_FIRST_S = const(3)  # a browser keeps connections ready that it may never use
_HEAD_S = const(10)  # from the first byte to the last of a request
_QUEUE = const(3)  # connections that wait for one of the others to end
_TURN_MS = const(5000)
_LOOK_MS = const(100)
_SECONDS = const(150)  # with the answer: a reading on demand takes two minutes
_HEAD = const(4096)
_PIECE = const(512)
_RETRY_MS = const(10000)
_RESET = const(104)
_LATER_MS = const(1000)


class Stream:
    """A connection with a limit of time and bytes, as microdot wants it. What is beyond ends it: OSError."""

    def __init__(self, reader, writer, peer):
        self._reader, self._writer, self._peer = reader, writer, peer
        self._until = monotonic_s() + _FIRST_S
        self._first = True
        self._left = _HEAD
        self._buffer = b""

    def get_extra_info(self, name):
        return self._peer

    async def _within(self, what, seconds):
        try:
            return await asyncio.wait_for(what, seconds)
        except asyncio.TimeoutError:
            raise OSError(_RESET) from None

    async def _fill(self):
        """Whether more has come. A stream's own readline() keeps whatever comes without an end."""
        left = self._until - monotonic_s()
        if left <= 0:
            raise OSError(_RESET)  # however often there was a byte
        piece = await self._within(self._reader.read(_PIECE), left)
        if self._first:
            self._first = False
            self._until += _HEAD_S
        self._left -= len(piece)
        if self._left < 0:
            raise OSError(_RESET)
        self._buffer += piece
        return bool(piece)

    async def readline(self):
        while b"\n" not in self._buffer and await self._fill():
            pass
        end = self._buffer.find(b"\n") + 1 or len(self._buffer)
        line, self._buffer = self._buffer[:end], self._buffer[end:]
        return line

    async def readexactly(self, count):
        if not 0 <= count <= MOST_BODY:
            raise OSError(_RESET)
        self._until += _HEAD_S
        self._left += count
        while len(self._buffer) < count:
            if not await self._fill():
                raise OSError(_RESET)
        data, self._buffer = self._buffer[:count], self._buffer[count:]
        return data

    async def awrite(self, data):
        self._writer.write(data)
        await self._within(self._writer.drain(), _HEAD_S)

    async def aclose(self):
        self._writer.close()
        await self._within(self._writer.wait_closed(), _HEAD_S)


class Page:
    """A service: `run()` serves the page as long as there is a way to it. `get`: Config.get; `place()`: (address,
    port) to listen on, None while there is none; `processor`: commands.dispatcher.Processor; `traces`: see Api."""

    def __init__(self, processor, get, place, traces):
        self._place = place
        self.open = 0
        self.refused = 0
        self._queue = 0
        self.api = Api(processor, lambda: get("page.password"), lambda: get("page.hosts").lower(), traces, _later)

    def forget(self):
        """The password has changed: who was in has to log in again."""
        self.api.logins.forget()

    def status(self):
        return {"open": self.open, "refused": self.refused, "wrong": self.api.logins.wrong}

    async def run(self):
        while True:
            place = self._place()
            if place is None:
                await sleep_ms(_RETRY_MS)
                continue
            try:
                server = await asyncio.start_server(self._serve, place[0], place[1], MOST)
            except OSError as error:
                log.warn("page", "port %d cannot be used: %s", place[1], error)
                await sleep_ms(_RETRY_MS)
                continue
            log.info("page", "http://%s:%d/", *place)
            try:
                while self._place() == place:
                    await sleep_ms(_RETRY_MS)
            finally:
                server.close()
                await server.wait_closed()

    async def _turn(self):
        """Whether one of those under way has ended soon enough."""
        if self._queue >= _QUEUE:
            return False
        self._queue += 1
        start = ticks_ms()
        while self.open >= MOST and ticks_diff(ticks_ms(), start) < _TURN_MS:
            await sleep_ms(_LOOK_MS)
        self._queue -= 1
        return self.open < MOST

    async def _serve(self, reader, writer):
        if self.open >= MOST and not await self._turn():
            self.refused += 1
            writer.close()
            await writer.wait_closed()
            return
        self.open += 1
        peer = reader.get_extra_info("peername")
        if not isinstance(peer, tuple):
            peer = (".".join([str(each) for each in peer[4:8]]), 0)  # the unix port gives a sockaddr_in
        stream = Stream(reader, writer, peer)
        try:
            with overlay.attempt:
                await asyncio.wait_for(self.api.app.handle_request(stream, stream), _SECONDS)
        except (OSError, asyncio.TimeoutError):
            pass  # the browser went away, or was too slow
        except Exception as error:  # whatever a request brings: the next one has its turn
            log.warn("page", "a request failed: %s: %s", type(error).__name__, error)
        finally:
            self.open -= 1
            try:
                writer.close()
                await writer.wait_closed()
            except OSError:
                pass


def _later(function):
    async def call():
        await sleep_ms(_LATER_MS)
        function()

    asyncio.create_task(call())
