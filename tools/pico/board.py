"""A board in an emulator's process: power on, power off, what it says and counts, all in emulated seconds."""

import json
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

from tools import patience
from tools.pico import flash
from tools.pico.image import Image
from tools.twin.device import ROOT, finish, spawn

# Without a word from the emulator for so long it hangs: it reports four times an emulated second.
_DEAD_S = 60
_LED_OFF = {"led": None}


class BoardError(Exception):
    """The board did not do what was waited for; the text has its last lines."""


class Board:
    """`folder` gets the flash (flash.img, a littlefs) and the console's log (console.log).

    `now`: emulated seconds of all its runs so far; `lines`: [(now, text)] of the console; `counted`: what the emulator
    told last (emulator.py); `slow`: [(now, ms late, flash operations)] of the loop's slow turns (measure.py).
    `history`: [(now, bytes sent on UART 0, on UART 1, since it was plugged in)]. `on_line(text)` is called with each.
    """

    def __init__(self, folder, image, *arguments, on_line=None):
        self.folder = Path(folder)
        self.image = Image(image)
        self.flash = self.folder / "flash.img"
        self.lines = []
        self.counted = {}
        self.slow = []
        self.history = []
        self.now = 0.0
        self._before = 0.0
        self._silence = None
        self._arguments = [str(word) for word in arguments]
        self._on_line = on_line
        self.may_restart = False
        self.process = None
        self._reader = None

    def deploy(self, values, table=_LED_OFF, records=None, full=False):
        """Make the flash anew: the firmware, settings, board.json. `records(folder)` may put more into it; `full`:
        the full version.

        Without its LED the start is 36 emulated seconds shorter: it hangs on the radio chip, to which the firmware
        for that is sent bit by bit.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        flash.make(self.flash, self.image.storage[1], values, table, records, full)

    def on(self):
        """Plug it in. Raises BoardError when the emulator does not start."""
        command = [sys.executable, "-u", "-m", "tools.pico.emulator", self.image.path, "--flash", str(self.flash)]
        self.process = spawn(
            [*command, *self._arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        self._before = self.now
        self.counted = {}
        self._silence = patience.Limit(_DEAD_S)
        self._reader = threading.Thread(target=self._read, args=(self.process,), daemon=True)
        self._reader.start()
        return self

    def _read(self, process):
        with open(self.folder / "console.log", "a") as log:
            for line in process.stdout:
                self._silence = patience.Limit(_DEAD_S)
                self._take(line.rstrip("\n"), log)

    def _take(self, line, log):
        stamp, _, rest = line.partition(" ")
        kind, _, text = rest.partition(" ")
        try:
            now = self._before + float(stamp)
        except ValueError:
            now, kind, text = self.now, ">", line  # the emulator's own trouble
        if kind == "=":
            self.counted = json.loads(text)
            self.history.append((now, *(uart["sent"] for uart in self.counted["uarts"])))
            self.slow += [(self._before + at, late, flash) for at, late, flash in self.counted["slow"]]
        else:
            log.write("%11.3f %s\n" % (now, text))
            log.flush()
            self.lines.append((now, text))
            if self._on_line:
                self._on_line(text)
        self.now = now

    def cut(self):
        """Pull the plug: the process is killed, the flash is what it was at that moment."""
        self.process.kill()
        self.process.wait()
        self._reader.join()
        self.process.stdin.close()
        self.process.stdout.close()

    def off(self):
        if self.process and self.process.poll() is None:
            finish(self.process)
            self._reader.join()

    def type(self, text):
        """What a person types on the console."""
        self.process.stdin.write(text)
        self.process.stdin.flush()

    def said(self, pattern, since=0):
        """The lines (text) of the console that match the regular expression, from line number `since` on."""
        return [text for _, text in self.lines[since:] if re.search(pattern, text)]

    def trouble(self):
        """Its last lines, for whoever has to explain a failure."""
        return "\n".join("%9.3f %s" % line for line in self.lines[-40:])

    def alive(self):
        return self.process.poll() is None and not self._silence.passed()

    def until(self, look, seconds, what):
        """The first true value of `look()` within `seconds` emulated ones. BoardError: `what` did not happen."""
        end = self.now + seconds
        while True:
            found = look()
            if found:
                return found
            why = self._why_not(end, seconds)
            if why:
                raise BoardError("%s: not %s; the console's last lines:\n%s" % (what, why, self.trouble()))
            time.sleep(0.05)

    def _why_not(self, end, seconds):
        if self.now >= end:
            return "within %d s" % seconds
        if not self.alive():
            return "before the emulator ended or hung"
        if self.counted.get("restarts") and not self.may_restart:
            return "before the chip was reset by its watchdog or its firmware"
        return ""

    def line(self, pattern, seconds, since=0):
        """Wait for a line of the console."""
        return self.until(lambda: self.said(pattern, since), seconds, "a line like %r" % pattern)[0]

    def sleep(self, seconds):
        """Let so many emulated seconds pass."""
        end = self.now + seconds
        self.until(lambda: self.now >= end, seconds + 1, "time")
