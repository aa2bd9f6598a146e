"""A simulated modem as a process, and a board on MicroPython talking to it over a pty."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading

from tools import micropython, patience
from tools.lwip import lay

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# Everything shorter than on a board, so that a fault takes seconds.
QUICK = {
    "at": 150,
    "guard": 160,
    "register": 4000,
    "denied": 800,
    "look": 200,
    "mux": 400,
    "dial": 2500,
    "ppp": 6000,
    "close": 1500,
    "backoff_min": 50,
    "backoff_max": 300,
    "blocked": 1000,
    "probe": 700,
    "watch": 1000,
    "watch_answer": 700,
    "quiet": 2500,
    "ask": 500,
    "stable": 400,
    "scale": 10,
}


class Simulator:
    """`python -m tools.modem`; `tell(line)` sends a control line."""

    def __init__(self, folder, *arguments):
        self.pty = os.path.join(str(folder), "modem")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tools.modem", "--pty", self.pty, "--control", "0", *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.log = []
        self.pid = self._process.pid
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(self._process.stderr.read())
        self.control = int(line.split()[-1])
        threading.Thread(target=self._drain, daemon=True).start()

    def _drain(self):
        for line in self._process.stderr:
            self.log.append(line.rstrip())

    def tell(self, line):
        with socket.create_connection(("127.0.0.1", self.control), 60) as sock:
            sock.sendall(line.encode() + b"\n")
            return sock.makefile().readline().strip()

    def state(self):
        return json.loads(self.tell("state"))

    def close(self):
        self._process.terminate()
        patience.wait(self._process, 10)


@contextlib.contextmanager
def simulator(folder, *arguments):
    modem = Simulator(folder, *arguments)
    try:
        yield modem
    finally:
        modem.close()


def board(
    modem, actions, settings=None, wires=("power_key", "reset"), heap=micropython.SMALL, timeout=60, **extra
):
    """Run mpy/modem_board.py (`extra`: more of its keys); the answers merged into a dict of lists, and `log`."""
    every = {"apn": "internet", "model": "generic", "cmux": True, "timing": QUICK}
    every.update(settings or {})
    setup = {
        "pty": modem.pty,
        "control": modem.control,
        "settings": every,
        "wires": list(wires),
        "actions": actions,
        **extra,
    }
    # In a file: MicroPython takes no argument longer than 255 characters.
    path = modem.pty + ".json"
    with open(path, "w") as file:
        json.dump(setup, file)
    command = micropython.command("tests/host/mpy/modem_board.py", path, heap=heap)
    environment = dict(os.environ, **lay.environment(modem.control, "build/device:build/device/lib:.frozen"))
    done = patience.run(command, timeout, cwd=ROOT, env=environment)
    answers = {"log": []}
    for line in done.stdout.splitlines():
        if line.startswith("{"):
            for key, value in json.loads(line).items():
                answers.setdefault(key, []).append(value)
        else:
            answers["log"].append(line)
    assert answers.get("done"), (
        done.stdout[-3000:] + done.stderr[-3000:] + "\n".join(modem.log[-20:])
    )
    return answers
