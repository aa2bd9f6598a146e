"""What ran last, on MicroPython."""

import os
import sys
from pathlib import Path

import pytest

from firmware.core import log
from tools import micropython, patience

ROOT = Path(__file__).resolve().parents[3]


_APART = ROOT / "tests" / "host" / "support" / "mpy" / "apart_run.py"


@pytest.mark.parametrize("python", ("cpython", "micropython"))
def test_what_is_done_apart_is_marked_counts_and_ends_as_the_task_that_waits_for_it(python):
    command = [sys.executable, _APART] if python == "cpython" else micropython.command(_APART)
    env = dict(os.environ, PYTHONPATH=".", MICROPYPATH=".:.frozen")
    done = patience.run([*map(str, command)], 60, cwd=ROOT, env=env)
    assert done.returncode == 0 and done.stdout.split() == ["ok"], done.stdout + done.stderr


def test_the_doctor_knows_each_line_by_its_number():
    number = "%04X" % log.number("connected, PPP starts")
    done = patience.run([sys.executable, "-m", "tools.doctor", "line", number], 60)
    assert done.returncode == 0
    assert "connected, PPP starts" in done.stdout and "firmware/net/modem/dial.py" in done.stdout
    assert patience.run([sys.executable, "-m", "tools.doctor", "line", "0000"], 60).returncode == 1
    assert patience.run([sys.executable, "-m", "tools.doctor", "line", "xyz"], 60).returncode == 2
