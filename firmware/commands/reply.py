"""What a command answers: its errors, and answers that have to be in one piece. Loaded while a command runs."""


# Bytes one answer may have where it has to be in one piece (an MQTT message).
MOST_BYTES = const(20480)
# A chunk of small pieces.
_CHUNK = const(256)


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
        """A record of a firmware.meters.meter.Result, to be read when the answer is taken."""
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
