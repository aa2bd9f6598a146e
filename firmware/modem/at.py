"""AT commands over any stream: a command, its lines, its end; unsolicited messages at any moment.

The stream is UART-like and never waits: `readinto(buf)` and `write(buf)` return a count, 0 or
None. Nobody else may read it while the channel is attached. Echo may be on or off, noise between
lines is thrown away (3GPP TS 27.007, ITU-T V.250).
"""

import asyncio

from firmware.modem import lazy
from firmware.port import const, sleep_ms, ticks_add, ticks_diff, ticks_ms

_LINE = const(400)  # longer lines lose their end
_LINES = const(64)  # longer answers too
_TURN_MS = const(10)
_DEADLINE_MS = const(5000)
_GOOD = ("OK",)
_BAD = ("ERROR", "ABORTED")
_NO_CALL = ("NO CARRIER", "BUSY", "NO ANSWER", "NO DIALTONE", "NO DIAL TONE")


class ModemError(Exception):
    """Anything that goes wrong between us and the modem."""


class NoAnswer(ModemError):
    """The command had no end within its deadline."""


class CommandError(ModemError):
    """The modem refused. `code` is the +CME/+CMS code or None, `lines` what came before; str() says it in words."""

    def __init__(self, command, final, lines=()):
        self.code = None
        self.lines = lines
        # What comes after the = may be a PIN or a password: it is not for the log.
        name = command.split("=")[0]
        kind, colon, number = final.partition(": ")
        if colon and number.isdigit():
            self.code = int(number)
            final = lazy.use("errors").words(kind, self.code)
        elif colon:
            final = number
        super().__init__(name + ": " + final)


class AtChannel:
    """One place where the modem takes commands: the UART, or a CMUX channel."""

    def __init__(self, stream=None):
        self.stream = stream
        self.rest = b""  # what came behind CONNECT: the first bytes of PPP
        self.last_rx = ticks_ms()
        self._handlers = []
        self._buf = bytearray(64)
        self._line = bytearray(_LINE)
        self._fill = 0
        self._lock = asyncio.Lock()
        self._sent = None
        self._prefix = ""
        self._dial = False
        self._lines = []
        self._final = None
        self._prompt = False

    def on(self, prefix, handler):
        """Call `handler(line)` for each unsolicited line that starts with `prefix`."""
        self._handlers.append((prefix, handler))

    def attach(self, stream):
        """Read from `stream` from now on; None: leave the line to others (data mode)."""
        self.stream = stream
        self._fill = 0

    def poll(self):
        """Take what has arrived; returns whether anything had. Called every turn while nothing is
        asked.
        """
        stream = self.stream
        if stream is None:
            return False
        got = False
        for _ in range(16):
            count = stream.readinto(self._buf)
            if not count:
                break
            got = True
            if self._feed(count):
                break
        if got:
            self.last_rx = ticks_ms()
        return got

    def _feed(self, count):
        """Split `count` bytes into lines; True when a CONNECT has ended command mode."""
        buf, line = self._buf, self._line
        for at in range(count):
            byte = buf[at]
            if byte == 13 or byte == 10:
                if self._fill:
                    text = str(line[: self._fill], "ascii")
                    self._fill = 0
                    if self._take(text):
                        self.rest = bytes(buf[at + 1 : count]).lstrip(b"\r\n")
                        return True
            elif 32 <= byte < 127:
                if self._fill < _LINE:
                    line[self._fill] = byte
                    self._fill += 1
                if byte == 32 and self._fill == 2 and line[0] == 62:
                    self._prompt = True
                    self._fill = 0
        return False

    def _take(self, text):
        """One line: part of the answer, its end, or unsolicited. True for CONNECT."""
        sent = self._sent
        if sent is not None and self._final is None:
            if text == sent or text.endswith(sent):
                return False  # the echo
            if text in _GOOD or text in _BAD or text.startswith(("+CME ERROR", "+CMS ERROR")):
                self._final = text
                return False
            if self._dial and (text in _NO_CALL or text.startswith("CONNECT")):
                self._final = text
                return text.startswith("CONNECT")
        for prefix, handler in self._handlers:
            if text.startswith(prefix) and (sent is None or prefix != self._prefix):
                handler(text)
                return False
        if sent is not None and len(self._lines) < _LINES:
            self._lines.append(text)
        return False

    async def command(self, line, deadline_ms=_DEADLINE_MS, tries=1, dial=False, text=None):
        """Send `line`, return the lines of the answer without the final OK.

        `dial`: CONNECT and NO CARRIER end it too; the final line is the last one returned. `text`:
        sent after the prompt, then Ctrl-Z (SMS). Raises CommandError when the modem refuses,
        NoAnswer at the deadline of the last of `tries` attempts.
        """
        async with self._lock:
            while True:
                tries -= 1
                try:
                    return await self._exchange(line, deadline_ms, dial, text)
                except NoAnswer:
                    if tries <= 0:
                        raise
                finally:
                    self._sent = None
                await self._settle()

    async def _exchange(self, line, deadline_ms, dial, text):
        end = ticks_add(ticks_ms(), deadline_ms)
        if self.stream is None:
            raise NoAnswer("modem in data mode")
        self.poll()
        self._fill = 0
        self._prompt = False
        self._prefix = _prefix(line)
        self._dial = dial
        self._lines = []
        self._final = None
        self._sent = line
        await self._send(line.encode() + b"\r", end)
        if text is not None:
            await self._until(lambda: self._prompt or self._final, end, line)
            if self._prompt:
                await self._send(text.encode() + b"\x1a", end)
        await self._until(lambda: self._final, end, line)
        lines, final = self._lines, self._final
        self._lines = []
        if dial:
            lines.append(final)
        elif final not in _GOOD:
            raise CommandError(line, final, lines)
        return lines

    async def _until(self, done, end, line):
        while True:
            self.poll()
            if done():
                return
            if ticks_diff(end, ticks_ms()) <= 0:
                raise NoAnswer("no answer to " + line.split("=")[0])
            await sleep_ms(_TURN_MS)

    async def _send(self, data, end):
        """All of `data`, as fast as the stream takes it."""
        view = memoryview(data)
        at = 0
        while at < len(data):
            at += self.stream.write(view[at:]) or 0
            if at < len(data):
                if ticks_diff(end, ticks_ms()) <= 0:
                    raise NoAnswer("the line takes nothing")
                await sleep_ms(_TURN_MS)
                if self.stream is None:
                    raise NoAnswer("modem in data mode")

    async def _settle(self, quiet_ms=100, limit_ms=1000):
        """Wait for silence, so that a late answer is not taken for the next one's."""
        start = ticks_ms()
        last = start
        while ticks_diff(ticks_ms(), last) < quiet_ms:
            if self.poll():
                last = ticks_ms()
            if ticks_diff(ticks_ms(), start) > limit_ms:
                return
            await sleep_ms(_TURN_MS)

    async def raw(self, data, deadline_ms=1000):
        """Send bytes that are no command (`+++`, a CMUX frame); their answer is not waited for."""
        async with self._lock:
            await self._send(data, ticks_add(ticks_ms(), deadline_ms))


def _prefix(line):
    """`+CREG` for `AT+CREG?`: lines that begin so belong to the answer."""
    end = 2
    while end < len(line) and line[end] not in "=?;":
        end += 1
    return line[2:end]
