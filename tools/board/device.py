"""A board on a serial port, spoken to through mpremote's raw REPL."""

import ast
import contextlib
import io
import json
import struct
import sys
import time
from pathlib import Path

import serial
from mpremote.transport import TransportError, TransportExecError
from mpremote.transport_serial import SerialTransport

from tools import ports

ROOT = Path(__file__).resolve().parent.parent.parent
# Native code of these architectures is what mpy-cross can make (py/persistentcode.h); index from
# sys.implementation._mpy >> 10.
ARCHITECTURES = (
    None, "x86", "x64", "armv6", "armv6m", "armv7m", "armv7em", "armv7emsp", "armv7emdp",
    "xtensa", "xtensawin", "rv32imc", "rv64imc",
)  # fmt: skip
_CHUNK = 1024
_RESET = """
try:
    with open("/starts", "w") as f:
        f.write("0")
except OSError:
    pass
import machine, time
time.sleep(0.1)
machine.reset()
"""
# What mpremote raises when the board goes away: a half answer of it is a struct.error.
_LOST = (TransportError, OSError, struct.error)


class BoardError(Exception):
    """Something is wrong with the board or the way to it; the text says what to do."""


class Device:
    """`with Device(port) as device:` interrupts what runs and holds the raw REPL."""

    silence_s = 10  # a board that says nothing for so long while it works is lost
    _restarts = False

    def __init__(self, port, wait=0):
        self.port = port
        try:
            # Without a timeout a read from a pty that stays silent never ends. mpremote reads that way only what has
            # to come, amid raw paste: a board that writes its flash keeps it waiting.
            self.link = SerialTransport(port, wait=wait, timeout=self.silence_s)
        except (TransportError, OSError, serial.SerialException) as error:
            raise BoardError("no board at " + ports.trouble(port, error)) from None

    def __enter__(self):
        try:
            # The app needs a moment to end; what is typed in that moment may be lost.
            self.link.serial.write(b"\x03")
            time.sleep(0.3)
            # No soft reset: it would take the timer away that keeps the watchdog quiet meanwhile.
            for attempt in range(3):
                try:
                    self._raw_repl(5)
                    break
                except TransportError:
                    if attempt == 2:
                        raise
                    time.sleep(1)
            self._quiet_watchdog()
        except KeyboardInterrupt:
            self.restart()
            self.link.close()
            raise
        except (TransportError, OSError) as error:
            self.link.close()
            raise BoardError(
                "the board at %s does not answer at its REPL (%s). Is MicroPython on it (make flash)? "
                "Press its reset button and try again within two seconds." % (self.port, error)
            ) from None
        return self

    def _raw_repl(self, seconds):
        # mpremote prints the bytes it did not understand.
        with contextlib.redirect_stdout(io.StringIO()):
            self.link.enter_raw_repl(soft_reset=False, timeout_overall=seconds)

    def _quiet_watchdog(self):
        """main.py has done all this on our Ctrl-C already; not so when it came at another
        moment.
        """
        self.exec(
            "import sys, gc\n"
            "if 'firmware.update.safestart' in sys.modules:\n"
            " _held = sys.modules['firmware.update.safestart'].interrupted()\n"
            "app = None\n"
            "for _n in list(sys.modules):\n"
            " if _n.split('.')[0] in ('firmware', 'umqtt'): del sys.modules[_n]\n"
            "gc.collect()\n"
        )

    def __exit__(self, *_):
        try:
            if self.link.in_raw_repl:
                self.link.exit_raw_repl()
        except (OSError, serial.SerialException):
            pass  # the board was reset and its USB port is gone: nothing left to tidy
        try:
            self.link.close()
        except (OSError, serial.SerialException):
            pass  # the same

    def exec(self, source):
        """Run `source` on the board and return what it printed."""
        try:
            with contextlib.redirect_stdout(io.StringIO()):  # as in _raw_repl
                out, err = self.link.exec_raw(source, timeout=self.silence_s)
            if err:
                raise TransportExecError(1, err.decode("utf-8", "replace"))
            return out.decode("utf-8", "replace")
        except TransportExecError as error:
            lines = error.error_output.strip().split("\n")
            if "ENOSPC" in lines[-1] or lines[-1].strip().endswith("OSError: 28"):
                raise BoardError(
                    "the flash is full; what runs was not touched. `make backup`, then make room"
                ) from None
            raise BoardError("on the board: %s" % lines[-1].strip()) from None
        except _LOST as error:
            raise BoardError(
                "lost the board at %s: %s. Plug it in again and give the same command once more" % (self.port, error)
            ) from None

    def eval(self, expression):
        return ast.literal_eval(self.exec("print(repr(%s))" % expression).strip())

    def load(self, path, name="_m"):
        """Make our own file `path` available on the board as an object `name`, without storing
        it."""
        source = Path(path).read_text()
        self.exec(
            "class %s: pass\n_g = {'__name__': %r}\nexec(%r, _g)\n"
            "for _k in _g: setattr(%s, _k, staticmethod(_g[_k]) if callable(_g[_k]) else _g[_k])"
            % (name, name, strip(source), name)
        )

    def facts(self):
        """{"machine", "version", "mpy", "arch", "platform"} of the MicroPython on the board."""
        found = self.eval(
            "(lambda s: (s.platform, s.implementation._machine, s.implementation.version[:3], "
            "getattr(s.implementation, '_mpy', 0)))(__import__('sys'))"
        )
        platform, machine, version, mpy = found
        index = mpy >> 10 & 15
        return {
            "platform": platform,
            "machine": machine,
            "version": tuple(version),
            "mpy": mpy & 0xFF,
            "arch": ARCHITECTURES[index] if index < len(ARCHITECTURES) else None,
        }

    def read(self, path):
        """The content of a file on the board, or None when there is none."""
        if not self.exists(path):
            return None
        self.exec("f = open(%r, 'rb')" % path)
        pieces = []
        while not pieces or pieces[-1]:
            pieces.append(self.eval("f.read(%d)" % _CHUNK))
        self.exec("f.close()")
        return b"".join(pieces)

    def exists(self, path):
        return self.exec("import os\ntry:\n os.stat(%r)\n print(1)\nexcept OSError:\n print(0)" % path).strip() == "1"

    def write(self, path, data, progress=None):
        """Write a file so that it is there completely or not at all."""
        self.exec("f = open(%r, 'wb')\nw = f.write" % (path + ".tmp"))
        self.append(data, progress)
        self.exec("f.close()")
        self.exec("import os\nos.rename(%r, %r)" % (path + ".tmp", path))

    def append(self, data, progress=None):
        """Hand `data` to the function `w` on the board, in pieces."""
        for at in range(0, len(data), _CHUNK):
            self.exec("w(%r)" % bytes(data[at : at + _CHUNK]))
            if progress:
                progress(at, len(data))

    def reset(self):
        """Restart the board; its answer is the start itself, so none is awaited.

        For boot.py the starts in a row begin anew: what a person ended was no crash, and four commands over the
        cable within ten minutes must not end in safe mode. What they mended is to have a try.
        """
        try:
            self.link.exec_raw_no_follow(_RESET)
            time.sleep(0.3)
        except (TransportError, OSError, serial.SerialException) as error:
            raise BoardError("the board did not take the reset: %s" % error) from None
        self.link.in_raw_repl = False
        self._restarts = True

    def restart(self):
        """Let what our Ctrl-C stopped run again, unless it does: nobody is there later to see a silent device."""
        if not self._restarts:
            # A board that is gone starts when it gets power.
            with contextlib.suppress(BoardError, *_LOST):
                self._raw_repl(2)
                self.reset()


def strip(source):
    """Source without its docstrings and comments' lines: less to send over 115200 baud."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if (
            isinstance(body, list) and body and ast.get_docstring(node, False) is not None
            if (isinstance(node, (ast.Module, ast.FunctionDef, ast.ClassDef)))
            else False
        ):
            node.body = body[1:] or [ast.Pass()]
    return ast.unparse(tree)


class Progress:
    """A line that grows; on a terminal it is rewritten in place, elsewhere each step is a line."""

    def __init__(self, total, out=sys.stdout):
        self.total = total
        self.done = 0
        self.out = out
        self.live = out.isatty()

    def step(self, text, size=0):
        self.done += size
        percent = 100 * self.done // self.total if self.total else 100
        line = "%3d %%  %s" % (percent, text)
        if self.live:
            self.out.write("\r\x1b[K" + line)
        else:
            self.out.write(line + "\n")
        self.out.flush()

    def end(self):
        if self.live:
            self.out.write("\n")


def dumps(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
