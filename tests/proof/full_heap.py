"""Whatever else fills the heap and for how long: the device goes on or restarts and says why."""

import json
import os
import tempfile
from pathlib import Path

from tools import build, micropython, patience

ROOT = Path(__file__).resolve().parents[2]
_SCRIPT = "tests/proof/mpy/full_heap.py"
_SEEDS = range(6)
_TURNS = 10000


def filled(turns, seed, device=build.DEVICE):
    """What mpy/full_heap.py prints, for the firmware in `device`. AssertionError: a service did nothing any more."""
    with tempfile.TemporaryDirectory() as folder:
        command = micropython.command(_SCRIPT, folder, turns, seed)
        environment = dict(os.environ, MICROPYPATH="%s:%s/lib:.frozen" % (device, device))
        done = patience.run(command, 20 + turns // 50, cwd=ROOT, env=environment)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
        found = json.loads(done.stdout.splitlines()[-1])
        return dict(found, kept=(Path(folder) / "crash.txt").exists())


def proof():
    build.build()
    found = [filled(_TURNS, seed) for seed in _SEEDS]
    assert all(each["kept"] for each in found), "no traceback was kept"
    resets = [why for each in found for why in each["resets"]]
    assert not [why for why in resets if why.startswith("main: ")], resets
    return {
        "turns of the loop": sum(each["turns"] for each in found),
        "times the heap was filled": sum(each["fills"] for each in found),
        "restarts with a reason": resets or "none was needed",
    }
