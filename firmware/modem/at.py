"""AT commands over any stream: a command, its lines, its end; unsolicited messages at any moment.

The stream is UART-like and never waits: `readinto(buf)` and `write(buf)` return a count, 0 or
None. Nobody else may read it while the channel is attached. Echo may be on or off, noise between
lines is thrown away (3GPP TS 27.007, ITU-T V.250). What listens stays in memory; what asks is exchange.py.
"""

import asyncio

from firmware.core import overlay
from firmware.core.errors import ModemError
from firmware.port import const, take, ticks_ms

_LINE = const(400)  # longer lines lose their end
_LINES = const(64)  # longer answers too
_DEADLINE_MS = const(5000)
_GOOD = ("OK",)
_BAD = ("ERROR", "ABORTED")
_NO_CALL = ("NO CARRIER", "BUSY", "NO ANSWER", "NO DIALTONE", "NO DIAL TONE")


class NoAnswer(ModemError):
    """The command had no end within its deadline (codes 212 to 217, 238, 239)."""


class CommandError(ModemError):
    """The modem refused. `number` is that of +CME/+CMS ERROR or None, `lines` what came before."""

    code = 219

    def __init__(self, command, final, lines=()):
        super().__init__()
        self.number = None
        self.lines = lines
        # What comes after the = may be a PIN or a password: it is not for the log.
        self._name = command.split("=")[0]
        self._kind, colon, number = final.partition(": ")
        self._final = number if colon else final
        if colon and number.isdigit():
            self.number = int(number)

    def why(self):
        return (self.code, self._name, self._kind, int(self._final) if self._final.isdigit() else self._final)


class AtChannel:
    """One place where the modem takes commands: the UART, or a CMUX channel."""

    def __init__(self, stream=None):
        self.stream = stream
        self.rest = b""  # what came behind CONNECT: the first bytes of PPP
        self.last_rx = ticks_ms()
        self._handlers = []
        self._buf = bytearray(64)
        self._line = bytearray(_LINE)
        self.fill = 0
        self.lock = asyncio.Lock()
        # Of the command under way (exchange.py), and what has come of its answer.
        self.sent = None
        self.prefix = ""
        self.dialling = False
        self.lines = []
        self.final = None
        self.prompt = False

    def on(self, prefix, handler):
        """Call `handler(line)` for each unsolicited line that starts with `prefix`."""
        self._handlers.append((prefix, handler))

    def attach(self, stream):
        """Read from `stream` from now on; None: leave the line to others (data mode)."""
        self.stream = stream
        self.fill = 0

    def poll(self):
        """Take what has arrived; returns whether anything had. Called every turn while nothing is
        asked.
        """
        stream = self.stream
        if stream is None:
            return False
        got = False
        for _ in range(16):
            count = take(stream, self._buf)
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
                if self.fill:
                    text = str(line[: self.fill], "ascii")
                    self.fill = 0
                    if self._take(text):
                        self.rest = bytes(buf[at + 1 : count]).lstrip(b"\r\n")
                        return True
            elif 32 <= byte < 127:
                if self.fill < _LINE:
                    line[self.fill] = byte
                    self.fill += 1
                if byte == 32 and self.fill == 2 and line[0] == 62:
                    self.prompt = True
                    self.fill = 0
        return False

    def _take(self, text):
        """One line: part of the answer, its end, or unsolicited. True for CONNECT."""
        sent = self.sent
        if sent is not None and self.final is None:
            if text == sent or text.endswith(sent):
                return False  # the echo
            if text in _GOOD or text in _BAD or text.startswith(("+CME ERROR", "+CMS ERROR")):
                self.final = text
                return False
            if self.dialling and (text in _NO_CALL or text.startswith("CONNECT")):
                self.final = text
                return text.startswith("CONNECT")
        for prefix, handler in self._handlers:
            if text.startswith(prefix) and (sent is None or prefix != self.prefix):
                handler(text)
                return False
        if sent is not None and len(self.lines) < _LINES:
            self.lines.append(text)
        return False

    def begin(self, line, prefix, dial):
        """From now on lines are the answer to `line`; for exchange.py."""
        self.fill = 0
        self.prompt = False
        self.prefix = prefix
        self.dialling = dial
        self.lines = []
        self.final = None
        self.sent = line

    def end(self):
        """(lines of the answer, its final one)."""
        lines, self.lines = self.lines, []
        return lines, self.final

    def command(self, line, deadline_ms=_DEADLINE_MS, tries=1, dial=False, text=None):
        """To be awaited: send `line`, return the lines of the answer without the final OK.

        `dial`: CONNECT and NO CARRIER end it too; the final line is the last one returned. `text`:
        sent after the prompt, then Ctrl-Z (SMS). Raises CommandError when the modem refuses,
        NoAnswer at the deadline of the last of `tries` attempts.
        """
        with overlay.use("ask"):
            from firmware.modem import exchange

            return exchange.command(self, line, deadline_ms, tries, dial, text)

    def raw(self, data):
        """To be awaited: send bytes that are no command (`+++`, a CMUX frame); their answer is not waited for."""
        with overlay.use("ask"):
            from firmware.modem import exchange

            return exchange.raw(self, data)
