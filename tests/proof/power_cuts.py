"""The power may fail at any flash operation of the log: nothing kept is lost, nothing delivered comes back."""

import json
import subprocess
import threading
from pathlib import Path

from tools import micropython, patience

ROOT = Path(__file__).resolve().parents[2]
SEED = 102
_SCRIPT = "tests/proof/mpy/log_cut.py"
_SUMS = ("cuts", "ends", "again")


def sweep(share, seed=SEED, code=".", parts=1, progress=None):
    """Cut at every operation (share 0), or at so many of each kind; what mpy/log_cut.py prints, of all parts together.

    `code`: the folder with firmware/. `progress(done, all)` is told of the operations. Raises AssertionError with the
    words of the first part that failed.
    """
    running = [_Part(code, seed, share, part, parts) for part in range(parts)]
    try:
        while any(part.alive() for part in running):
            for part in running:
                part.wait(1)
            if progress:
                progress(sum(part.done for part in running), sum(part.every for part in running))
    finally:
        for part in running:
            part.end()
    found = [part.found() for part in running]
    hit = {}
    for each in found:
        for kind, count in each["hit"].items():
            hit[kind] = hit.get(kind, 0) + count
    rounds = sorted({number for each in found for number in each["rounds"]})
    return dict(found[0], hit=hit, rounds=rounds, **{key: sum(each[key] for each in found) for key in _SUMS})


class _Part:
    """One process; its lines are read as they come."""

    def __init__(self, *words):
        self.done = self.every = 0
        self._lines = []
        command = micropython.command(_SCRIPT, *words, heap=micropython.HARNESS)
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self._process.stdout:
            if line.startswith("@ "):
                self.done, self.every = map(int, line.split()[1:])
            else:
                self._lines.append(line)

    def alive(self):
        return self._reader.is_alive()

    def wait(self, seconds):
        self._reader.join(seconds)

    def found(self):
        assert self._process.returncode == 0, "".join(self._lines)
        return json.loads(self._lines[-1])

    def end(self):
        if self._reader.is_alive():
            self._process.kill()
        self._process.wait()


def proof():
    told = [0]

    def progress(done, every):
        if every and done * 20 // every > told[0]:
            told[0] = done * 20 // every
            print("      %3d %% of %d operations" % (told[0] * 5, every), flush=True)

    found = sweep(0, parts=patience.cores(), progress=progress)
    assert found["hit"] == found["kinds"] and found["cuts"] == found["ends"] == 3 * found["operations"] > 14000
    keys = ("operations", "cuts", "ends", "again", "steps", "wraps")
    return {key: found[key] for key in keys}
