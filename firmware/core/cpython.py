"""What MicroPython has and CPython has not, for compat.py: tests and tools run the firmware there, no device does."""

import asyncio
import time
import traceback


def ticks_ms():
    """Milliseconds of a monotonic clock; the running loop's own, so that tests may run in virtual time."""
    try:
        return int(asyncio.get_running_loop().time() * 1000)
    except RuntimeError:
        return int(time.monotonic() * 1000)


def ticks_diff(later, earlier):
    return later - earlier


def ticks_add(ticks, delta):
    return ticks + delta


def sleep_ms(ms):
    return asyncio.sleep(ms / 1000)


def wait_for_ms(awaitable, ms):
    return asyncio.wait_for(awaitable, ms / 1000)


def print_exception(error, file=None):
    """A traceback, to the console or a file."""
    traceback.print_exception(type(error), error, error.__traceback__, file=file)
