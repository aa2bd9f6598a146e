"""The few differences between MicroPython and CPython, in one place.

Everything in firmware/ runs on boards, on MicroPython's unix port and, for tests, on CPython. What has
another name or meaning there is taken from here: `const`, `ticks_ms`, `ticks_diff`, `ticks_add`, `sleep_ms`,
`wait_for_ms`, `print_exception`, `take`. Nothing else in firmware/ asks which Python it runs on (firmware/boards/
aside).
"""

import asyncio
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
