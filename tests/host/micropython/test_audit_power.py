"""The power may fail at any flash operation of the audit log, on MicroPython's littlefs."""

import os
from pathlib import Path

from tools import micropython, patience

ROOT = Path(__file__).resolve().parents[3]


def test_a_power_cut_at_every_flash_operation():
    command = micropython.command("tests/host/support/mpy/audit_cut.py", heap=micropython.HARNESS)
    done = patience.run(command, 100, cwd=ROOT, env=dict(os.environ, MICROPYPATH=".:.frozen"))
    assert done.stdout.strip().split("\n")[-1].startswith("ok "), done.stdout + done.stderr
    _, cuts, files = done.stdout.split()
    # Through several files: the oldest ones have made way.
    assert int(cuts) > 500 and int(files) > 100
