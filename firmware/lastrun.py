"""Which task ran last, and which diagnostic line was said last, in memory that survives a reset.

After a reset by the watchdog the chip knows no more than that; this tells where to look. Kept in words of up to 30
bits (longer ones would need the heap): the first four letters of the task's name and of the line's source, the line's
number, the seconds since the start. The number is the CRC-16 part of the line's text before anything is put in, which
`python -m tools.doctor line NUMBER` looks up. RP2040 has 16 and 12 bytes (machine.mem_backup(-1), MicroPython 1.29),
ESP32 2048; boot.py, which is never replaced, has the last two cells of the first region.
"""

from binascii import crc32

from firmware.port import const, monotonic_s

_MAGIC = const(0x1D2)
_LETTERS = const(4)
_WORDS = const(4)


def _cells():
    """[(region, first cell, cells to a word), …], one for each word; empty where nothing survives a reset."""
    try:
        import machine

        regions = machine.mem_backup(-1)
    except (ImportError, AttributeError):
        return []
    found = []
    for at, region in enumerate(regions):
        size = 4 // region.itemsize
        last = len(region) - (0 if at else 2)
        found += [(region, first, size) for first in range(0, last - size + 1, size)][:_WORDS]
    return found[:_WORDS] if len(found) >= _WORDS else []


_cell = _cells()


def _put(index, value):
    """Allocates nothing."""
    if _cell:
        region, first, size = _cell[index]
        if size == 1:
            region[first] = value
        else:
            for at in range(size):
                region[first + at] = value >> 8 * at & 0xFF


def _get(index):
    region, first, size = _cell[index]
    if size == 1:
        return region[first]
    return sum(region[first + at] << 8 * at for at in range(size))


def _packed(name):
    value = 0
    for letter in (name + "    ")[:_LETTERS]:
        value = value << 7 | ord(letter) & 0x7F
    return value


def _letters(value):
    return "".join(chr(value >> 7 * at & 0x7F) for at in range(_LETTERS - 1, -1, -1)).strip()


def number(text):
    """The number of a diagnostic line by its text, before anything is put in; 0 to 65535."""
    return crc32(text.encode()) & 0xFFFF


def line(source, text):
    """A diagnostic line is being said."""
    if _cell:
        _put(1, _packed(source))
        _put(2, _MAGIC << 16 | number(text))
        _put(3, monotonic_s())


def _told():
    if not _cell or _get(2) >> 16 != _MAGIC:
        return ""
    said = "%s %04X" % (_letters(_get(1)), _get(2) & 0xFFFF)
    words = "task %s, line %s, %d s after the start" % (_letters(_get(0)), said, _get(3))
    _put(2, 0)
    return words


# What ran last before the reset, in words; "" where nothing is known. Read before the first line of this start is
# said.
before = _told()


class Marked:
    """`await Marked(coroutine, name)` is `await coroutine`, with each of its turns marked as the task that runs.

    `turned()`, where it is given, is called at each turn; it may not allocate.
    """

    def __init__(self, coroutine, name, turned=None):
        self._coroutine = coroutine
        self._word = _packed(name)
        self._turned = turned
        # Made with the rest: whoever has this needs no more of the heap to run it.
        self._all_turns = self._turns()

    def __iter__(self):
        return self._all_turns

    def _turns(self):
        step, argument = self._coroutine.send, None
        while True:
            _put(0, self._word)
            if self._turned:
                self._turned()
            try:
                waited = step(argument)
            except StopIteration as end:
                return end.value
            try:
                argument = yield waited
                step = self._coroutine.send
            except BaseException as error:  # a cancellation is the coroutine's, not ours
                step, argument = self._coroutine.throw, error

    __await__ = __iter__
