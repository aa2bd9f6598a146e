"""The few differences between MicroPython and CPython, in one place.

Everything in firmware/ runs on boards, on MicroPython's unix port and, for tests, on CPython. What has
another name or meaning there is taken from here: `const`, `ticks_ms`, `ticks_diff`, `ticks_add`, `sleep_ms`,
`wait_for_ms`, `print_exception`, `take`, `renew`. Nothing else in firmware/ asks which Python it runs on
(firmware/boards/ aside).
"""

import asyncio
import os
import sys

MICROPYTHON = sys.implementation.name == "micropython"

if MICROPYTHON:
    from time import ticks_add, ticks_diff, ticks_ms

    from micropython import const

    sleep_ms = asyncio.sleep_ms
    wait_for_ms = asyncio.wait_for_ms
    print_exception = sys.print_exception
else:
    import time as _time

    def const(value):
        """MicroPython's compiler folds `X = const(1)`; CPython just gets the value."""
        return value

    def ticks_ms():
        """Milliseconds of a monotonic clock; the running loop's own, so that tests may run in virtual time."""
        try:
            return int(asyncio.get_running_loop().time() * 1000)
        except RuntimeError:
            return int(_time.monotonic() * 1000)

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
        import traceback

        traceback.print_exception(type(error), error, error.__traceback__, file=file)

_PIECE = const(256)


def take(uart, buf):
    """Read what has come of a UART-like stream, up to all of `buf`; the count.

    On rp2 machine.UART waits for what is not there whatever its timeout: a millisecond for a first byte, two for a
    further one, so that a read goes on while bytes come (ports/rp2/machine_uart.c, mp_machine_uart_read).
    """
    count = uart.any()
    return uart.readinto(buf, min(count, len(buf))) or 0 if count else 0


def copy(source, path):
    """Give the file `path` the content of the file `source`. OSError: it has what it had.

    littlefs keeps a file as it is until what is written anew is closed: a power cut leaves the old one or the new one,
    and a full flash the old one. Nothing is allocated in between: a MemoryError would close half of the new one.
    """
    size = os.stat(source)[6]
    piece = bytearray(_PIECE)
    last = memoryview(piece)[: size % _PIECE]
    with open(source, "rb") as old, open(path, "wb") as new:
        for _ in range(size // _PIECE):
            old.readinto(piece)
            new.write(piece)
        old.readinto(last)
        new.write(last)


def renew(path):
    """Make the file `path`.new, which is whole, the file `path`. OSError.

    Where the file system does not do as littlefs does, a power cut may leave half of `path`: then `path`.new has all.

    Not by a rename: a root folder of littlefs spans two blocks soon, a rename from one to the other is two writes, and
    a power cut between them hides files beside it until something is written (tests/host/mpy/root_cut.py).
    """
    copy(path + ".new", path)
    os.remove(path + ".new")


_passed = [0, 0, False]  # ticks at the last look, seconds up to then, whether there was one


def monotonic_s():
    """Seconds since start as an int that does not wrap (ticks_ms wraps after 6 to 12 days on boards).

    Call it at least once a day; the app's main loop does.
    """
    now = ticks_ms()
    if not _passed[2]:
        _passed[0], _passed[2] = now, True
    passed = ticks_diff(now, _passed[0])
    if passed >= 1000:
        _passed[1] += passed // 1000
        _passed[0] = ticks_add(_passed[0], passed // 1000 * 1000)
    elif passed < 0:
        _passed[0] = now  # nobody asked for more than six days: they are not counted
    return _passed[1]
