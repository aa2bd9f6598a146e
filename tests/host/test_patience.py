"""Limits that a slow machine does not use up, against a clock and a machine that the test makes up."""

import queue
import subprocess
import sys
import time

import pytest

from tools import patience


class Machine:
    """The wall clock, and how many processes want one of two cores."""

    def __init__(self, monkeypatch, tmp_path):
        self.now, self.running, self.stolen, self.ticks = 1000.0, 1, 0, 0
        self._stat = tmp_path / "stat"
        self._write()
        monkeypatch.setattr(patience, "_STAT", str(self._stat))
        monkeypatch.setattr(patience.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(patience.time, "sleep", self.sleep)
        monkeypatch.setattr(patience, "cores", lambda: 2)
        monkeypatch.setattr(patience, "_clock", patience._Clock())

    def _write(self):
        head = "cpu %d 0 0 0 0 0 0 %d 0 0\ncpu0 1 2 3\n" % (self.ticks, self.stolen)
        self._stat.write_text(head + "procs_running %d\nprocs_blocked 0\n" % self.running)

    def sleep(self, seconds):
        self.now += seconds
        self.ticks += 10
        self._write()

    def wall_until(self, limit):
        """Seconds of the wall clock until `limit` has passed."""
        began = self.now
        while not limit.passed():
            self.sleep(0.05)
        return self.now - began


@pytest.fixture
def machine(monkeypatch, tmp_path):
    return Machine(monkeypatch, tmp_path)


def test_alone_it_is_the_wall_clock(machine):
    assert machine.wall_until(patience.Limit(10)) == pytest.approx(10, abs=0.1)
    machine.running = 2
    assert machine.wall_until(patience.Limit(10)) == pytest.approx(10, abs=0.1)


@pytest.mark.parametrize("running", (6, 12))
def test_among_others_it_lasts_as_long_as_the_work_does(machine, running):
    machine.running = running
    machine.wall_until(patience.Limit(3))  # it has noticed by now
    assert machine.wall_until(patience.Limit(10)) == pytest.approx(10 * running / 2, rel=0.1)


def test_a_neighbour_on_the_same_hardware_counts_too(machine):
    plain = machine.sleep

    def sleep(seconds):
        machine.stolen += 10  # half of all ticks
        plain(seconds)

    machine.sleep = sleep
    machine.wall_until(patience.Limit(3))
    assert machine.wall_until(patience.Limit(10)) == pytest.approx(20, rel=0.1)


def test_it_ends_however_crowded_the_machine_is(machine):
    machine.running = 100000
    assert machine.wall_until(patience.Limit(1)) < 60


def test_without_that_file_the_load_is_asked_for(machine, monkeypatch):
    monkeypatch.setattr(patience, "_STAT", "/nowhere")
    monkeypatch.setattr(patience.os, "getloadavg", lambda: (8.0, 0, 0))
    machine.wall_until(patience.Limit(3))
    assert machine.wall_until(patience.Limit(10)) == pytest.approx(40, rel=0.1)


def test_until_tells_what_was_found_or_what_was_not(machine):
    assert patience.until(lambda: machine.now > 1002 and "found", 5) == "found"
    assert patience.until(lambda: "", 5) == ""


def test_a_queue_that_stays_empty():
    source = queue.Queue()
    source.put(1)
    assert patience.get(source, 5) == 1
    with pytest.raises(queue.Empty):
        patience.get(source, 0)


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
        "from tests.host.hangs import pytest_timeout_cancel_timer, pytest_timeout_set_timer\n"
    )
    (tmp_path / "test_it.py").write_text(
        "import time\ndef test_one(): time.sleep(3600)\ndef test_two(): time.sleep(0.1)\n"
    )
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--timeout", "2", "-c", "/dev/null"]
    done = patience.run([*command, str(tmp_path)], 120)
    assert "1 failed, 1 passed" in done.stdout, done.stdout + done.stderr
    assert "Timeout (>2.0s)" in done.stdout and "time.sleep(3600)" in done.stdout
