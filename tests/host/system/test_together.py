"""Cases side by side: each has its own result and folder, fails for itself, and those left out do not run."""

import sys

from tools import patience
from tools.twin.device import ROOT

CASES = """
import threading
import pytest
from tests.host.conftest import side_by_side
from tests.host.support.together import together

meeting = threading.Barrier(3)

@pytest.mark.parametrize("name, fails", [("a", False), ("b", True), ("c", False), ("left out", True)])
@together
def test_it(tmp_path, name, fails):
    assert name != "left out"
    (tmp_path / "only").mkdir()
    meeting.wait(60)  # nobody comes through alone
    assert not fails
"""


def test_each_case_for_itself(tmp_path):
    (tmp_path / "test_cases.py").write_text(CASES)
    command = [sys.executable, "-m", "pytest", "-c", "/dev/null", "-p", "no:cacheprovider", "-v", "-k", "not left"]
    done = patience.run([*command, str(tmp_path)], 60, cwd=ROOT)
    assert "1 failed, 2 passed, 1 deselected" in done.stdout, done.stdout + done.stderr
    assert "test_it[b-True] FAILED" in done.stdout and "assert not fails" in done.stdout, done.stdout
