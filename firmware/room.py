"""Shares the heap between what is only loaded for a moment: sessions with meters, and commands.

The code of a session and the code of a command together are more than a board has room for beside the app. So
one waits for the other while memory is short, and each gives its code back when it is done. Nobody waits for
ever: whoever has waited long enough goes on and may run out of memory, which costs a retry and no record.

Beside that a piece of the heap is held back from the start for what has to succeed in a full one: starting a service
again, keeping its traceback, restarting the board.
"""

import gc
import sys

from firmware.port import const, sleep_ms, ticks_diff, ticks_ms, unload_all

# Heap (bytes, of a 64-bit build; half on a board) a session or a command may take for its code and data.
_NEED = const(49152)
_STEP_MS = const(20)
# Bytes of the longest record, one with closings (readings/closings.py splits them).
LARGEST = const(4096)
# A command waits at most so long for the sessions under way, a session for the commands and for another line.
_COMMAND_MS = const(20000)
_SESSION_MS = const(5000)
_LINE_MS = const(120000)
_SESSION_CODE = (
    "firmware.iec102.",
    "firmware.readings.",
    "firmware.meter.session",
    "firmware.record.",
    "firmware.meterprobe",
)
# Bytes held back. littlefs opens a file with 300 of them, or 1,300 where it programs 256 at a time (rp2).
_HELD = const(2048)
# What the meters' descriptions hold on to stays.
_KEPT = ("firmware.iec102.address",)


def _short(times):
    """Whether there is no room for so many at once; never on CPython."""
    if not hasattr(gc, "mem_free"):
        return False
    need = times * (_NEED if sys.maxsize > 0x7FFFFFFF else _NEED // 2)
    if gc.mem_free() >= need:
        return False
    gc.collect()
    return gc.mem_free() < need


_held = None


def hold():
    """Take the reserve, or as much of it as there is in one piece; tried again at each call until it is whole."""
    global _held
    size = _HELD
    while size > 128 and (_held is None or len(_held) < size):
        try:
            _held = bytearray(size)
        except MemoryError:
            size >>= 1


def let_go():
    """Give the reserve to what comes next in this very turn, then hold() again."""
    global _held
    _held = None
    gc.collect()


class Room:
    def __init__(self):
        self._buffer = bytearray(LARGEST)
        self.sessions = 0
        self.commands = 0
        self.peak = 0  # most bytes of heap seen in use
        self.guests = 0  # an update: makes way when somebody waits
        self.wanted = 0  # sessions and commands that wait
        self._waiting = 0  # commands that wait for the end of a session

    def note(self):
        """Look how full the heap is, garbage included; call it where much is loaded."""
        used = gc.mem_alloc() if hasattr(gc, "mem_alloc") else 0
        if used > self.peak:
            self.peak = used

    async def enter_session(self):
        """Call leave_session() afterwards, whatever happened."""
        start = ticks_ms()
        self.wanted += 1
        try:
            # Another line's session ends by its own deadline; two at a time are for boards with more memory.
            while (self.sessions or self.commands or self._waiting or self.guests) and _short(2):
                long = self.sessions or self.guests
                if ticks_diff(ticks_ms(), start) > (_LINE_MS if long else _SESSION_MS):
                    break
                await sleep_ms(_STEP_MS)
        finally:
            self.wanted -= 1
        self.sessions += 1

    def crowded(self):
        """Whether a session needs what is free: what can wait for its end should."""
        if not self.sessions or not hasattr(gc, "mem_free"):
            return False
        return gc.mem_free() < (_NEED if sys.maxsize > 0x7FFFFFFF else _NEED // 2) // 2

    def leave_session(self):
        self.note()
        self.sessions -= 1
        if not self.sessions:
            release_session_code()

    def borrow(self, size):
        """A buffer for the records of a session, `size` bytes or more; give it back. MemoryError.

        The one kept for this is as long as the longest record: so much in one piece may not be free later on. Only
        two sessions at a time need more.
        """
        found, self._buffer = self._buffer, None
        return found or bytearray(size)

    def give_back(self, buffer):
        if len(buffer) == LARGEST:
            self._buffer = buffer

    async def enter_command(self):
        """Call leave_command() afterwards, whatever happened."""
        start = ticks_ms()
        self._waiting += 1
        self.wanted += 1
        try:
            # What has just entered has yet to load its code: what is free now is not free for us.
            while (self.sessions and _short(2)) or ((self.commands or self.guests) and _short(1)):
                if ticks_diff(ticks_ms(), start) > _COMMAND_MS:
                    break
                await sleep_ms(_STEP_MS)
        finally:
            self._waiting -= 1
            self.wanted -= 1
        self.commands += 1

    def leave_command(self):
        self.commands -= 1


def release_session_code():
    """Give back the code of sessions; the next one loads it again. Works in a heap that is full."""
    gc.collect()
    unload_all(_SESSION_CODE, _KEPT)
    gc.collect()
