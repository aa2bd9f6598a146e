"""Parts of a board that depend on no pin: the clock, the console at the REPL."""

import select
import sys
import time

import machine

from firmware.port import const

_AT_ONCE = const(64)


class Rtc:
    """The chip's clock as UTC seconds since 1970; some ports count from 2000."""

    def __init__(self):
        self._rtc = machine.RTC()
        self._shift = 946684800 if time.gmtime(0)[0] == 2000 else 0

    def get(self):
        return int(time.time()) + self._shift

    def set(self, utc):
        y, mo, d, h, mi, s, weekday, _ = time.gmtime(utc - self._shift)[:8]
        self._rtc.datetime((y, mo, d, weekday, h, mi, s, 0))


class Sockets:
    """The module `sockets` for `link`, a ModemLink: bytes go on moving while a name is looked up.

    getaddrinfo() waits inside lwIP for what only the interpreter takes out of the UART and the multiplexer: the
    answer would never come in (MicroPython's issue 18737). `meanwhile(step)`: has step() called again and again;
    returns what ends that.
    """

    def __init__(self, link, sockets, meanwhile):
        self._link = link
        self._sockets = sockets
        self._meanwhile = meanwhile

    def __getattr__(self, name):
        return getattr(self._sockets, name)

    def getaddrinfo(self, *args):
        end = self._meanwhile(self._link.poll)
        try:
            return self._sockets.getaddrinfo(*args)
        finally:
            end()


class ReplUart:
    """Standard input and output as a UART that never waits; Ctrl-C goes on interrupting."""

    def __init__(self):
        self._in = sys.stdin.buffer
        self._out = sys.stdout.buffer
        self._poller = select.poll()
        self._poller.register(sys.stdin, select.POLLIN)

    def any(self):
        """How many, nobody knows: readinto() looks before each."""
        return _AT_ONCE if self._poller.poll(0) else 0

    def readinto(self, buf, count=_AT_ONCE):
        # Byte by byte: reading more would wait for the rest.
        n = 0
        while n < min(count, len(buf)) and self._poller.poll(0):
            byte = self._in.read(1)
            if not byte:
                break
            buf[n] = byte[0]
            n += 1
        return n or None

    def write(self, buf):
        self._out.write(buf)
        return len(buf)
