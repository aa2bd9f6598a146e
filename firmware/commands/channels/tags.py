"""Commands inside a serial stream: `<mtxtunnel>AT</mtxtunnel>`, the answer inside the same tags.

The scanner takes arbitrary pieces and holds at most one command; everything outside of tags is nobody's.
`<mtxtunnelr>` is the form for the far side of a serial gateway (TITAN reference 2.2).
"""

from firmware.commands.dispatcher import LONGEST, Channel, decode
from firmware.core.compat import sleep_ms

_NAME = const(b"mtxtunnel")
_AWAY_MS = const(10000)
_DRAIN_MS = const(200)


class Scanner:
    """`feed(data)` yields (tag as it was written, command bytes) of each complete pair.

    A command that is too long comes as None. What lies between two tags may have any bytes.
    """

    def __init__(self):
        self.reset()

    def reset(self):
        """Forget what has begun."""
        self._tag = bytearray()  # the tag that is coming in, from its <
        self._open = None  # the tag whose command is coming in
        self._held = bytearray()
        self._long = False

    def feed(self, data):
        for byte in bytes(data):
            tag = self._tag
            if byte == 60:
                self._hold(tag)
                self._tag = bytearray(b"<")
            elif not tag:
                self._hold((byte,))
            else:
                tag.append(byte)
                if byte == 62 or len(tag) > len(_NAME) + 3:
                    self._tag = bytearray()
                    found = self._ended(bytes(tag))
                    if found:
                        yield found

    def _hold(self, data):
        if self._open is None or self._long:
            return
        if len(self._held) + len(data) > LONGEST + 2:
            self._long = True
        else:
            self._held += bytes(data)

    def _ended(self, tag):
        """A tag is complete (or is none): open, close, or go on."""
        name = tag[1:-1].lower()
        if name in (_NAME, _NAME + b"r"):
            # An open tag within an open tag: the first one was never closed.
            self.reset()
            self._open = tag[1:-1]
        elif self._open is not None and name == b"/" + self._open.lower():
            found = (self._open, None if self._long else bytes(self._held))
            self.reset()
            return found
        else:
            self._hold(tag)
        return None


class Tagged:
    """A service over a Port that nothing else reads. `number`: which port; `local`, `remote`: which tags it obeys."""

    def __init__(self, port, processor, number=1, local=True, remote=False):
        self.name = "port %d" % number
        self.port = port
        self._processor = processor
        self._channel = Channel("serial", "port.%d.commands" % number)
        self._channel.source = self.name
        self._names = (_NAME if local else b"", _NAME + b"r" if remote else b"")
        self._scanner = Scanner()
        self._buf = bytearray(64)

    async def run(self):
        while True:
            count = await self.port.readinto(self._buf, _AWAY_MS)
            if not count:
                self._scanner.reset()
            for tag, command in self._scanner.feed(memoryview(self._buf)[:count]):
                if tag.lower() in self._names:
                    await self._answer(tag, command)

    async def _answer(self, tag, command):
        channel = self._channel
        # A command that was too long is refused as such by its length.
        text = decode(command) if command is not None else "AT" + " " * LONGEST + "..."
        await self._send(b"<" + tag + b">")
        after = await self._processor.execute(text, channel, self._send)
        channel.text = None
        await self._send(b"</" + tag + b">")
        if after:
            await sleep_ms(_DRAIN_MS)
            after()

    async def _send(self, data):
        try:
            await self.port.send(data)
        except OSError:
            return  # nobody takes the answer; the command was carried out all the same
