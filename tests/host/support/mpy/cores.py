"""What a busy machine takes away from a script on MicroPython: the waits for a core, and spans that allow for them.

The counterpart of tools/patience.py on this side; all of it is 0, or the clock itself, where /proc is missing.
"""

import time

_LOOK_MS = 250


class Waits:
    """Milliseconds this process has stood in line for a core so far; `stood_ms()` allocates nothing."""

    def __init__(self):
        self._digits = bytearray(64)
        try:
            self._stat = open("/proc/self/schedstat", "rb")  # noqa: SIM115  open as long as the script runs
        except OSError:
            self._stat = None

    def stood_ms(self):
        if self._stat is None:
            return 0
        self._stat.seek(0)
        count = self._stat.readinto(self._digits)
        # Nanoseconds run, nanoseconds waited, slices.
        value = nth = 0
        for at in range(count):
            digit = self._digits[at]
            if digit == 32:
                nth += 1
                if nth == 2:
                    break
                value = 0
            elif nth == 1:
                value = value * 10 + digit - 48
        return value // 1000000


def _cores():
    with open("/proc/self/status") as file:
        for line in file:
            if line.startswith("Cpus_allowed:"):
                cpus = int(line.split()[1].replace(",", ""), 16)
                return bin(cpus).count("1")
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
        self._look = time.ticks_ms()

    def ran_out(self):
        spent = time.ticks_diff(time.ticks_ms(), self._look)
        if spent >= _LOOK_MS:
            self._left -= spent * _rate()
            self._look = time.ticks_ms()
        return self._left <= 0
