"""A run of the tests that goes wrong: it ends with the failing test's words, and killed it leaves nothing behind."""

import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from tests.host.support import guardian
from tools import patience

pytestmark = pytest.mark.takes(20)

ROOT = Path(__file__).resolve().parents[3]
CONFTEST = """
from tests.host.support import guardian
from tests.host.support.failure_summary import pytest_terminal_summary

def pytest_configure(config):
    if not hasattr(config, "workerinput"):
        guardian.begin()
"""
BUSY = """
import time
from tests.host.support.twin_lab import Lab
from tools.board.unixboard import UnixBoard

def test_it(tmp_path):
    with Lab(tmp_path / "lab") as lab, UnixBoard(tmp_path / "board") as board:
        lab.twin.start()
        board.wait_output(b">>> ")
        open(%r, "w").close()
        time.sleep(3600)
"""
RED = """
import pytest

@pytest.mark.parametrize("number", range(7))
def test_it(number):
    print("noise\\n" * 300)
    assert number == "the words of its own"

def test_the_board_says_why():
    raise RuntimeError("no answer:" + "\\n  a line of the board" * 200)
"""


def folder(path, **files):
    (path / "conftest.py").write_text(CONFTEST)
    for name, text in files.items():
        (path / (name + ".py")).write_text(text)
    return path


def command(path, *words):
    base = ["-m", "pytest", "-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir", str(path), "-ra"]
    return [sys.executable, *base, "--basetemp", str(path / "base"), *words, str(path)]


@pytest.mark.parametrize("words", ((), ("-n", "2")))
@pytest.mark.parametrize("more", ({}, {"CI": "true"}), ids=("desk", "ci"))
def test_the_last_fifty_lines_hold_the_failing_test_s_own_words(tmp_path, words, more):
    dropped = (guardian.MARK, "CI", "BUILD_NUMBER")
    environment = {key: value for key, value in os.environ.items() if key not in dropped} | more
    done = patience.run(command(folder(tmp_path, test_red=RED), *words), 120, cwd=ROOT, env=environment)
    last = done.stdout.splitlines()[-50:]
    assert done.returncode == 1 and "8 failed" in last[-1]
    text = "\n".join(last)
    assert "test_red.py::test_it[" in text and "== 'the words of its own'" in text and "and 3 more" in text


@pytest.mark.timeout(300)
@pytest.mark.parametrize("starter", ("pytest", "shell"))
@pytest.mark.parametrize("number", (signal.SIGINT, signal.SIGTERM, signal.SIGKILL))
def test_a_killed_run_leaves_no_process_behind(tmp_path, starter, number):
    mark = "LECTOR_LOOKED_FOR=" + uuid.uuid4().hex
    name, _, value = mark.partition("=")
    environment = {key: text for key, text in os.environ.items() if key != guardian.MARK}
    environment[name] = value
    path = folder(tmp_path, test_busy=BUSY % str(tmp_path / "ready"))
    words = command(path, "-n", "1")
    if starter == "shell":
        words = ["sh", "-c", '"$@"; true', "sh", *words]
    run = subprocess.Popen(
        words, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        assert patience.until((tmp_path / "ready").exists, 90)
        assert len(guardian.marked(mark)) >= 6
        if number == signal.SIGINT:
            os.killpg(run.pid, number)  # as a terminal does
        else:
            run.send_signal(number)
        patience.wait(run, 60)
        assert patience.until(lambda: not guardian.marked(mark), 60), guardian.marked(mark)
    finally:
        run.kill()
        run.wait()
        for pid in guardian.marked(mark):
            os.kill(pid, signal.SIGKILL)


def test_workers_go_by_the_cores_that_may_be_used():
    script = "from tests.host.conftest import pytest_xdist_auto_num_workers as w; print(w(None))"
    one = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); " + script
    for source, cores in ((script, len(os.sched_getaffinity(0))), (one, 1)):
        done = patience.run([sys.executable, "-c", source], 60, cwd=ROOT, check=True)
        assert int(done.stdout) == 3 * cores
