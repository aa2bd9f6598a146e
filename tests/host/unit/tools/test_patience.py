"""Limits that a slow machine does not use up, against a machine that the tests make up."""

import functools
import queue

import pytest

from tools import patience


class Made(patience.Machine):
    """A wall clock, and how many processes want one of two cores."""

    def __init__(self, folder):
        super().__init__(str(folder / "stat"))
        self.clock, self.running, self.stolen, self.ticks = 1000.0, 1, 0, 0
        self.limit = functools.partial(patience.Limit, clock=patience.Clock(self))

    def now(self):
        return self.clock

    def rate(self):
        head = "cpu %d 0 0 0 0 0 0 %d 0 0\ncpu0 1 2 3\n" % (self.ticks, self.stolen)
        with open(self._stat, "w") as file:
            file.write(head + "procs_running %d\nprocs_blocked 0\n" % self.running)
        return super().rate()

    def wall_until(self, seconds, stolen=0):
        """Seconds of the wall clock until a limit has passed."""
        began, limit = self.clock, self.limit(seconds)
        while not limit.passed():
            self.clock += 0.05
            self.ticks += 10
            self.stolen += stolen
        return self.clock - began


@pytest.fixture
def made(monkeypatch, tmp_path):
    monkeypatch.setattr(patience, "cores", lambda: 2)
    return Made(tmp_path)


def test_alone_it_is_the_wall_clock(made):
    assert made.wall_until(10) == pytest.approx(10, abs=0.1)
    made.running = 2
    assert made.wall_until(10) == pytest.approx(10, abs=0.1)


@pytest.mark.parametrize("running", (6, 12))
def test_among_others_it_lasts_as_long_as_the_work_does(made, running):
    made.running = running
    made.wall_until(3)  # it has noticed by now
    assert made.wall_until(10) == pytest.approx(10 * running / 2, rel=0.1)


def test_a_neighbour_on_the_same_hardware_counts_too(made):
    made.wall_until(3, stolen=10)
    assert made.wall_until(10, stolen=10) == pytest.approx(20, rel=0.1)


def test_it_ends_however_crowded_the_machine_is(made):
    made.running = 100000
    assert made.wall_until(1) < 60


def test_without_that_file_the_load_is_asked_for(monkeypatch):
    monkeypatch.setattr(patience, "cores", lambda: 2)
    monkeypatch.setattr(patience.os, "getloadavg", lambda: (8.0, 0, 0))
    assert patience.Machine("/nowhere").rate() == 0.25


def test_until_tells_what_was_found_or_what_was_not():
    seen = iter(("", 0, "found"))
    assert patience.until(lambda: next(seen), 60, pause=0.01) == "found"
    assert patience.until(lambda: "", 0.1, pause=0.01) == ""


def test_a_queue_that_stays_empty():
    source = queue.Queue()
    source.put(1)
    assert patience.get(source, 5) == 1
    with pytest.raises(queue.Empty):
        patience.get(source, 0)
