"""Parts of a board that depend on no pin: the clock, the console at the REPL, a small store."""

import json
import select
import sys
import time

import machine

from firmware import diag
from firmware.update import slots


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


class ReplUart:
    """Standard input and output as a UART that never waits; Ctrl-C goes on interrupting."""

    def __init__(self):
        self._in = sys.stdin.buffer
        self._out = sys.stdout.buffer
        self._poller = select.poll()
        self._poller.register(sys.stdin, select.POLLIN)

    def any(self):
        return 1 if self._poller.poll(0) else 0

    def readinto(self, buf):
        # Byte by byte: reading more would wait for the rest.
        n = 0
        while n < len(buf) and self._poller.poll(0):
            byte = self._in.read(1)
            if not byte:
                break
            buf[n] = byte[0]
            n += 1
        return n or None

    def write(self, buf):
        self._out.write(buf)
        return len(buf)


class FileStore:
    """What the modem's bring-up must remember over a restart (a wrong PIN, above all); rarely
    written.
    """

    gate = None  # a firmware.gate.Gate to wait for before set()

    def __init__(self, path):
        self._path = path
        try:
            self._values = json.loads(slots.read_text(path, 2048) or "{}")
        except ValueError:
            self._values = {}

    def get(self, key, default=None):
        return self._values.get(key, default)

    def set(self, key, value):
        if self._values.get(key) == value:
            return
        self._values[key] = value
        try:
            slots.write_text(self._path, json.dumps(self._values))
        except OSError as error:
            diag.error("board", "cannot keep %s: %s", key, error)
