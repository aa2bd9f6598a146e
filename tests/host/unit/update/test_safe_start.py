"""Safe start:
the count of starts, the way back to the previous version, safe mode, the kept crash.
"""

import asyncio
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import boot
from firmware.core import log
from firmware.update import order, safestart, slots, starts


class Memory:
    """`machine` with RAM that survives a reset."""

    PWRON_RESET = 1

    def __init__(self):
        self.words = [0] * 7
        self.cause = 3

    def mem_backup(self):
        return self.words

    def reset_cause(self):
        return self.cause


@pytest.fixture
def flash(tmp_path, monkeypatch):
    """An empty flash as the working directory, a machine that says: restarted, and time stands."""
    monkeypatch.chdir(tmp_path)
    machine = Memory()
    monkeypatch.setitem(sys.modules, "machine", machine)
    # boot.py runs in the namespace of the interpreter itself.
    monkeypatch.setattr(sys.modules["__main__"], "_memory", boot._memory, raising=False)
    seconds = [1000]
    monkeypatch.setattr(safestart, "monotonic_s", lambda: seconds[0])
    monkeypatch.setattr(safestart, "guard", None)
    monkeypatch.setattr(log, "notes", [])
    return SimpleNamespace(root=str(tmp_path), machine=machine, seconds=seconds)


def noted():
    """What the audit log has to write, without the time."""
    return [said[:-1] for said in log.notes]


def install(flash, *folders, state="ok"):
    for folder in folders:
        slots.clear(flash.root, folder)
        Path(flash.root, folder, slots.PACK).write_bytes(b"")
        slots.seal(flash.root, folder, {"version": folder, "serial": 1})
    slots.switch(flash.root, folders[0], state)


def start(flash):
    """One start as boot.py makes it: (folder, mode)."""
    folder, starts = boot.choose()
    boot._counted(folder, starts)
    flash.guard = safestart.Guard(flash.root)
    assert flash.guard.starts == starts
    return folder, flash.guard.mode


def test_three_failed_starts_then_previous_then_safe_mode(flash):
    install(flash, "app.b", "app.a")
    assert [start(flash) for _ in range(3)] == [("app.b", "normal")] * 3
    assert [start(flash) for _ in range(3)] == [("app.a", "previous")] * 3
    assert slots.read_text("why") == "app.b failed 3 starts"
    assert [start(flash) for _ in range(5)] == [("app.a", "safe")] * 5


def test_without_a_previous_version_safe_mode_comes_at_once(flash):
    install(flash, "app.a")
    assert [start(flash) for _ in range(3)] == [("app.a", "normal")] * 3
    assert start(flash) == ("app.a", "safe")


def test_a_start_that_went_well_ends_the_count(flash):
    install(flash, "app.a")
    start(flash), start(flash), start(flash)
    flash.seconds[0] += 599
    flash.guard.tick(True)
    assert slots.read_text("starts") == "3"
    flash.seconds[0] += 1
    flash.guard.tick(True)
    assert slots.read_text("starts") == "0"
    assert start(flash) == ("app.a", "normal")


def test_restarts_in_good_order_do_not_count(flash):
    install(flash, "app.a")
    for _ in range(6):
        assert start(flash) == ("app.a", "normal")
        flash.guard.restarting()


def test_a_restart_in_good_order_ends_the_safe_mode(flash):
    install(flash, "app.a")
    for _ in range(4):
        start(flash)
    # One that nobody ordered does not.
    assert start(flash) == ("app.a", "safe")
    flash.machine.words[-2:] = [0xA5, 4]  # as with a flash that could not be written
    flash.guard.restarting()
    assert [start(flash) for _ in range(3)] == [("app.a", "normal")] * 3
    assert start(flash) == ("app.a", "safe")


def test_pulling_the_plug_is_no_crash_but_does_not_save_an_update_on_trial(flash):
    install(flash, "app.a")
    flash.machine.cause = flash.machine.PWRON_RESET
    assert [start(flash) for _ in range(6)] == [("app.a", "normal")] * 6
    install(flash, "app.b", "app.a", state="trial")
    assert [start(flash)[0] for _ in range(4)] == ["app.b"] * 3 + ["app.a"]
    assert "on trial" in slots.read_text("why")


def test_a_version_that_is_not_complete_is_not_started(flash):
    install(flash, "app.b", "app.a")
    os.remove("app.b/manifest.json")
    assert start(flash) == ("app.a", "previous")
    assert slots.read_text("why") == "app.b is not complete"


def test_files_on_the_root_need_no_versions(flash):
    assert boot.choose() == (None, 1)


def test_damaged_state_files_do_not_keep_it_from_starting(flash):
    install(flash, "app.a")
    Path("starts").write_text("rubbish")
    Path("current").write_text("")
    assert start(flash) == ("app.a", "normal")


