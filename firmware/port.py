"""The few differences between MicroPython and CPython, in one place.

Everything in firmware/ runs on boards, on MicroPython's unix port and, for tests, on CPython. What has
another name or meaning there is taken from here: `const`, `ticks_ms`, `ticks_diff`, `ticks_add`, `sleep_ms`,
`wait_for_ms`, `print_exception`, `take`. Nothing else in firmware/ asks which Python it runs on (firmware/boards/
aside). CPython's half is in cpython.py, which no device has.
"""

import asyncio
import sys

MICROPYTHON = sys.implementation.name == "micropython"

if MICROPYTHON:
    from time import ticks_add, ticks_diff, ticks_ms

    from micropython import const  # noqa: F401

    sleep_ms = asyncio.sleep_ms
    wait_for_ms = asyncio.wait_for_ms
    print_exception = sys.print_exception
else:
    from firmware.cpython import *  # noqa: F403


def take(uart, buf):
    """Read what has come of a UART-like stream, up to all of `buf`; the count.

    On rp2 machine.UART waits for what is not there whatever its timeout: a millisecond for a first byte, two for a
    further one, so that a read goes on while bytes come (ports/rp2/machine_uart.c, mp_machine_uart_read).
    """
    count = uart.any()
    return uart.readinto(buf, min(count, len(buf))) or 0 if count else 0


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
