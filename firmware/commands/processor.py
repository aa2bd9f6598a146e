"""What every channel hands its lines to, and what a channel is.

The code that carries commands out is loaded while one runs: commands are rare and RAM is not. `device` offers what
they need:

- `config` (firmware.config.Config), `ring` (the log), `clock`, `name`, `version`, `imei`;
- `change(values)`: take, keep and use settings, all or none; ConfigError, OSError;
- `lines`: each with `name` ("port 1"), `meters` (each with `ident` and `results`, `pending`: kind -> Result),
  `ask(meter, kind, args) -> Result` (ValueError: too many waiting), and `port` (a Port);
- `status() -> dict`; `restart(reason)`; `sync()`: ask for the time soon;
- `room` (firmware.room.Room): whose turn it is to fill the heap;
- `modem`: None or something with `await command(line, ms) -> lines`, the final one included.
"""

import gc
import sys

from firmware.port import const, unload

# Letters of one line; what is longer is refused as a whole.
LONGEST = const(512)
# Bytes one answer may have where it has to be in one piece (an MQTT message).
MOST_BYTES = const(20480)
# A chunk of small pieces.
_CHUNK = const(256)
_PACKAGE = "firmware.commands."
_RESIDENT = ("processor", "console", "remote", "tags")


class CommandError(Exception):
    """A command was refused: what a line `+MTXERR: code,"text"` says.

    1: the line is not a command, or its arguments are not those wanted
    2: there is no such command
    3: not allowed on this channel, or not logged in
    4: a value is refused
    5: there is no such meter
    6: nothing was read yet, or the meter has nothing
    7: busy: being read, or too much waits
    8: failed: the meter, the modem or the flash
    9: no modem is attached
    10: the line or the answer is too long
    11: not enough memory
    """

    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


def clean(text):
    """`text` in printable ASCII."""
    return "".join(c if 32 <= ord(c) < 127 else "?" for c in text)


class TooLong(ValueError):
    """The answer does not fit into one message."""


class Channel:
    """One way commands come in.

    `name`: mqtt, console, serial or sms; `whitelist`: the setting that says what it may; `echo`: answers begin with
    the command; `login`: the channel asks for the password (device.password) where one is set.
    """

    def __init__(self, name, whitelist, echo=True, login=False):
        self.name = name
        self.whitelist = whitelist
        self.echo = echo
        self.login = login
        self.known = False  # who is there has logged in
        self.wrong = 0  # passwords in a row
        self.text = None  # settings that are being typed (SAVECONFIG,TEXT)


class Collector:
    """Takes an answer that has to be in one piece. `await write(bytes)` raises TooLong beyond `most` bytes."""

    def __init__(self, most=MOST_BYTES):
        self._most = most
        self.clear()

    def clear(self):
        self._pieces = []
        self.size = 0

    def _grow(self, count):
        self.size += count
        if self.size > self._most:
            raise TooLong("the answer is longer than %d bytes; ask for less" % self._most)

    async def write(self, data):
        self._grow(len(data))
        # Small pieces are gathered into chunks.
        last = self._pieces[-1] if self._pieces else None
        if not isinstance(last, bytearray) or len(last) + len(data) > _CHUNK:
            last = bytearray()
            self._pieces.append(last)
        last.extend(data)

    def later(self, result, number):
        """A record of a firmware.meter.Result, to be read when the answer is taken."""
        self._grow(result.sizes[number])
        self._pieces.append((result, number))

    def take(self):
        """The answer as a bytearray, in the one allocation it needs. OSError: a record can't be read."""
        whole = bytearray(self.size)
        view = memoryview(whole)
        at = 0
        for piece in self._pieces:
            if isinstance(piece, tuple):
                result, number = piece
                end = at + result.sizes[number]
                result.read_into(number, view[at:end])
            else:
                end = at + len(piece)
                view[at:end] = piece
            at = end
        self.clear()
        return whole


class Processor:
    def __init__(self, device):
        self.device = device
        self.executed = self.failed = 0
        self._running = 0

    async def execute(self, text, channel, write, collector=None):
        """Carry out every line of `text` (str) in order; each gets an answer through `await write(bytes)`.

        `collector`: where `write` belongs to one, so that an answer that gets too long can be taken back. Returns
        None, or a function to call when the answer is out (a restart). Raises nothing a command could cause.
        """
        room = self.device.room
        await room.enter_command()
        self._running += 1
        try:
            runner = __import__("firmware.commands.runner", None, None, ("execute",))
            return await runner.execute(self, text, channel, write, collector)
        except MemoryError:
            # Not even the code that says so fits: free what there is, and give the answer every line gets.
            self.failed += 1
            if collector:
                collector.clear()
            await write(b"\r\nERROR\r\n")
            return None
        finally:
            self._running -= 1
            self.release()
            room.leave_command()

    def release(self):
        """Give back the memory commands and settings were looked up in."""
        if not self._running:
            for name in list(sys.modules):
                if name.startswith(_PACKAGE) and name[len(_PACKAGE) :] not in _RESIDENT:
                    unload(name)
            self.device.config.release()
            gc.collect()

    async def answer(self, line, name):
        """The answer to one line as text, for channels that have no session: SMS. At most 600 characters."""
        collector = Collector(600)
        channel = Channel(name, name + ".commands", False)
        after = await self.execute(line, channel, collector.write, collector)
        if after:
            after()
        return collector.take().decode().strip()
