"""A service that fails starts again, whatever it failed with, and whatever fails while that is told.

A heap that is full for an instant while a service fails once left a device that read nothing, said nothing and fed its
watchdog for ever: the supervisor itself had died. So memory is refused here at each place where the supervisor asks
for any, once, a few times and for ever: the service lives again, or the board restarts and says why.
"""

import asyncio
from types import SimpleNamespace

import pytest

from firmware.app import main as root
from firmware.core import log, overlay
from firmware.core.compat import sleep_ms
from tests.host.support import virtual_time


class Failing:
    def __init__(self, lives, error):
        self.lives, self.error = lives, error

    async def run(self):
        self.lives.append(True)
        await sleep_ms(10)
        raise self.error


def lives_in(seconds, error):
    lives = []
    watched = root.Supervised("part", Failing(lives, error))

    async def main():
        task = asyncio.create_task(watched.run())
        await sleep_ms(seconds * 1000)
        task.cancel()

    virtual_time.run(main())
    return len(lives), watched


@pytest.mark.parametrize("error", (ValueError("x"), OSError(5), MemoryError(), AttributeError("y")))
def test_whatever_it_fails_with(error):
    count, watched = lives_in(20, error)
    # 1, 2, 4 and 8 s between them.
    assert count == 5 and watched.restarts == 5
    assert watched.last_error.startswith(type(error).__name__)


def test_no_memory_even_for_the_words(monkeypatch):
    def full(line):
        raise MemoryError

    monkeypatch.setattr(log, "sink", full)
    monkeypatch.setattr(root, "print_exception", full)
    count, watched = lives_in(20, MemoryError())
    assert count == 5 and watched.last_error == "out of memory"


class Reset(Exception):
    """The board was reset; the text is the reason."""


class Board:
    def __init__(self):
        self.fed = 0

    def feed(self):
        self.fed += 1

    def led(self, code):
        pass

    def reset(self, reason):
        raise Reset(reason)


class Turning:
    """A service that turns, and fails every five seconds."""

    def __init__(self):
        self.turns = 0
        self.hangs = False

    async def run(self):
        for _ in range(10):
            await sleep_ms(500)
            self.turns += 1
            while self.hangs:
                await asyncio.Event().wait()
        raise OSError(5)


class Memory:
    """Refuses memory at one place, the first `times` times it is asked for there."""

    def __init__(self, monkeypatch, times):
        self.monkeypatch = monkeypatch
        self.left = times
        self.asked = 0

    def refuse(self, owner, name):
        self.monkeypatch.setattr(owner, name, self.refusing(getattr(owner, name)))

    def refusing(self, function):
        def call(*rest, **named):
            if function is sleep_ms and rest[0] < 1000:
                return function(*rest)  # a turn of the watch
            self.asked += 1
            if self.left > 0:
                self.left -= 1
                raise MemoryError
            return function(*rest, **named)

        return call


async def nothing():
    """Nothing is due."""


def app_with(service):
    app = SimpleNamespace(
        watched=[],
        longest_turn_ms=0,
        board=Board(),
        safe=False,
        lines=[],
        reached=lambda: None,
        gate=None,
        restart_reason="",
        watch_trial=lambda: None,
        note=nothing_noted,
        report=nothing,
        ring=SimpleNamespace(flush=lambda: None),
    )
    app.watched.append(root.Supervised("part", service))
    return app


async def nothing_noted():
    """For the audit log."""


def watched_for(seconds, app, act=None):
    """Run the services of `app` under its watch; what the board was reset for, or None."""

    async def main():
        for each in app.watched:
            each.task = asyncio.ensure_future(each.run())
        if act:
            asyncio.ensure_future(act())
        try:
            await asyncio.wait_for(root._watch(app, None), seconds)
        except asyncio.TimeoutError:
            return None
        except Reset as reset:
            return str(reset)
        finally:
            for each in app.watched:
                each.task.cancel()

    return virtual_time.run(main())


class Guard:
    """firmware.update.safestart.Guard"""

    async def keep(self, error, name):
        pass

    def keep_now(self, error, name):
        pass


# Every place where the supervisor takes something from the heap: (owner, name).
PLACES = {
    "its coroutine": (Turning, "run"),
    "the mark of its turns": (root, "Marked"),
    "its traceback on the console": (root, "print_exception"),
    "the task that keeps the traceback": (Guard, "keep"),
    "the traceback without a task": (Guard, "keep_now"),
    "the words of its failure": (log, "error"),
    "the words of the watch": (log, "info"),
    "the end of its wait": (root, "sleep_ms"),
}


@pytest.mark.parametrize("times", (1, 3, 10**9))
@pytest.mark.parametrize("place", PLACES)
def test_memory_refused_at_one_place_of_the_supervisor(monkeypatch, place, times):
    monkeypatch.setattr(root, "_FIRST_REPORT_MS", 5000)
    monkeypatch.setattr(root, "_TURN_MS", 500)
    memory = Memory(monkeypatch, times)
    monkeypatch.setattr(root, "crashes", Guard())
    service = Turning()
    app = app_with(service)
    if place == "the traceback without a task":
        Memory(monkeypatch, 10**9).refuse(Guard, "keep")
    memory.refuse(*PLACES[place])
    reason = watched_for(1100, app)
    assert memory.asked
    if reason:
        assert reason in ("part: its task has died", "part: never enough memory")
        assert times > 3 or place == "the end of its wait"
    else:
        # Lives of five seconds, in the end a minute apart.
        assert service.turns > 10 * 15 and app.board.fed > 2000


def test_what_the_supervisor_holds_back_is_there_when_a_service_starts_and_its_traceback_is_kept(monkeypatch):
    seen = []
    monkeypatch.setattr(root, "crashes", Guard())
    monkeypatch.setattr(Guard, "keep_now", lambda self, error, name: seen.append(overlay._held))
    Memory(monkeypatch, 10**9).refuse(Guard, "keep")
    service = Turning()
    begin = Turning.run
    monkeypatch.setattr(Turning, "run", lambda self: seen.append(overlay._held) or begin(self))
    overlay.hold()
    assert watched_for(20, app_with(service)) is None
    assert len(seen) > 3 and not any(seen) and len(overlay._held) == overlay._HELD


def test_a_service_that_stands_still_restarts_the_board_and_the_watchdog_is_not_fed(monkeypatch):
    service = Turning()
    app = app_with(service)

    async def hang():
        await asyncio.sleep(12)
        service.hangs = True
        await asyncio.sleep(5)
        hang.fed = app.board.fed

    assert watched_for(3600, app, hang) == "part: stands still"
    limit = root._LIMIT_MS // root._TURN_MS
    assert limit - 100 < app.board.fed - hang.fed < limit + 10


def test_a_service_whose_task_died_restarts_the_board(monkeypatch):
    app = app_with(Turning())

    async def kill():
        await asyncio.sleep(3)
        app.watched[0].task.cancel()

    assert watched_for(3600, app, kill) == "part: its task has died"
    assert app.board.fed < 35


def test_a_restart_needs_no_memory_it_has_to_find(monkeypatch):
    app = app_with(Turning())
    app.restart_reason = "command on mqtt"

    async def full():
        raise MemoryError

    app.before_restart = full
    Memory(monkeypatch, 10**9).refuse(log, "error")
    assert watched_for(60, app) == "command on mqtt"
