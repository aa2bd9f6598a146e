"""Settings on MicroPython, and what they cost."""

import re
from pathlib import Path

from tools import build, micropython, patience

ROOT = Path(__file__).resolve().parents[3]


def test_the_same_on_micropython_and_what_it_costs(tmp_path):
    script = ROOT / "tests" / "host" / "support" / "mpy" / "config_run.py"
    command = micropython.command(script, tmp_path / "config.json")
    build.build()  # a board has the help of the settings elsewhere (tools/columns.py)
    done = patience.run(command, 100, cwd=ROOT, env={"MICROPYPATH": "%s:.:.frozen" % build.DEVICE})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ok" in done.stdout
    # The class, the values, and every name that was ever loaded: MicroPython keeps these, in tables of 3 KB.
    assert int(re.search(r"resident (\d+)", done.stdout).group(1)) < 24000, done.stdout
