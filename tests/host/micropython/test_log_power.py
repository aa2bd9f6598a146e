"""The power may fail at any flash operation of the log: a seeded sample of tests/proof/power_cuts.py.

Of each kind of operation (what the log was doing when it programmed or erased) some are cut, spread over the workload.
"""

import os
from pathlib import Path

import pytest

from tests.proof.power_cuts import sweep
from tools import micropython, patience

pytestmark = pytest.mark.takes(45)

SHARE = 3
# What the workload's operations must be for, so that the sample has hit them.
KINDS = {
    "acknowledgement, program", "cursor, program", "deletion, program", "journal, program", "new segment, program",
    "segment, erase", "segment, program", "start: deletion, program", "start: new segment, program",
    "start: segment, program",
}  # fmt: skip


@pytest.mark.timeout(300)
def test_a_power_cut_in_every_kind_of_operation(capsys):
    found = sweep(SHARE)
    with capsys.disabled():
        print(
            "\nlog: %d power cuts in flash operations of %d kinds; %d to the end, %d starts cut again"
            % (found["cuts"], len(found["hit"]), found["ends"], found["again"])
        )
    assert set(found["kinds"]) >= KINDS, found["kinds"]
    assert found["hit"] == {kind: min(SHARE, count) for kind, count in found["kinds"].items()}
    assert found["cuts"] == 3 * sum(found["hit"].values()) and found["ends"] >= 3 and found["again"] > 10
    assert found["steps"] >= 400 and found["wraps"] >= 3 and found["lost"] > 0 and len(found["rounds"]) > 5


@pytest.mark.parametrize("order", ("fifo", "lifo"))
def test_a_power_cut_while_a_log_that_may_have_less_gives_up_what_was_delivered(order):
    command = micropython.command("tests/host/support/mpy/shrink_cut.py", order, heap=micropython.HARNESS)
    root = Path(__file__).resolve().parents[3]
    done = patience.run(command, 100, cwd=root, env=dict(os.environ, MICROPYPATH=".:.frozen"))
    assert done.stdout.strip().split("\n")[-1].startswith("ok "), done.stdout + done.stderr
    assert int(done.stdout.split()[-1]) > 150
