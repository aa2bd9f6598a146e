"""What a busy machine takes away from a script on MicroPython: the waits for a core, and limits that allow for them.

The counterpart of tools/patience.py on this side; everything here is 0, or the clock itself, where /proc is missing.
"""

import time

_SLICE_MS = 250


class Waits:
    """Milliseconds this process has stood in line for a core so far; `ms()` allocates nothing."""

    def __init__(self):
        self._buf = bytearray(64)
        try:
            self._file = open("/proc/self/schedstat", "rb")  # noqa: SIM115  open as long as the script runs
        except OSError:
            self._file = None

    def ms(self):
        if self._file is None:
            return 0
        self._file.seek(0)
        count = self._file.readinto(self._buf)
        # Nanoseconds run, nanoseconds waited, slices.
        value = field = 0
        for at in range(count):
            byte = self._buf[at]
            if byte == 32:
                field += 1
                if field == 2:
                    break
                value = 0
            elif field == 1:
                value = value * 10 + byte - 48
        return value // 1000000


def _cores():
    with open("/proc/self/status") as file:
        for line in file:
            if line.startswith("Cpus_allowed:"):
                mask = int(line.split()[1].replace(",", ""), 16)
                return bin(mask).count("1")
    return 1


def _rate():
    """The share of the clock that the work here gets: 1 on a machine that has a core for everybody."""
    try:
        with open("/proc/stat") as file:
            for line in file:
                if line.startswith("procs_running"):
                    return max(0.025, min(1, _cores() / int(line.split()[1])))
    except OSError:
        pass  # no such machine: the clock counts
    return 1


class Limit:
    """`seconds` from now on, as an idle machine would count them."""

    def __init__(self, seconds):
        self._left = seconds * 1000
        self._at = time.ticks_ms()

    def passed(self):
        passed = time.ticks_diff(time.ticks_ms(), self._at)
        if passed >= _SLICE_MS:
            self._left -= passed * _rate()
            self._at = time.ticks_ms()
        return self._left <= 0
