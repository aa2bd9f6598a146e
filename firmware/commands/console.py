"""The local console: AT lines typed by a person, with echo, backspace and Ctrl-C; answers as a modem gives them."""

from firmware.commands.processor import LONGEST, Channel
from firmware.port import const, sleep_ms

# Silence after which whoever was logged in is no longer, and settings that were being typed are dropped.
_AWAY_MS = const(600000)
_BACKSPACE = (8, 127)
_CANCEL = (3, 21)  # Ctrl-C, Ctrl-U
_MARKS = b",="  # what comes before a value
_CR, _LF = const(13), const(10)
# The restart a command asked for waits until its answer has left the port.
_DRAIN_MS = const(200)


class Console:
    """A service over a Port. A line beyond 512 characters is refused as a whole."""

    def __init__(self, port, processor, echo=True):
        self._port = port
        self._processor = processor
        self._echo = echo
        # What was typed stands on the screen already: answers do not begin with it.
        self._channel = Channel("console", "console.commands", False, login=True)
        self._buf = bytearray(64)
        self._line = bytearray()
        self._hidden = -1  # where in the line a secret begins that is typed right now
        self._last = 0
        self._out = bytearray()

    async def run(self):
        self._processor.release()
        while True:
            count = await self._port.readinto(self._buf, _AWAY_MS)
            if not count:
                self._channel.known = False
                self._channel.text = None
            for i in range(count):
                await self._byte(self._buf[i])
            await self._flush()

    async def _byte(self, byte):
        last, self._last = self._last, byte
        if byte in (_CR, _LF):
            # CR LF is one end of line.
            if not (byte == _LF and last == _CR):
                await self._enter()
        elif byte in _CANCEL:
            self._channel.text = None
            self._clear()
            self._show(b"\r\n")
        elif byte in _BACKSPACE:
            if self._line:
                self._line = self._line[:-1]
                if len(self._line) <= self._hidden:
                    self._hidden = -1
                self._show(b"\b \b")
        elif byte >= 32 and len(self._line) <= LONGEST:
            self._line.append(byte)
            self._show(b"*" if 0 <= self._hidden < len(self._line) else bytes((byte,)))
            if byte in _MARKS and self._hidden < 0:
                self._hidden = self._secret_at()

    def _secret_at(self):
        """Where the secret begins, once a line has come so far that the next character belongs to one; else -1."""
        from firmware.commands import parser

        text = decode(self._line)
        at = parser.private_at(text + "x", self._processor.device.config)
        self._processor.release()
        return at if at <= len(text) else -1

    def _clear(self):
        self._line = bytearray()
        self._hidden = -1

    async def _enter(self):
        line = self._line
        self._clear()
        self._show(b"\r\n")
        await self._flush()
        if not line.strip() and self._channel.text is None:
            return
        text = decode(line)
        upper = text.strip().upper()
        after = await self._processor.execute(text, self._channel, self._send)
        # ATE is about what is typed here, not about the answers.
        self._channel.echo = False
        if upper in ("ATE", "ATE0", "ATE1"):
            self._echo = upper == "ATE1"
        if after:
            await sleep_ms(_DRAIN_MS)
            after()

    def _show(self, data):
        if self._echo:
            self._out += data

    async def _flush(self):
        if self._out:
            out, self._out = self._out, bytearray()
            await self._send(out)

    async def _send(self, data):
        try:
            await self._port.send(data)
        except OSError:
            return  # nobody listens; the command is carried out all the same


def decode(raw):
    """Bytes of a channel as text; what is no UTF-8 becomes question marks."""
    try:
        return bytes(raw).decode()
    except ValueError:
        return "".join(chr(b) if 32 <= b < 127 or b in (_CR, _LF) else "?" for b in bytes(raw))
