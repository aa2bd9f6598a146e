"""The power may fail at any flash operation of what is written into a root folder of two blocks: nothing is hidden."""

import os
from pathlib import Path

from tools import micropython, patience

ROOT = Path(__file__).resolve().parents[2]
_SCRIPT = "tests/host/support/mpy/root_cut.py"
# So many small files stand before a device's own: littlefs splits each root at another name.
FILLERS = (2, 5, 9, 12, 15)


def cut(*fillers):
    """How many "cuts", "refused by a full flash", "hidden by renames" in roots with `fillers`. AssertionError."""
    command = micropython.command(_SCRIPT, *fillers, heap=micropython.HARNESS)
    done = patience.run(command, 100 * len(fillers), cwd=ROOT, env=dict(os.environ, MICROPYPATH=".:lib:.frozen"))
    last = done.stdout.strip().split("\n")[-1]
    assert last.startswith("ok "), done.stdout + done.stderr
    return dict(zip(("cuts", "refused by a full flash", "hidden by renames"), map(int, last.split()[1:])))


def proof():
    found = cut(*FILLERS)
    assert found["cuts"] > 800 and found["refused by a full flash"] > 2
    # These roots are of that kind: a rename in them hides files.
    assert found["hidden by renames"] > 20
    return found
