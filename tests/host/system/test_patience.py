"""Limits that a slow machine does not use up, of processes."""

import subprocess
import sys
import time

import pytest

from tools import patience


def test_a_program_within_its_limit_and_one_that_never_ends():
    done = patience.run([sys.executable, "-c", "print(input() * 2)"], input="ab\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, "abab\n", "")
    with pytest.raises(subprocess.CalledProcessError):
        patience.run([sys.executable, "-c", "raise SystemExit(3)"], check=True)
    endless = "import time; print('so far', flush=True); time.sleep(3600)"
    began = time.monotonic()
    with pytest.raises(subprocess.TimeoutExpired) as told:
        patience.run([sys.executable, "-c", endless], 2)
    assert "so far" in told.value.output and time.monotonic() - began >= 2


def test_a_test_that_hangs_is_ended_with_its_own_words(tmp_path):
    (tmp_path / "conftest.py").write_text(
        "from tests.host.support.hang_timeout import pytest_timeout_cancel_timer, pytest_timeout_set_timer\n"
    )
    (tmp_path / "test_it.py").write_text(
        "import time\ndef test_one(): time.sleep(3600)\ndef test_two(): time.sleep(0.1)\n"
    )
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--timeout", "2", "-c", "/dev/null"]
    done = patience.run([*command, str(tmp_path)], 120)
    assert "1 failed, 1 passed" in done.stdout, done.stdout + done.stderr
    assert "Timeout (>2.0s)" in done.stdout and "time.sleep(3600)" in done.stdout
