"""The app's watch over the safe start: what the guard decides, when it writes, and how the device leaves.

The guard, the log and the settings are real, on real files; a meter's line is nearly always receiving, and whatever is
written meanwhile is counted (test_flash_gate.py).
"""

import asyncio

import pytest

from firmware.app import device as services
from firmware.app import main as root
from firmware.core import overlay
from firmware.core.flash_gate import Gate
from firmware.update import safestart, slots
from tests.host.support import virtual_time
from tests.host.unit.app.test_flash_gate import Flash, device
from tests.host.unit.update.test_safe_start import install


class Restarted(Exception):
    """The board was reset."""


class Line:
    """A line that pauses for a moment between two answers, as a master does."""

    receiving = False
    ident = "A"

    async def run(self, gate):
        while True:
            gate.close()
            self.receiving = True
            await asyncio.sleep(0.4)
            self.receiving = False
            gate.open()
            await gate.pause()


class Start:
    """One start of the device. `steps` has (what, starts on the flash then) in their order."""

    def __init__(self, tmp_path, monkeypatch, state="ok", starts=1, connected=True):
        self.root = str(tmp_path)
        install(self, "app.a", "app.b", state=state)
        slots.write_text(self.root + "/starts", str(starts))
        self.flash = Flash(monkeypatch, tmp_path)
        self.connected = connected
        self.babbles = False  # its line never falls silent
        self.steps = []
        monkeypatch.setattr(safestart, "guard", None)
        # Half an hour in turns of half a second.
        monkeypatch.setattr(root, "_TURN_MS", 500)

    def on_flash(self, name="starts"):
        return slots.read_text(self.root + "/" + name)

    def run(self, seconds, act=None):
        """Let the device run for so long, then `act(app)`; returns what it was reset for, or None."""
        return virtual_time.run(self._run(seconds, act), 1795000000)

    async def _run(self, seconds, act):
        app = self.app = device(self.flash, Gate())
        app.mqtt.connected = self.connected
        app.board.reset = self._reset
        leave, flush = app.mqtt.leave, app.ring.flush

        async def left():
            await leave()
            self.steps.append(("left the broker", self.on_flash()))

        def flushed():
            flush()
            self.steps.append(("log is durable", self.on_flash()))

        app.mqtt.leave, app.ring.flush = left, flushed
        self.guard = safestart.guard = safestart.Guard(self.root, app.board)
        line = Line()
        self.flash.lines = [line]
        asyncio.ensure_future(line.run(app.gate))
        self.flash.writes = self.flash.disturbed = 0
        watch = asyncio.ensure_future(root._watch(app, self.guard))
        await asyncio.wait([watch], timeout=seconds)
        if act:
            act(app)
            await asyncio.wait([watch], timeout=60)
        assert bool(app.gate.forced) == self.babbles
        if not watch.done():
            return None
        with pytest.raises(Restarted) as ended:
            watch.result()
        return str(ended.value)

    def _reset(self, reason):
        self.steps.append(("reset", self.on_flash()))
        raise Restarted(reason)


@pytest.fixture
def start(tmp_path, monkeypatch):
    return lambda **options: Start(tmp_path, monkeypatch, **options)


def test_ten_minutes_without_a_crash_are_written_once_and_beside_no_answer(start):
    now = start(starts=3)
    assert now.run(590) is None and now.on_flash() == "3"
    assert now.flash.writes == 0
    now = start(starts=3)
    assert now.run(700) is None and now.on_flash() == "0"
    assert now.flash.writes == 1 and now.flash.disturbed == 0


def test_an_update_that_is_online_stays_and_one_that_is_not_is_taken_back(start):
    now = start(state="trial")
    assert now.run(30) is None
    assert now.on_flash("current") == "app.a ok" and now.flash.disturbed == 0
    now = start(state="trial", connected=False)
    assert now.run(1700) is None and now.on_flash("current") == "app.a trial"
    now = start(state="trial", connected=False)
    assert now.run(1900) == "update app.a was not online within 30 min"
    assert now.on_flash("current") == "app.b fallback"
    assert now.flash.writes and now.flash.disturbed == 0
    assert [what for what, _ in now.steps] == ["left the broker", "log is durable", "reset"]


def test_a_look_at_the_heap_is_taken_once_a_second_at_most(start, monkeypatch):
    """It walks through all of the heap: ten of them a second took a ninth of a Pico W's time."""
    looks = []
    monkeypatch.setattr(overlay, "note", lambda: looks.append(1))
    monkeypatch.setattr(root, "_TURN_MS", 100)
    assert start().run(30) is None
    assert 20 <= len(looks) <= 30


def test_a_command_s_restart_takes_its_start_from_the_count_after_all_else_and_beside_no_answer(start):
    now = start(starts=2)
    assert now.run(30, lambda app: app.restart(services.COMMANDED + "console")) == "command on console"
    assert now.steps == [("left the broker", "2"), ("log is durable", "2"), ("reset", "1")]
    assert now.flash.writes and now.flash.disturbed == 0


def test_a_restart_leaves_the_safe_mode(start):
    now = start(starts=4)
    assert now.run(30, lambda app: app.restart(services.COMMANDED + "console")) == "command on console"
    assert now.guard.mode == safestart.SAFE and now.steps[-1] == ("reset", "0")
    assert now.flash.disturbed == 0


def test_a_full_heap_at_the_guard_s_turn_costs_that_turn_only(start, monkeypatch):
    now = start(starts=3)
    tick, turns = safestart.Guard.tick, []

    def full(guard, online):
        turns.append(online)
        if len(turns) < 4:
            raise MemoryError
        return tick(guard, online)

    monkeypatch.setattr(safestart.Guard, "tick", full)
    assert now.run(700) is None
    assert len(turns) > 60 and all(turns) and now.on_flash() == "0"


def test_a_line_that_never_falls_silent_holds_no_restart_up(start, monkeypatch):
    async def babble(self, gate):
        gate.close()
        await asyncio.sleep(3600)

    monkeypatch.setattr(Line, "run", babble)
    now = start(starts=2)
    now.babbles = True
    assert now.run(30, lambda app: app.restart(services.COMMANDED + "console")) == "command on console"
    assert now.steps[-1] == ("reset", "1")
