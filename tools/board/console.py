"""The device's console with line editing and history: AT lines go out, what it says comes in.

Works on a board's port and on the twin's pty. With a pipe as input each line is sent, and the end
comes when the device has been silent for a while: `echo AT^MTXTUNNEL=VERSION | python -m
tools.board console`.
"""

import os
import re
import sys
import threading
import time
from pathlib import Path

import serial

from tools import ports
from tools.board.device import BoardError

HISTORY = Path.home() / ".lector102_history"
_KEPT = 500
# Lines with a secret in them are not kept, whatever the setting is called.
_SECRET = re.compile(r"passw|clave|key|pin|secret|token", re.IGNORECASE)


class Console:
    """`send(line)` and a thread that hands what arrives to `show(text)`.

    `once`: a line stands on the screen already when it is sent, and what the device repeats of it is left out.
    """

    def __init__(self, port, show, baud=115200, once=False):
        self._once = once
        self._echo = ""  # of what was sent, still to come
        self._held = ""  # of that, what has come
        try:
            self._serial = serial.serial_for_url(port, baud, timeout=0.1)
        except (OSError, serial.SerialException) as error:
            raise BoardError("no console at " + ports.trouble(port, error)) from None
        self._show = show
        self._end = False
        self.last = time.monotonic()
        self.lost = None
        self._thread = threading.Thread(target=self._read, name="console", daemon=True)
        self._thread.start()

    def _read(self):
        while not self._end:
            try:
                data = self._serial.read(1)
                if data:
                    data += self._serial.read(self._serial.in_waiting)
            except (OSError, serial.SerialException) as error:
                self.lost = str(error)
                return
            if data:
                self.last = time.monotonic()
                text = data.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
                self._show(self._without_echo(text) if self._echo else text)

    def _without_echo(self, text):
        """`text` without what repeats the line that was sent: its letters, or stars for a secret, and its end."""
        for at, letter in enumerate(text):
            if not self._echo:
                self._held = ""
                return text[at:]
            if letter not in (self._echo[0], "*" if self._echo[0] != "\n" else "\n"):
                # A line of the log comes in between, or the device repeats nothing.
                held, self._held, self._echo = self._held, "", ""
                return held + text[at:]
            self._held += letter
            self._echo = self._echo[1:]
        return ""

    def send(self, line):
        if self._once:
            self._held, self._echo = "", line + "\n"
        try:
            self._serial.write(line.encode() + b"\r")
        except (OSError, serial.SerialException) as error:
            raise BoardError("the device went away: %s" % error) from None

    def silent(self, seconds, most=30):
        """Wait until nothing has come for `seconds`, at most `most`."""
        limit = time.monotonic() + most
        self.last = time.monotonic()
        while time.monotonic() < min(self.last + seconds, limit) and not self.lost:
            time.sleep(0.02)

    def close(self):
        self._end = True
        self._thread.join(2)
        self._serial.close()


def keep_out(line):
    """Whether a line must not go into the history file."""
    return bool(_SECRET.search(line))


def _out(text):
    sys.stdout.write(text)
    sys.stdout.flush()


def run(port, baud=115200, silence=1.0, history=HISTORY):
    """Until Ctrl-D (a person) or the end of the input and silence (a pipe)."""
    console = Console(port, _out, baud, once=sys.stdin.isatty())
    try:
        if sys.stdin.isatty():
            _person(console, port, history)
        else:
            for line in sys.stdin:
                console.send(line.rstrip("\r\n"))
                console.silent(silence)
    finally:
        console.close()
    if console.lost:
        raise BoardError("the device went away: %s" % console.lost)


def _person(console, port, history):
    import readline

    try:
        readline.read_history_file(history)
    except OSError:
        pass  # the first time there is none
    readline.set_auto_history(False)
    print("%s - AT lines; Ctrl-D ends, arrows for earlier lines" % port)
    try:
        while not console.lost:
            line = input()
            if line and not keep_out(line):
                readline.add_history(line)
            console.send(line)
    except (EOFError, KeyboardInterrupt):
        print()
    finally:
        readline.set_history_length(_KEPT)
        os.close(os.open(history, os.O_CREAT | os.O_WRONLY, 0o600))
        readline.write_history_file(history)
