"""What all boards share and need while they run: LED codes, the clock, the console at the REPL, what the modem must
remember. What is done once, at the start, is wiring.py.

A board's own module is a class with tables of pins; `board.json` on the flash may overrule them (docs/boards.md), for
a meter wired elsewhere or an RS-485 driver:

    {"ports": [{"uart": 2, "tx": 22, "rx": 21, "de": 19, "invert": false}], "modem": {"power_key": 4}}
"""

import json
import select
import sys
import time

import machine

from firmware.core import clock, log, overlay
from firmware.core.compat import ticks_ms

_FLASH_MS = const(150)
_PAUSE = const(14)
_AT_ONCE = const(64)
_MOST = const(2048)  # bytes of a FileStore


class Board:
    """Base of all real boards. Tables, to be filled by the board's module:

    `wiring`: one dict per meter port: `uart`, `tx`, `rx`, and if there is one `de` (RS-485 driver enable, high while
    sending) and `invert` (True for an optical head whose light is upside down). `modem`: dict or None: `uart`, `tx`,
    `rx`, `baud`, `power_key`, `reset` (pins that press the key when high, or low with `power_key_low`, `reset_low`),
    `high` (pins that must be high for the modem to work), `dcd`. `led_pin`: pin or None, `led_low` when it lights at
    low.
    """

    name = "?"
    root = ""
    rtc_source = clock.UNKNOWN
    deaf = True  # writing to the flash stops the interrupts that take what a UART has received
    window_ms = 2000  # time to press Ctrl-C before the watchdog runs (firmware/update/safestart.py)
    wiring = ()
    modem = None
    ethernet = None
    modem_native = False  # PPP takes nothing but a UART (firmware/net/modem/link.py)
    led_pin = None
    led_low = False
    _cause = ""
    _led = None
    _lit = False
    _code = 0

    def __init__(self):
        self._start("prepare")

    def _start(self, what, *args):
        """One of wiring.py's functions; boards/__init__.py says what the public ones do."""
        with overlay.use("start"):
            from firmware.boards import wiring

            return getattr(wiring, what)(self, *args)

    def ident(self):
        return self._start("ident")

    def reset_cause(self):
        return self._start("reset_cause")

    def uart(self, *args):
        return self._start("uart", *args)

    def console(self):
        return self._start("console")

    def link(self, config):
        return self._start("link", config)

    def reset(self, reason):
        """Restart; the reason is told at the next start."""
        try:
            with overlay.attempt:
                print("restart: " + reason)
                with open(self.root + "/reason", "w") as file:
                    file.write(reason[:120])
        except OSError:
            pass  # neither a full flash nor a full heap may keep a device from restarting
        time.sleep(0.2)  # the last words leave the console
        machine.reset()

    def led(self, code):
        self._code = code

    def blink(self):
        """One step of the LED's pattern; feed() calls it."""
        if self._led:
            phase = ticks_ms() // _FLASH_MS % (2 * self._code + _PAUSE)
            lit = phase < 2 * self._code and not phase & 1
            if lit != self._lit:
                self._lit = lit
                self._led.value(lit != self.led_low)


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


class FileStore:
    """A small store in a file: what the modem's bring-up must remember over a restart (a wrong PIN, above all)."""

    gate = None  # a firmware.core.flash_gate.Gate to wait for before set()

    def __init__(self, path):
        self._path = path
        try:
            with open(path) as file:
                self._values = json.loads(file.read(_MOST))
        except (OSError, ValueError):
            self._values = {}

    def get(self, key, default=None):
        return self._values.get(key, default)

    def set(self, key, value):
        if self._values.get(key) == value:
            return
        self._values[key] = value
        try:
            # Whole before the file is opened: littlefs keeps the old one until that is closed.
            text = json.dumps(self._values)
            with open(self._path, "w") as file:
                file.write(text)
        except OSError as error:
            log.error("board", "cannot keep %s: %s", key, error)
