"""Power cuts while the root folder of a flash is written, on littlefs."""

import os

import pytest

from tests.host.unit.update.test_root import ROOT
from tools import micropython, patience


@pytest.mark.timeout(300)
def test_a_power_cut_at_any_flash_operation_hides_no_file_of_a_root_of_two_blocks():
    command = micropython.command("tests/host/support/mpy/root_cut.py", heap=micropython.HARNESS)
    done = patience.run(command, 200, cwd=ROOT, env=dict(os.environ, MICROPYPATH=".:lib:.frozen"))
    last = done.stdout.strip().split("\n")[-1]
    assert last.startswith("ok "), done.stdout + done.stderr
    cuts, full, hidden = map(int, last.split()[1:])
    assert cuts > 800 and full > 2
    # These roots are of that kind: a rename in them hides files.
    assert hidden > 20
