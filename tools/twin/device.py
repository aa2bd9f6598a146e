"""The twin as an object: start, restart, kill and inspect the firmware and the simulators around it."""

import ctypes
import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from tools import build, micropython, patience
from tools.lwip import lay
from tools.twin.ptys import Bridge

ROOT = Path(__file__).resolve().parent.parent.parent
DEVICE = ROOT / "build" / "device"
RESTART = 3  # firmware/boards/twin.py: exit code of a firmware that wants to start again
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def _die_with_parent():
    """In a child before exec: the kernel ends it when this process is gone, however that happened."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def spawn(command, **options):
    """Start `command` in a session of its own, so that a Ctrl-C reaches only us and we end it in order."""
    return subprocess.Popen(command, start_new_session=True, preexec_fn=_die_with_parent, **options)


def finish(process, grace=3):
    """End a child: politely, then for certain."""
    if process and process.poll() is None:
        process.terminate()
        try:
            patience.wait(process, grace)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def spawn_modem(*words):
    """Start `python -m tools.modem` with `words`; the process a ModemProcess wants (tools/modem/process.py)."""
    command = [sys.executable, "-u", "-m", "tools.modem", *map(str, words)]
    return spawn(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def claim(folder):
    """The folder with a flash is this process's until the file that is returned is closed, or the process gone; None:
    another one has it."""
    folder.mkdir(parents=True, exist_ok=True)
    file = open(folder / "in-use", "a")  # noqa: SIM115  for as long as the run lasts
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file


def end_like_ctrl_c(*signals):
    """Let each of these signals raise KeyboardInterrupt, so that what was started is ended in order."""

    def interrupted(*_):
        raise KeyboardInterrupt

    for number in signals:
        signal.signal(number, interrupted)


class MeterProcess:
    """`python -m tools.meter` in a process of its own; `path` is its pty."""

    def __init__(self, *arguments):
        self.process = spawn(
            [sys.executable, "-u", "-m", "tools.meter", *map(str, arguments)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        line = self.process.stdout.readline()
        found = re.search(r"listening on (\S+)", line)
        if not found:
            raise RuntimeError("the meter simulator did not start: %r" % line)
        self.path = found.group(1)
        self.banner = line.strip()

    def control(self, command):
        """Send one line to the simulator's control input and return its answer."""
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def stop(self):
        finish(self.process)


class Twin:
    """The firmware on MicroPython in `folder` (its flash image, its log and twin.json live there).

    `settings` is a dict of configuration values laid over the defaults at each start; `ports` the paths of the
    ptys its meters hang on; `device` the folder of the compiled firmware (None: the version that boards with such a
    heap take; the other one is built by whoever starts tests). `on_line` is called with each line the
    firmware prints. What twin.json has beside (`extra`) firmware/boards/twin.py knows; with `keep` the settings are
    kept in the flash, and stay what commands made of them when the firmware starts again by itself.
    """

    def __init__(
        self,
        folder,
        ports,
        settings,
        *,
        ident="860000000000001",
        heap=micropython.SMALL,
        on_line=None,
        device=None,
        **extra,
    ):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.console = Bridge()
        self.heap = heap
        self.device = Path(device or (build.full() if heap in (micropython.MIDDLE, micropython.ROOMY) else DEVICE))
        self.on_line = on_line
        self.lines = []
        self.process = None
        self._reader = None
        self._stopping = False
        self.starts = 0
        self.setup = dict(extra, ports=list(ports), console=self.console.device, ident=ident, settings=settings)

    def write_setup(self):
        setup = dict(self.setup)
        if setup.get("keep") and setup.get("cause"):
            del setup["settings"]
        (self.folder / "twin.json").write_text(json.dumps(setup))

    def start(self):
        # The clock goes on through a restart; begun like this it stands at `epoch` again.
        self.setup["since"] = time.time()
        self.write_setup()
        self._stopping = False
        self._spawn()
        self._reader = threading.Thread(target=self._read, name="firmware", daemon=True)
        self._reader.start()
        return self

    def _spawn(self):
        # MicroPython keeps the path of each module it loaded in its heap; on a board it is as short as this. (With the
        # script's name instead of -m it would be the whole path on the host.)
        app = self.folder / "app"
        if app.is_symlink() and app.readlink().parent == DEVICE.parent and app.readlink() != self.device:
            app.unlink()  # of a run with the other version
        if not app.is_symlink():
            app.symlink_to(self.device)
        self.process = spawn(
            micropython.command("-m", "main", heap=self.heap),
            cwd=self.folder,
            env=dict(os.environ, **self._environment("app:app/lib:.frozen")),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
        )
        self.starts += 1

    def _environment(self, path):
        modem = self.setup.get("modem")
        return lay.environment(modem["control"], path) if modem else {"MICROPYPATH": path}

    def _read(self):
        with open(self.folder / "firmware.log", "a") as log:
            while True:
                process = self.process
                for line in process.stdout:
                    log.write(line)
                    log.flush()
                    self.lines.append(line.rstrip("\n"))
                    del self.lines[:-2000]
                    if self.on_line:
                        self.on_line(line.rstrip("\n"))
                code = process.wait()
                if self._stopping or code != RESTART:
                    return
                self.setup["cause"] = "restart"
                self.write_setup()
                self._spawn()

    def restarting(self):
        """Whether the firmware asked to be started again and is about to be."""
        return self._reader is not None and self._reader.is_alive()

    def wait_line(self, pattern, seconds=30):
        """Return the first line (since the start) that matches the regular expression, or raise TimeoutError."""
        limit = patience.Limit(seconds)
        while not limit.passed():
            for line in list(self.lines):
                if re.search(pattern, line):
                    return line
            if self.process.poll() is not None and self.process.poll() != RESTART:
                break
            time.sleep(0.05)
        raise TimeoutError("no line like %r; last lines:\n%s" % (pattern, "\n".join(self.lines[-30:])))

    def kill(self):
        """Cut the power: SIGKILL, nothing is flushed."""
        self._stopping = True
        self.process.kill()
        self.process.wait()
        self._reader.join(5)

    def stop(self):
        self._stopping = True
        finish(self.process)
        if self._reader:
            self._reader.join(5)

    def close(self):
        self.stop()
        self.console.close()
