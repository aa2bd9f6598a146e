"""AT commands over any stream, and unsolicited lines at any moment.

The stream is UART-like and never waits: `any()`, `readinto(buf, count)` and `write(buf)` return a count, 0 or None.
Nobody else may read it while the channel is attached. Echo may be on or off, noise between lines is thrown away
(3GPP TS 27.007, ITU-T V.250). What listens stays in memory; what asks is exchange.py.
"""

import asyncio

from firmware.core import overlay
from firmware.core.compat import take

_LINE = const(400)  # longer lines lose their end
_DEADLINE_MS = const(5000)


class AtChannel:
    """One place where the modem takes commands: the UART, or a CMUX channel."""

    def __init__(self, stream=None):
        self.stream = stream
        self.rest = b""  # what came behind CONNECT: the first bytes of PPP
        self._handlers = []
        self._buf = bytearray(64)
        self._line = bytearray(_LINE)
        self.fill = 0
        self.lock = asyncio.Lock()
        self.asked = None  # the command under way (exchange.Asked)
        self.owed = False  # answers may come that nobody waits for any more

    def on(self, prefix, handler):
        """Call `handler(line)` for each unsolicited line that starts with `prefix`."""
        self._handlers.append((prefix, handler))

    def attach(self, stream):
        """Read from `stream` from now on; None: leave the line to others (data mode)."""
        self.stream = stream
        self.fill = 0

    def poll(self):
        """Take what has arrived; returns whether anything had. Called every turn while nothing is asked."""
        stream = self.stream
        got = False
        for _ in range(0 if stream is None else 16):
            count = take(stream, self._buf)
            if not count:
                break
            got = True
            if self._feed(count):
                break
        return got

    def _feed(self, count):
        """Split `count` bytes into lines; True when a CONNECT has ended command mode."""
        buf, line, asked = self._buf, self._line, self.asked
        for at in range(count):
            byte = buf[at]
            if byte == 13 or byte == 10:
                if self.fill:
                    text = str(line[: self.fill], "ascii")
                    self.fill = 0
                    if not asked:
                        self.told(text)
                    elif asked.take(self, text):
                        self.rest = bytes(buf[at + 1 : count]).lstrip(b"\r\n")
                        return True
            elif 32 <= byte < 127:
                if self.fill < _LINE:
                    line[self.fill] = byte
                    self.fill += 1
                if byte == 32 and self.fill == 2 and line[0] == 62:
                    self.fill = 0
                    if asked:
                        asked.prompt = True
        return False

    def told(self, text, but=None):
        """An unsolicited line; whether somebody wanted it. `but`: what begins so is none."""
        for prefix, handler in self._handlers:
            if prefix != but and text.startswith(prefix):
                handler(text)
                return True
        return False

    def command(self, line, deadline_ms=_DEADLINE_MS, tries=1, dial=False, text=None):
        """To be awaited: send `line`, return the lines of the answer without the final OK.

        `dial`: CONNECT and NO CARRIER end it too; the final line is the last one returned. `text`: sent after the
        prompt, then Ctrl-Z (SMS). Raises CommandError when the modem refuses, NoAnswer at the deadline of the last of
        `tries` attempts (exchange.py).
        """
        with overlay.use("ask"):
            from firmware.net.modem import exchange

            return exchange.command(self, line, deadline_ms, tries, dial, text)
