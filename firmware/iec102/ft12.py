"""FT1.2 frames (protocol reference 2.1): fixed `10 C A A CS 16`, variable `68 L L 68 C A A ASDU CS 16`."""

from firmware.iec102 import errors

_FIXED = const(0x10)
_VARIABLE = const(0x68)
_END = const(0x16)
_FIXED_LENGTH = const(6)
_OVERHEAD = const(6)  # bytes of a variable frame that L does not count
_LEAST_L = const(9)  # control, link address and an ASDU head
# Codes of errors (core/errors.py).
_WRONG_LINK = const(120)
_WRONG_SIZE = const(121)

ASDU_AT = const(7)  # where the ASDU stands in a variable frame
_LONGEST_ASDU = const(252)
LONGEST = const(261)
_SIZE = const(800)


def encode_fixed(buf, control, link):
    """Write a fixed frame to `buf`; returns its length, 6."""
    if not 0 <= link <= 0xFFFF:
        raise errors.FrameError(_WRONG_LINK, link)
    buf[0] = _FIXED
    buf[1] = control
    buf[2] = link & 0xFF
    buf[3] = link >> 8
    buf[4] = (control + buf[2] + buf[3]) & 0xFF
    buf[5] = _END
    return _FIXED_LENGTH


def encode_variable(buf, control, link, asdu_len):
    """Frame the `asdu_len` bytes that stand at `buf[ASDU_AT:]`; returns the length of the frame."""
    if not 0 <= link <= 0xFFFF:
        raise errors.FrameError(_WRONG_LINK, link)
    if not 6 <= asdu_len <= _LONGEST_ASDU:
        raise errors.FrameError(_WRONG_SIZE, asdu_len)
    length = asdu_len + 3
    buf[0] = buf[3] = _VARIABLE
    buf[1] = buf[2] = length
    buf[4] = control
    buf[5] = link & 0xFF
    buf[6] = link >> 8
    buf[length + 4] = sum(memoryview(buf)[4 : length + 4]) & 0xFF
    buf[length + 5] = _END
    return length + _OVERHEAD


class Parser:
    """Finds frames in a stream of arbitrary pieces.

    `feed(data, n)`, then `next()` until it returns False. After True: `control`, `link` and `asdu` (a memoryview
    valid until the next call, None for a fixed frame). A start byte that turns out not to begin a
    frame costs that one byte only, so a frame behind a false start is found. A false start may claim bytes
    that have not come yet: after a silence `flush()` gives those claims up.

    `dropped` counts bytes that belonged to no frame.
    """

    def __init__(self):
        self._buf = bytearray(_SIZE)
        self._view = memoryview(self._buf)
        self.reset()
        self.control = self.link = self.dropped = 0
        self.asdu = None

    @property
    def pending(self):
        """How many bytes wait for the rest of a frame."""
        return self._end - self._start

    def reset(self):
        """Forget what waits."""
        self._start = self._end = 0
        self._force = False
        self._rest = None  # what the buffer had no room for

    def flush(self):
        """Nothing more will come: what waits is not the beginning of a frame. Call `next()` afterwards."""
        self._force = True

    def feed(self, data, n=None):
        """Take the first `n` bytes of `data` (all of them by default), however many.

        What does not fit the buffer stays in `data` until next() has made room: call it until it returns False before
        `data` changes or more is fed; what is still left then is dropped.
        """
        if self._rest is not None:
            self.dropped += len(self._rest)
            self._rest = None
        n = len(data) if n is None else n
        if self._end + n <= _SIZE and n == len(data):
            self._buf[self._end : self._end + n] = data
            self._end += n
        else:
            self._rest = memoryview(data)[:n]
            self._refill()

    def _refill(self):
        """Move what is left of the last feed() into the buffer, as much as fits; False if there was nothing."""
        if self._rest is None:
            return False
        keep = self._end - self._start
        if self._start:
            self._view[:keep] = bytes(self._view[self._start : self._end])
            self._start = 0
        count = min(_SIZE - keep, len(self._rest))
        self._view[keep : keep + count] = self._rest[:count]
        self._end = keep + count
        self._rest = self._rest[count:] if count < len(self._rest) else None
        return count > 0

    def next(self):
        """Find the next frame; False when there is none (yet)."""
        buf = self._buf
        self.asdu = None
        while self._start < self._end or self._refill():
            first = buf[self._start]
            if first == _FIXED:
                length = self._fixed_length()
            elif first == _VARIABLE:
                length = self._size()
            else:
                length = -1
            if length > 0:
                self._accept(length)
                return True
            if length == 0:
                if self._refill():
                    continue
                if not self._force:
                    return False
            self._start += 1
            self.dropped += 1
        self._start = self._end = 0
        self._force = False
        return False

    def _fixed_length(self):
        """6 for a good fixed frame at the start, 0 if it is not complete, -1 if it is none."""
        buf, at = self._buf, self._start
        if self._end - at < _FIXED_LENGTH:
            return 0
        if buf[at + 5] != _END:
            return -1
        if (buf[at + 1] + buf[at + 2] + buf[at + 3]) & 0xFF != buf[at + 4]:
            return -1
        return _FIXED_LENGTH

    def _size(self):
        """The same for a variable frame; each byte that has come is checked at once."""
        buf, at = self._buf, self._start
        have = self._end - at
        if have < 2:
            return 0
        length = buf[at + 1]
        if length < _LEAST_L or (have > 2 and buf[at + 2] != length):
            return -1
        if have > 3 and buf[at + 3] != _VARIABLE:
            return -1
        total = length + _OVERHEAD
        if have < total:
            return 0
        if buf[at + total - 1] != _END:
            return -1
        if sum(self._view[at + 4 : at + 4 + length]) & 0xFF != buf[at + total - 2]:
            return -1
        return total

    def _accept(self, length):
        """Take the good frame at the start."""
        buf, at = self._buf, self._start
        body = at + 1 if length == _FIXED_LENGTH else at + 4
        self.control = buf[body]
        self.link = buf[body + 1] | buf[body + 2] << 8
        self._start += length
        if length > _FIXED_LENGTH:
            self.asdu = self._view[at + ASDU_AT : at + length - 2]
