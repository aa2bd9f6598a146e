"""Every command on MicroPython, and what it costs."""

import re
from pathlib import Path

from tools import build, micropython, patience

ROOT = Path(__file__).resolve().parents[3]


def test_the_same_on_micropython_and_what_it_costs():
    command = micropython.command("tests/host/support/mpy/commands_run.py")
    build.build()  # a board has the help of the commands elsewhere (tools/columns.py)
    done = patience.run(command, 100, cwd=ROOT, env={"MICROPYPATH": "%s:.:.frozen" % build.DEVICE})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ok" in done.stdout
    # Settings and commands together, with every name they have: MicroPython keeps these. Compiled as a board has them
    # it is 2,000 bytes more than from the source, and 42,336.
    assert int(re.search(r"resident (\d+)", done.stdout).group(1)) < 43000, done.stdout
    # What a round of all commands costs the second time is a leak.
    assert int(re.search(r"leaked (\d+)", done.stdout).group(1)) < 64, done.stdout