def test_crash_count_with_a_flash_that_cannot_be_written(flash, monkeypatch, capsys):
    install(flash, "app.a")

    def full(name, mode="r"):
        if mode == "w":
            raise OSError(28)
        return open(name, mode)

    monkeypatch.setattr(boot, "open", full, raising=False)
    seen = []
    for _ in range(4):
        folder, starts = boot.choose()
        boot._counted(folder, starts)
        seen.append(starts)
    assert seen == [1, 2, 3, 4]
    assert "cannot write starts" in capsys.readouterr().out


def test_update_on_trial_is_confirmed_by_being_online(flash):
    install(flash, "app.b", "app.a", state="trial")
    start(flash)
    assert starts.report(flash.guard)["trial"]
    assert flash.guard.tick(True) is None
    assert slots.current(flash.root) == ("app.b", "ok")
    assert not starts.report(flash.guard)["trial"]
    assert noted() == [("device", "update app.b confirmed")]


def test_update_that_never_gets_online_is_taken_back(flash):
    install(flash, "app.b", "app.a", state="trial")
    start(flash)
    flash.seconds[0] += 1799
    assert flash.guard.tick(False) is None
    flash.seconds[0] += 1
    assert flash.guard.tick(False) == "update app.b was not online within 30 min"
    assert noted() == [("device", "back to the version before", "update app.b was not online within 30 min")]
    assert start(flash) == ("app.a", "previous")


def test_an_update_that_failed_stands_in_the_audit_log(flash):
    gate = SimpleNamespace(wait=lambda: asyncio.sleep(0))
    device = SimpleNamespace(board=SimpleNamespace(root=flash.root), gate=gate, order=None)
    told = []
    failed = SimpleNamespace(device=device, at=(77, 100), let_go=lambda *state: told.append(state))
    asyncio.run(order.end(failed, ValueError("the signature is another's")))
    assert told == [("failed", "the signature is another's")]
    assert noted() == [("device", "the update failed", "the signature is another's")]


def test_safe_mode_tries_again_after_six_hours(flash):
    install(flash, "app.a")
    for _ in range(4):
        start(flash)
    assert flash.guard.mode == "safe"
    flash.seconds[0] += 6 * 3600
    assert "another try" in flash.guard.tick(False)
    assert start(flash) == ("app.a", "normal")


def test_the_crash_is_kept_bounded_and_summarised(flash):
    safestart.guard = safestart.Guard(flash.root)
    try:
        raise ValueError("the meter spoke " + "x" * 5000)
    except ValueError as error:
        safestart.crashed(error, "meter")
    text = Path("crash.txt").read_text()
    assert len(text) <= 1500
    assert text.startswith("meter: ")
    again = safestart.Guard(flash.root)
    assert len(starts.report(again)["crash"]) <= 120
    assert starts.last_crash(again) == text
    os.remove("crash.txt")
    assert starts.last_crash(again) == ""


def test_a_failing_service_is_kept_when_it_is_new_and_once_an_hour(flash, monkeypatch):
    guard = safestart.guard = safestart.Guard(flash.root)
    waits = []

    class Open:
        async def wait(self):
            waits.append(1)

    guard.app = SimpleNamespace(gate=Open())

    def fail(text, seconds=0):
        flash.seconds[0] += seconds
        try:
            raise ValueError(text)
        except ValueError as error:
            asyncio.run(guard.keep(error, "port 1"))
        return slots.read_text("crash.txt", 1500).strip().split("\n")[-1]

    assert fail("one") == "ValueError: one"
    assert Path("crash.txt").read_text().startswith("port 1: Traceback")
    assert fail("two") == "ValueError: one"
    assert fail("one", 3600) == "ValueError: one" and len(waits) == 1
    assert fail("two") == "ValueError: two" and len(waits) == 2
    assert fail("three", 3599) == "ValueError: two"
    # What the device restarts for is always kept.
    try:
        raise OSError(5)
    except OSError as error:
        safestart.crashed(error)
    assert Path("crash.txt").read_text().startswith("main: ")


def test_the_restart_into_an_update_leaves_its_count_alone(flash):
    install(flash, "app.a", "app.b")
    start(flash), start(flash), start(flash)
    slots.switch(flash.root, "app.b", "trial", "update to 2")
    flash.guard.restarting()
    assert slots.read_text("starts") == "0"


def test_begin_starts_the_watchdog_only_after_the_window(flash, monkeypatch):
    order = []
    monkeypatch.setattr(starts.time, "sleep", lambda s: order.append("wait"))
    board = SimpleNamespace(root=flash.root, window_ms=300, feed=lambda: order.append("watchdog"))
    assert starts.begin(board).mode == "normal"
    assert order == ["wait"] * 3 + ["watchdog"]
