"""`python -m tools.pico.emulator`: one emulated board in a process of its own. Killing it is a power cut.

Standard input is what a person types on the console. Standard output, a line each, T in emulated seconds:

    T > TEXT    a line of the console
    T = JSON    what was counted so far, four times a second
"""

import json
import os
import select
import signal
import socket
import sys
import time
import tty

from tools.options import Parser
from tools.pico.chip import Chip
from tools.pico.image import Image, ImageError
from tools.pico.peers import Peers

# How often the outside is looked at, in emulated time.
_TURN_NS = 1e6
_REPORT_S = 0.25
# Further behind the wall clock than this it does not try to catch up: what the other ends wait for by the clock would
# come late by as much.
_BEHIND_S = 0.02
_AGAIN_S = 0.2


class Line:
    """The other end of a UART: `tcp:PORT` on loopback, `tty:PATH`, or `none`."""

    def __init__(self, where):
        kind, _, self._place = where.partition(":")
        self._socket = None
        self.fd = None
        self._next = 0
        self._connects = kind == "tcp"
        self._left = bytearray()
        if kind == "tty":
            self.fd = os.open(self._place, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
            tty.setraw(self.fd)

    def fileno(self):
        """What to wait for, or None: nobody is there. One that went away may come back."""
        if self.fd is None and self._connects and time.monotonic() >= self._next:
            self._next = time.monotonic() + _AGAIN_S
            try:
                self._socket = socket.create_connection(("127.0.0.1", int(self._place)), 1)
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._socket.setblocking(False)
                self.fd = self._socket.fileno()
            except OSError:
                self._socket = None
        return self.fd

    def read(self):
        try:
            data = os.read(self.fd, 4096)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        if not data and self._socket:
            self._socket.close()
            self._socket = self.fd = None
        return data

    def write(self, data):
        self._left += data
        if self.fd is None:
            self._left.clear()  # into an open plug
        if not self._left:
            return
        try:
            del self._left[: os.write(self.fd, self._left)]
        except BlockingIOError:
            pass
        except OSError:
            self._left.clear()


class Keys:
    """The modem's keys: what the board's pins do goes to the modem's control port, and the speed of its line."""

    def __init__(self, port, pins, chip):
        self._line = Line("tcp:%d" % port if port else "none")
        self._uart = chip.uarts[0]
        self._baud = 0
        self._orders = bytearray()
        for name, pin in pins:
            chip.pressed(pin, lambda high, name=name: self._say("%s %d" % (name, high)))

    def _say(self, order):
        self._orders += order.encode() + b"\n"

    def turn(self):
        if self._uart.baud != self._baud:
            self._baud = self._uart.baud
            self._say("baud %d" % (round(self._baud / 100) * 100))
        if self._orders and self._line.fileno() is not None:
            self._line.write(bytes(self._orders))
            self._orders.clear()
        if self._line.fd is not None:
            self._line.read()


class Emulator:
    """The board, its lines, and the wall clock: emulated time never runs ahead of it, for the other ends have none.

    Nor does it go on while one of these is at work (peers.py).
    """

    def __init__(self, args, file):
        self._text = bytearray()
        self.chip = chip = Chip(Image(args.image), file, self._said)
        self._lines = [Line(args.uart0), Line(args.uart1)]
        self._keys = Keys(args.control, args.key, chip)
        self._peers = Peers(args.peer)
        self._speed = args.speed
        self._until = args.seconds
        self._alarm = chip.clock.create_alarm(self._turn)
        self._typing = True
        self._reported = 0
        self._origin()

    def _origin(self):
        self._wall, self._emulated = time.monotonic(), self.chip.now

    def _said(self, data):
        self._text += data
        while b"\n" in self._text:
            line, _, rest = self._text.partition(b"\n")
            self._text = bytearray(rest)
            self._print(">", line.decode("utf-8", "replace").rstrip("\r"))

    def _print(self, kind, text):
        sys.stdout.write("%.6f %s %s\n" % (self.chip.now, kind, text))
        sys.stdout.flush()

    def run(self):
        self._alarm.schedule(_TURN_NS)
        self.chip.run()

    def _turn(self):
        for line, uart in zip(self._lines, self.chip.uarts):
            line.write(uart.out)
            uart.out.clear()
        self._wait()
        self._keys.turn()
        self.chip.console.turn()
        now = self.chip.now
        if now - self._reported >= _REPORT_S:
            self._reported = now
            self._report()
        if self._until and now >= self._until:
            self.chip.stop()
        self._alarm.schedule(_TURN_NS)

    def _wait(self):
        """Until the wall clock is as far as the emulated one; what arrives meanwhile is taken."""
        # What they needed of the wall clock is not caught up.
        self._wall += self._peers.settle()
        if not self._speed:
            self._look(0)
            return
        due = self._wall + (self.chip.now - self._emulated) / self._speed
        if time.monotonic() - due > _BEHIND_S:
            self._origin()
            due = self._wall
        while True:
            left = due - time.monotonic()
            self._look(max(0.0, left))
            if left <= 0:
                return

    def _look(self, seconds):
        places = {line.fileno(): uart for line, uart in zip(self._lines, self.chip.uarts)}
        lines = {line.fd: line for line in self._lines}
        places.pop(None, None)
        readers = [*places, *([0] if self._typing else [])]
        ready = select.select(readers, [], [], seconds)[0]
        for fd in ready:
            if fd in places:
                places[fd].feed(lines[fd].read())
            else:
                typed = os.read(0, 4096)
                self._typing = bool(typed)
                self.chip.console.type(typed)

    def _report(self):
        chip = self.chip
        counted = {
            "uarts": [dict(uart.counters, baud=uart.baud) for uart in chip.uarts],
            "restarts": chip.restarts,
            "flash": chip.flash.operations,
            "stack": chip.stack.used(),
            "turns": chip.turns.count,
            "slow": chip.turns.take(),
        }
        self._print("=", json.dumps(dict(counted, **chip.counters())))


def _key(text):
    name, _, pin = text.partition("=")
    return name, int(pin)


def main(argv=None):
    parser = Parser(prog="tools.pico.emulator", description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("image", help="MicroPython for RPI_PICO_W, a UF2 file")
    add("--flash", required=True, help="file with the flash's file system; what the board writes stays in it")
    add("--uart0", default="none", help="tcp:PORT, tty:PATH or none")
    add("--uart1", default="none")
    add("--control", type=int, default=0, metavar="PORT", help="control port of the modem on UART 0")
    add("--key", action="append", type=_key, default=[], metavar="NAME=PIN", help="pin that is a key of the modem")
    add("--peer", action="append", type=int, default=[], metavar="PID", help="a process that time stands still for")
    add("--speed", type=float, default=1.0, help="most emulated seconds in a second (1); 0: as fast as it goes")
    add("--seconds", type=float, default=0, help="end after so many emulated seconds")
    args = parser.parse_args(argv)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    try:
        with open(args.flash, "r+b") as file:
            Emulator(args, file).run()
    except (ImageError, OSError) as error:
        print("pico: %s" % error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
