"""The local console: AT lines typed by a person. What that takes (line_editor.py) is there while somebody types."""

from firmware.commands.dispatcher import Channel
from firmware.core import overlay
from firmware.core.compat import sleep_ms

# Silence after which whoever was logged in is no longer, and settings that were being typed are dropped.
_AWAY_MS = const(600000)
_TRIES = const(100)
_WAIT_MS = const(200)


class Console:
    """A service over a Port. A line beyond 512 characters is refused as a whole."""

    def __init__(self, port, processor, echo=True):
        self.port = port
        self.processor = processor
        self.echo = echo
        # What was typed stands on the screen already: answers do not begin with it.
        self.channel = Channel("console", "console.commands", False, person=True)
        self.last = 0  # byte that was typed
        self._buf = bytearray(64)
        self._kept = bytearray(64)  # of a line for which there is no room
        self._count = 0

    async def run(self):
        self.processor.release()
        self._count = 0
        line = None
        while True:
            count = await self.port.readinto(self._buf, _AWAY_MS)
            if count:
                if line is None:
                    with overlay.attempt:
                        line = await self._begin()
                if line is None:
                    self._overhear(count)
                    continue
                await line.take(memoryview(self._buf)[:count])
            else:
                self.channel.known = False
                self.channel.text = None
            if not count or not line.text:
                line = None

    def _overhear(self, count):
        """No room for a line that is typed: nothing is understood but a REBOOT."""
        for at in range(count):
            byte = self._buf[at]
            if byte in b"\r\n":
                after = self.processor.rescue(self._kept, self._count, self.channel)
                self._count = 0
                if after:
                    after()
            elif self._count < len(self._kept):
                self._kept[self._count] = byte
                self._count += 1

    async def _begin(self):
        """A new line; what was typed waits until there is room for it. None after 20 s."""
        for _ in range(_TRIES):
            with overlay.attempt, overlay.use("typing"):
                from firmware.commands.channels.line_editor import Line

                return Line(self)
            await sleep_ms(_WAIT_MS)
        return None
