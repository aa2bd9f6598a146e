"""A line that is being typed at the console: echo, backspace, Ctrl-C, hidden secrets; answers as of a modem."""

from firmware.commands.dispatcher import LONGEST, decode
from firmware.commands.private import private_at
from firmware.core import overlay
from firmware.core.compat import sleep_ms

_BACKSPACE = const((8, 127))
_CANCEL = const((3, 21))  # Ctrl-C, Ctrl-U
_MARKS = const(b",=")  # what comes before a value
_CR = const(13)
_LF = const(10)
# The restart a command asked for waits until its answer has left the port.
_DRAIN_MS = const(200)


class Line:
    """What is typed at `console` (console.Console)."""

    def __init__(self, console):
        self._console = console
        self.text = bytearray()
        self._hidden = -1  # where in the line a secret begins that is typed right now
        self._out = bytearray()

    async def take(self, data):
        for byte in data:
            await self._byte(byte)
        await self._flush()

    async def _byte(self, byte):
        last, self._console.last = self._console.last, byte
        if byte in (_CR, _LF):
            # CR LF is one end of line.
            if not (byte == _LF and last == _CR):
                await self._enter()
        elif byte in _CANCEL:
            self._console.channel.text = None
            self._clear()
            self._show(b"\r\n")
        elif byte in _BACKSPACE:
            if self.text:
                self.text = self.text[:-1]
                if len(self.text) <= self._hidden:
                    self._hidden = -1
                self._show(b"\b \b")
        elif byte >= 32 and len(self.text) <= LONGEST:
            self.text.append(byte)
            self._show(b"*" if 0 <= self._hidden < len(self.text) else bytes((byte,)))
            if byte in _MARKS and self._hidden < 0:
                self._hidden = self._secret_at()

    def _secret_at(self):
        """Where the secret begins, once a line has come so far that the next character belongs to one; else -1."""
        text = decode(self.text)
        before = self._before(text)
        at = len(text)  # where there is no room to look a setting up, it is hidden
        with overlay.attempt:
            at = private_at(before + text + "x", self._console.processor.device.config) - len(before)
        self._console.processor.release()
        return at if at <= len(text) else -1

    def _before(self, text):
        """What a person may leave out: what each command begins with."""
        if self._console.channel.text is not None or text.strip()[:2].upper() == "AT":
            return ""
        return "AT^MTXTUNNEL="

    def _clear(self):
        self.text = bytearray()
        self._hidden = -1

    async def _enter(self):
        line = self.text
        self._clear()
        self._show(b"\r\n")
        await self._flush()
        if not line.strip() and self._console.channel.text is None:
            return
        text = decode(line)
        upper = text.strip().upper()
        text = self._before(text) + ("HELP" if upper == "?" else text)
        after = await self._console.processor.execute(text, self._console.channel, self._send)
        # ATE is about what is typed here, not about the answers.
        self._console.channel.echo = False
        if upper in ("ATE", "ATE0", "ATE1"):
            self._console.echo = upper == "ATE1"
        if after:
            await sleep_ms(_DRAIN_MS)
            after()

    def _show(self, data):
        if self._console.echo:
            self._out += data

    async def _flush(self):
        if self._out:
            out, self._out = self._out, bytearray()
            await self._send(out)

    async def _send(self, data):
        try:
            await self._console.port.send(data)
        except OSError:
            return  # nobody listens; the command is carried out all the same
