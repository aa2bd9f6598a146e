"""The few differences between MicroPython and CPython, in one place.

Everything in firmware/ runs on boards, on MicroPython's unix port and, for tests, on CPython. What has
another name or meaning there is taken from here: `ticks_ms`, `ticks_diff`, `ticks_add`, `sleep_ms`,
`wait_for_ms`, `print_exception`, `take`, `renew`. Nothing else in firmware/ asks which Python it runs on
(firmware/boards/ aside). CPython's half is in cpython.py and, for `const`, in __init__.py; no device has these.
"""

import asyncio
import os
import sys

MICROPYTHON = sys.implementation.name == "micropython"

if MICROPYTHON:
    from time import ticks_add, ticks_diff, ticks_ms

    sleep_ms = asyncio.sleep_ms
    wait_for_ms = asyncio.wait_for_ms
    print_exception = sys.print_exception
else:
    from firmware.core.cpython import *  # noqa: F403

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
    a power cut between them hides files beside it until something is written (tests/host/support/mpy/root_cut.py).
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
