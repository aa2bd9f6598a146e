"""The power may fail at any flash operation: nothing that was kept is lost, nothing delivered comes back."""

import json
import subprocess
from pathlib import Path

import pytest

from tools import micropython

ROOT = Path(__file__).resolve().parents[2]
PARTS = 4
# In every so-manieth operation one cut's workload goes on to its end, in the others a few steps. 1: all (make bench).
FURTHER = 60


def sweep(parts=PARTS, further=FURTHER):
    """Cut at every operation; the sums of what tests/host/mpy/log_cut.py prints."""
    command = micropython.command("tests/host/mpy/log_cut.py", heap=micropython.HARNESS)
    running = [
        subprocess.Popen(
            command + [str(part), str(parts), str(further)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for part in range(parts)
    ]
    found = []
    try:
        for process in running:
            out = process.communicate()[0]
            assert process.returncode == 0, out
            found.append(json.loads(out))
    finally:
        for process in running:
            process.kill()
            process.wait()
    first = found[0]
    return dict(
        first, cuts=sum(each["cuts"] for each in found), ends=sum(each["ends"] for each in found)
    )


@pytest.mark.timeout(600)
def test_a_power_cut_at_every_program_and_erase(capsys):
    found = sweep()
    with capsys.disabled():
        print(
            "\nlog: %(cuts)d power cuts within the %(operations)d flash operations of %(steps)d appends and "
            "acknowledgements, %(ends)d to the end; %(wraps).0f times round the ring" % found
        )
    assert found["cuts"] == 3 * found["operations"] > 5000
    assert found["steps"] >= 400 and found["wraps"] >= 3 and found["lost"] > 0
    assert found["ends"] > found["operations"] // FURTHER - PARTS
