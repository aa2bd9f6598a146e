"""A board without a board: MicroPython's unix port behind a pty, with a real littlefs as its
flash.

`python -m tools.board.unixboard FOLDER` prints the pty's path and runs until Ctrl-C; every tool
that speaks to a board (mpremote, tools.board, a terminal) can open it. What a board does and a
plain process does not:

- Ctrl-C interrupts a running program: the terminal is the process's controlling terminal.
- Ctrl-D in the REPL is a soft reset: the process ends, and starts again.
- `machine.reset()` and a power cut end the process at once; after a reset it starts again by
  itself.
"""

import errno
import json
import os
import pty
import select
import signal
import subprocess
import termios
import threading
import time
import tty
from pathlib import Path

from tools import micropython, patience
from tools.options import Parser, between

PRELUDE = Path(__file__).resolve().parent / "prelude.py"
_READY = b"[unixboard]\n"
_PROMPT = b">>> "
_RAW_PROMPT = b"raw REPL; CTRL-B to exit\r\n>"
_POWER_ON = 1
_SOFTWARE = 3  # rp2 reports a machine.reset() as the watchdog's, too


class UnixBoard:
    """`path` is the pty to open; `output` collects everything the board says (bytes).

    `wiring`: what stands in unix.json on its flash at each start (firmware/boards/unix.py); None: what lies there.
    """

    def __init__(self, folder, *, blocks=512, heap=micropython.SMALL, cut=0, wiring=None):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.blocks = blocks
        self.heap = heap
        self.wiring = wiring
        self.cut = cut  # flash operations until the power fails, once
        self.watch = ""  # a text on its way to the flash, from the next power-on on: see prelude.py
        self.output = bytearray()
        self.starts = 0
        self.stalls = 0  # how often MicroPython did not say within the limit what it says on its way up
        self.dead = threading.Event()  # set while the power is off
        self._process = None
        self._raw = False
        self._stop = False
        self._reset_at = 0  # when the chip was reset last, in seconds of the monotonic clock
        self._host, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self.path = os.ttyname(self._slave)
        self._wake_r, self._wake_w = os.pipe()
        self._thread = threading.Thread(target=self._pump, name="unix board", daemon=True)

    def start(self):
        self._thread.start()
        return self

    def _spawn(self, cause, mode, soft=False):
        """Start MicroPython; returns what it has said so far, which is still to be handed on."""
        if not soft:
            self._reset_at = time.monotonic()
        master, slave = pty.openpty()
        attributes = termios.tcgetattr(slave)
        # No translation of line ends either way, no echo: mpremote compares byte for byte.
        attributes[0] = attributes[1] = 0
        attributes[3] = termios.ISIG
        characters = attributes[6]
        characters[termios.VINTR] = b"\x03"
        characters[termios.VQUIT] = characters[termios.VSUSP] = b"\0"
        characters[termios.VMIN], characters[termios.VTIME] = 1, 0
        termios.tcsetattr(slave, termios.TCSANOW, attributes)
        environment = dict(
            os.environ,
            TERM="dumb",
            UNIXBOARD_FLASH=str((self.folder / "flash.img").resolve()),
            UNIXBOARD_BLOCKS=str(self.blocks),
            UNIXBOARD_RUN=mode,
            UNIXBOARD_CAUSE=str(cause),
            UNIXBOARD_UP=str(int((time.monotonic() - self._reset_at) * 1000)),
            UNIXBOARD_CUT=str(self.cut),
            UNIXBOARD_WATCH=self.watch,
            UNIXBOARD_WIRING=json.dumps(self.wiring) if self.wiring else "",
        )
        command = micropython.command("-i", PRELUDE, heap=self.heap)
        # setsid -c makes the terminal the controlling one. No fork of our own: with threads about
        # the copy of a Python process may never get as far as its exec.
        process = subprocess.Popen(
            ["setsid", "-c", *command], stdin=slave, stdout=slave, stderr=slave, env=environment
        )
        os.close(slave)
        self._child = master
        # A Ctrl-C would hit MicroPython before it can take one: a board's USB is not up yet either.
        rest = self._swallow(_READY)[1]
        self._process = process
        self.starts += 1
        return rest

    def _pump(self):
        self._say(self._spawn(_POWER_ON, "all"))
        while not self._stop:
            watched = [self._host, self._wake_r]
            if self._process:
                watched.append(self._child)
            ready = select.select(watched, [], [])[0]
            if self._wake_r in ready:
                os.read(self._wake_r, 64)
                if not self._process and not self._stop:
                    self._raw = False
                    self._say(self._spawn(_POWER_ON, "all"))
            if self._process and self._child in ready:
                self._from_board()
            if self._host in ready:
                self._to_board()

    def _from_board(self):
        try:
            data = os.read(self._child, 4096)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            data = b""
        if data:
            self._say(data)
        else:
            self._ended()

    def _say(self, data):
        self.output += data
        if data:
            os.write(self._host, data)

    def _to_board(self):
        data = os.read(self._host, 4096)
        if b"\x01" in data or b"\x02" in data:
            self._raw = data.rfind(b"\x01") > data.rfind(b"\x02")
        if self._process:
            os.write(self._child, data)

    def _ended(self):
        """The process is gone: a soft reset, a reset or a power cut."""
        code = self._process.wait()
        os.close(self._child)
        self._process = None
        if self._stop:
            return
        if code == -signal.SIGKILL:
            self.dead.set()
            return
        if code < 0:
            self._raw = False
            self._say(self._spawn(_SOFTWARE, "all"))
            return
        self._soft_reset()

    def _soft_reset(self):
        self._say(b"MPY: soft reboot\r\n")
        if not self._raw:
            self._say(self._spawn(_SOFTWARE, "all", soft=True))
            return
        # The raw REPL survives a soft reset on a board: what boot.py says is heard, the banner of the REPL is not.
        said = self._swallow(_PROMPT, self._spawn(_SOFTWARE, "boot", soft=True))[0]
        self._say(said.rpartition(b"MicroPython ")[0])
        os.write(self._child, b"\x01")
        rest = self._swallow(_RAW_PROMPT)[1]
        self._say(_RAW_PROMPT + rest)

    def _swallow(self, end, data=b"", seconds=10):
        """Read until `end` has come, `data` being what was read before: (what was before it, what came behind it).

        A board that does not say it within the limit is taken to have said it.
        """
        limit = patience.Limit(seconds)
        while end not in data and not limit.passed():
            if select.select([self._child], [], [], 0.5)[0]:
                data += os.read(self._child, 4096)
        self.stalls += end not in data
        before, _, behind = data.partition(end)
        return before, behind

    def cut_power(self):
        """Kill the process; the flash keeps what was written."""
        if self._process:
            self._process.kill()
            patience.until(self.dead.is_set, 10)

    def power_on(self, cut=0):
        self.cut = cut
        self.dead.clear()
        os.write(self._wake_w, b"x")

    def wait_output(self, text, seconds=30, start=0):
        """Wait until the board has said `text` (bytes) after position `start`; returns its end."""
        limit = patience.Limit(seconds)
        while not limit.passed():
            at = self.output.find(text, start)
            if at >= 0:
                return at + len(text)
            time.sleep(0.02)
        tail = bytes(self.output[start:][-2000:]).decode("utf-8", "replace")
        raise TimeoutError("the board did not say %r; it said:\n%s" % (text, tail))

    def close(self):
        self._stop = True
        if self._process:
            self._process.kill()
        os.write(self._wake_w, b"x")
        self._thread.join(30)
        if self._process:
            self._process.kill()  # it may have been started meanwhile
            self._process.wait()
            os.close(self._child)
        for number in (self._host, self._slave, self._wake_r, self._wake_w):
            os.close(number)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()


def main(argv=None):
    parser = Parser(prog="tools.board.unixboard", description=__doc__.split("\n\n")[0])
    parser.add_argument("folder", help="where the flash image lives")
    parser.add_argument("--blocks", type=between(64), default=512, help="flash size in blocks of 4 KiB")
    args = parser.parse_args(argv)
    with UnixBoard(args.folder, blocks=args.blocks) as board:
        print(board.path, flush=True)
        try:
            while True:
                time.sleep(1)
                if board.dead.is_set():
                    board.power_on()
        except KeyboardInterrupt:
            print()


if __name__ == "__main__":
    main()
