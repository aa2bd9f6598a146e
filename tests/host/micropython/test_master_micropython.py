"""The master on real MicroPython, through a pty, against the simulator in a process of its own."""

import json
import os
from pathlib import Path

import pytest

from firmware.iec102 import asdu
from tools import micropython, patience
from tools.twin.device import MeterProcess

ROOT = Path(__file__).resolve().parents[3]


def plain(value):
    """Objects as JSON would carry them, time tags as their text."""
    if isinstance(value, dict):
        return {key: plain(v) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value.text() if hasattr(value, "text") else value


def read(sessions, *options, password=1, baud=9600):
    """What mpy/master_read.py reports of `sessions` sessions with a meter started with `options`."""
    meter = MeterProcess("--pty", "--link", 7, "--point", 1, "--password", 1, *options)
    try:
        order = (meter.path, baud, 7, 1, password, sessions)
        command = micropython.command("tests/host/support/mpy/master_read.py", *order)
        environment = dict(os.environ, MICROPYPATH=".:.frozen")
        result = patience.run(command, 110, cwd=ROOT, env=environment)
    finally:
        meter.stop()
    assert result.returncode == 0, result.stderr + result.stdout
    return json.loads(result.stdout)


def test_what_the_device_reads_is_what_cpython_decodes():
    found = read(3)
    assert found["failures"] == []
    assert found["repeats"] == 0
    answer = asdu.decode(bytes.fromhex(found["raw"]))
    assert answer.type == 163
    assert [o["address"] for o in found["objects"]] == [192, 193, 194]
    assert found["objects"] == plain(answer.objects)
    # A low-voltage meter: 0.1 V.
    assert all(2000 < phase["voltage"] < 2600 for phase in found["objects"][2]["phases"])


def test_wrong_password():
    found = read(1, password=2)
    assert len(found["failures"]) == 1
    assert found["failures"][0].startswith("PasswordError")


@pytest.mark.parametrize("fault", [("--drop", 0.05), ("--corrupt", 0.05), ("--noise", 0.3)])
def test_a_bad_line_costs_time_but_no_values(fault):
    found = read(4, *fault, "--seed", 3)
    sessions = len(found["sessions"])
    assert sessions == 4
    assert len(found["failures"]) < sessions
    assert found["objects"] == plain(asdu.decode(bytes.fromhex(found["raw"])).objects)
