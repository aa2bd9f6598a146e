"""A simulated modem as a process, and a board on MicroPython talking to it over a pty."""

import contextlib
import json
import os
import subprocess
import sys

from tools import micropython, patience
from tools.lwip import lay
from tools.modem.process import ModemProcess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

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


class Simulator(ModemProcess):
    """`python -m tools.modem`; `tell(line)` sends a control line."""

    def __init__(self, folder, *arguments):
        self.pty = os.path.join(str(folder), "modem")
        super().__init__(
            subprocess.Popen(
                [sys.executable, "-m", "tools.modem", "--pty", self.pty, "--control", "0", *arguments],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )

    def close(self):
        self.process.terminate()
        patience.wait(self.process, 10)


@contextlib.contextmanager
def simulator(folder, *arguments):
    modem = Simulator(folder, *arguments)
    try:
        yield modem
    finally:
        modem.close()


def board(modem, actions, settings=None, wires=("power_key", "reset"), heap=micropython.SMALL, timeout=60, **extra):
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
    command = micropython.command("tests/host/support/mpy/modem_board.py", path, heap=heap)
    environment = dict(os.environ, **lay.environment(modem.control, "build/device:build/device/lib:.frozen"))
    done = patience.run(command, timeout, cwd=ROOT, env=environment)
    answers = {"log": []}
    for line in done.stdout.splitlines():
        if line.startswith("{"):
            for key, value in json.loads(line).items():
                answers.setdefault(key, []).append(value)
        else:
            answers["log"].append(line)
    assert answers.get("done"), done.stdout[-3000:] + done.stderr[-3000:] + "\n".join(modem.log[-20:])
    return answers
