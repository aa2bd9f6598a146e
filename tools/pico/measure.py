"""What the board cannot tell of itself: how long each turn of the firmware's loop took, its stack, its flash."""

from rp2040py.peripherals.watchdog import LOAD, RPWatchdog

# Pause between two turns of the watch that feeds the watchdog: firmware/app/main.py.
_PAUSE_MS = 100
# Turns later than this are told one by one.
_SLOW_MS = 150
_UNUSED = b"\xa5"
_ERASE, _ERASE_BLOCK, _PROGRAM = 0x20, 0xD8, 0x02
# Typical times of a W25Q16JV (Winbond, revision H, 9.6). The chip waits with interrupts off (ports/rp2/rp2_flash.c).
_TAKES_NS = {_ERASE: 45e6, _ERASE_BLOCK: 150e6, _PROGRAM: 0.4e6}


class Watchdog(RPWatchdog):
    """`fed()` is called when the firmware's loop feeds it, not the timer's interrupt that does it in between."""

    fed = None

    def write_uint32(self, offset, value):
        super().write_uint32(offset, value)
        if offset == LOAD and self.fed and not self.rp2040.core.ipsr:
            self.fed()


class Turns:
    """`count`: turns of the loop, `slow`: [[emulated seconds, ms too late, operations of the flash meanwhile]]."""

    def __init__(self, clock, flash):
        self._clock = clock
        self._flash = flash
        self._last = None
        self._operations = 0
        self.count = 0
        self.slow = []

    def fed(self):
        now, operations = self._clock.nanos, self._flash.operations
        if self._last is not None:
            late = (now - self._last) / 1e6 - _PAUSE_MS
            self.count += 1
            if late > _SLOW_MS:
                self.slow.append([round(now / 1e9, 3), round(late), operations - self._operations])
        self._last, self._operations = now, operations

    def restarted(self):
        self._last = None

    def take(self):
        slow, self.slow = self.slow, []
        return slow


class Stack:
    """The stack of the chip's C, which Python's calls are on, too, and the interrupts. Below it begins the heap."""

    def __init__(self, ram, place, size):
        self._ram, self._place = ram, slice(place, place + size)
        ram[self._place] = _UNUSED * size

    def used(self):
        """The most bytes of it that were in use so far."""
        return len(self._ram[self._place].lstrip(_UNUSED))


class Flash:
    """Gives the operations of the flash chip their time; `operations` counts them."""

    def __init__(self, mcu):
        self._ssi = mcu.ssi
        self._clock = mcu.clock
        self._apply = mcu.ssi._apply_command
        self.operations = 0
        mcu.ssi._apply_command = self._applied

    def _applied(self):
        said = self._ssi._tx_buffer
        code = said[0] if len(said) >= 4 and self._ssi._write_enabled else None
        self._apply()
        if code in _TAKES_NS:
            self.operations += 1
            self._clock.tick(_TAKES_NS[code])
