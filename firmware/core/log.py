"""Diagnostic lines: three levels, one sink; and what ran last, in memory that survives a reset.

`sink` is a function of one str. Lines carry the seconds since start, a level letter and the name of the source:
`   12.345 I meter: read ok`.

After a reset by the watchdog the chip knows no more than that. What ran last tells where to look: which task, and
which line was said last. Kept in words of up to 30 bits (longer ones would need the heap): the first four letters of
the task's name and of the line's source, the line's number, the seconds since the start. The number is the CRC-16
part of the line's text before anything is put in, which `python -m tools.doctor line NUMBER` looks up. RP2040 has 16
and 12 bytes (machine.mem_backup(-1), MicroPython 1.29), ESP32 2048. starting.py finds the cells and reads what the
start before has left there.

`note()` is for what the audit log keeps (security/audit.py), which writes it when it is `due`.
"""

import asyncio
from binascii import crc32

from firmware.core import overlay
from firmware.core.compat import monotonic_s, ticks_diff, ticks_ms

_MAGIC = const(0x1D2)
_LETTERS = const(4)

_start = ticks_ms()
sink = print
# [(region, first cell, cells to a word), …] of four words; empty where nothing survives a reset.
cells = ()
# What ran last before the reset, in words; "" where nothing is known.
before = ""
# What the audit log has to write, as note() was told it, with the monotonic second behind; and when to.
notes = []
due = 0
_MOST_NOTED = const(16)


def _line(level, source, text, args):
    # In a full heap a line less: whoever says something there has more important things to do.
    with overlay.attempt:
        if cells:
            put(1, _packed(source))
            put(2, _MAGIC << 16 | number(text))
            put(3, monotonic_s())
        if args:
            text = text % args
        ms = ticks_diff(ticks_ms(), _start)
        sink("%5d.%03d %s %s: %s" % (ms // 1000, ms % 1000, level, source, text))


def info(source, text, *args):
    _line("I", source, text, args)


def warn(source, text, *args):
    _line("W", source, text, args)


def error(source, text, *args):
    _line("E", source, text, args)


def note(*said):
    """Have the audit log keep this: who, what, what came of it, and, where it is not the first two, what makes
    another one the same, which is counted."""
    global due
    with overlay.attempt:
        if len(notes) < _MOST_NOTED:
            due = monotonic_s()
            notes.append(said + (due,))


# --- what ran last


def put(index, value):
    """Keep a word. Allocates nothing."""
    if cells:
        region, first, size = cells[index]
        if size == 1:
            region[first] = value
        else:
            for at in range(size):
                region[first + at] = value >> 8 * at & 0xFF


def _packed(name):
    value = 0
    for letter in (name + "    ")[:_LETTERS]:
        value = value << 7 | ord(letter) & 0x7F
    return value


def number(text):
    """The number of a diagnostic line by its text, before anything is put in; 0 to 65535."""
    return crc32(text.encode()) & 0xFFFF


_now = None  # the Marked whose turn it is


async def apart(coroutine):
    """`await coroutine` in a task of its own, which is marked and counts as the one that waits for it.

    For what goes deep: a coroutine that awaits another takes 200 bytes of stack, a call 300, an import 1,800. rp2 has
    8 KB for them and what interrupts them. Only Python's own calls are checked, with 256 bytes to spare; what goes
    beyond is written into the heap (ports/rp2: PICO_STACK_SIZE, MICROPY_STACK_CHECK_MARGIN, memmap_mp_rp2040.ld).
    """
    return await asyncio.create_task(_go(_now.like(coroutine) if _now else coroutine))


async def _go(awaitable):
    return await awaitable


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

    def like(self, coroutine):
        """The same for another coroutine."""
        marked = Marked(coroutine, "", self._turned)
        marked._word = self._word
        return marked

    def __iter__(self):
        return self._all_turns

    def _turns(self):
        global _now
        step, argument = self._coroutine.send, None
        while True:
            _now = self
            put(0, self._word)
            if self._turned:
                self._turned()
            try:
                waited = step(argument)
            except StopIteration as end:
                return end.value
            finally:
                _now = None
            try:
                argument = yield waited
                step = self._coroutine.send
            except BaseException as error:  # a cancellation is the coroutine's, not ours
                step, argument = self._coroutine.throw, error

    __await__ = __iter__
