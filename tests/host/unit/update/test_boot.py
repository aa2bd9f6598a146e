"""boot.py, that of today and that of the devices in the field: whatever its files hold something starts, what comes
over the cable is no failed start, and a version that is not what its manifest says is not started."""

import asyncio
import hashlib
import json
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

import boot
from firmware.update import safestart, slots, starts
from tools import release

FILES = ("current", "starts", "why", "crash.txt", "app.b/manifest.json", "app.a/manifest.json")
PACK = b"L102PAK1" + bytes(range(256)) * 20
# Texts, rubbish, and bytes that are no text at all.
CONTENTS = (
    b"", b"\n", b"app.b", b"app.b ok", b"app.b ok and more", b"app.c ok", b"../etc trial", b"ok", b"\x00" * 300,
    b"\xff\xfe\xfd", b"app.b \xc3", b"app.a\xa0ok", b"9" * 5000, b"-9999999", b"[]", b"7", b'{"sha256": 5}',
    b"{" * 400,
)  # fmt: skip


class Machine:
    PWRON_RESET = 1
    SOFT_RESET = 5
    cause = 3

    def reset_cause(self):
        return self.cause


@pytest.fixture
def flash(tmp_path, monkeypatch):
    """Both versions on a flash that is the working directory; `machine` says: restarted."""
    monkeypatch.chdir(tmp_path)
    machine = Machine()
    monkeypatch.setitem(sys.modules, "machine", machine)
    monkeypatch.setattr(boot, "_pack", "")
    for folder in slots.FOLDERS:
        install(folder)
    slots.switch(str(tmp_path), "app.b", "ok")
    return SimpleNamespace(root=str(tmp_path), machine=machine)


def install(folder, content=PACK, told=PACK):
    slots.clear(".", folder)
    Path(folder, slots.PACK).write_bytes(content)
    slots.seal(".", folder, {"version": folder, "serial": 1, "sha256": hashlib.sha256(told).hexdigest()})


def start(flash):
    """One start: (folder, the Guard that the version makes)."""
    soft = boot._soft()
    folder, starts = boot.choose(soft)
    if not soft:
        boot._counted(folder, starts)
    return folder, safestart.Guard(flash.root)


@pytest.mark.parametrize("name", FILES)
def test_whatever_is_in_a_file_the_device_starts_and_both_halves_mean_the_same_version(flash, name):
    for content in CONTENTS:
        Path(name).write_bytes(content)
        folder, guard = start(flash)
        assert slots.complete(flash.root, folder), content
        assert guard.folder == folder and starts.report(guard)["mode"] in ("normal", "previous"), content
        assert guard.tick(False) is None and isinstance(starts.version(guard), str)
        slots.switch(flash.root, "app.b", "ok")


def test_of_what_is_no_text_the_version_that_is_there_is_started(flash):
    (Path("app.a") / "manifest.json").unlink()
    Path("current").write_bytes(b"\xff\xff")
    assert start(flash)[0] == "app.b"


def test_a_soft_reset_is_not_counted(flash):
    start(flash)
    flash.machine.cause = flash.machine.SOFT_RESET
    for _ in range(16):
        assert start(flash)[0] == "app.b"
    flash.machine.cause = 3
    folder, guard = start(flash)
    assert (folder, guard.mode, guard.starts) == ("app.b", "normal", 2)


def test_where_the_chip_names_no_soft_reset_its_clock_tells(flash, monkeypatch):
    monkeypatch.delattr(Machine, "SOFT_RESET")
    assert not boot._soft()
    monkeypatch.setattr(time, "ticks_ms", lambda: 900, raising=False)
    assert not boot._soft()
    monkeypatch.setattr(time, "ticks_ms", lambda: 40000)
    assert boot._soft()


def test_a_version_that_is_damaged_is_left_before_it_is_started(flash):
    slots.switch(flash.root, "app.b", "trial")
    install("app.b", PACK[:-1] + b"?")
    folder, guard = start(flash)
    assert (folder, guard.mode) == ("app.a", "previous")
    assert starts.report(guard)["why"] == "app.b is damaged; it was an update on trial"
    assert boot._pack == "right"


@pytest.mark.parametrize("content", (b"", b"L102REL1", b"L102REL1\xff\xff\xff\xff", PACK[:700]))
def test_a_pack_that_is_cut_off_is_damaged(flash, content):
    install("app.b", content)
    assert start(flash)[0] == "app.a"


def test_damaged_as_both_are_the_current_one_is_tried(flash):
    install("app.b", b"?")
    install("app.a", b"?")
    assert [start(flash)[0] for _ in range(5)] == ["app.b"] * 5
    assert boot._pack == "wrong"


def test_a_damaged_version_that_runs_says_so(flash, monkeypatch):
    """Nobody would have known: the online topic told nothing, `why` what had been before."""
    slots.switch(flash.root, "app.b", "ok", "update 2.0 confirmed")
    install("app.b", b"?")
    install("app.a", b"?")
    _, _ = start(flash)
    monkeypatch.setattr(sys.modules["__main__"], "_pack", boot._pack, raising=False)
    guard = safestart.Guard(flash.root)
    assert starts.report(guard)["mode"] == "damaged"
    assert starts.report(guard)["why"] == "app.b is damaged, and there is no other that is whole"
    # Three starts that fail end in the safe mode as ever.
    monkeypatch.setattr(sys.modules["__main__"], "_starts", 4, raising=False)
    assert safestart.Guard(flash.root).mode == "safe"


def test_a_manifest_without_a_hash_is_believed(flash):
    slots.seal(flash.root, "app.b", json.dumps({"version": "1", "serial": 1}))
    install("app.a", b"?")
    assert start(flash)[0] == "app.b" and boot._pack == "unknown"


# --- a version that looks at its own pack, since its boot.py does not


def looked(flash, state="ok"):
    """(what starts.py finds of app.b, why the device is restarted then, current)."""
    slots.switch(flash.root, "app.b", state)
    guard = safestart.Guard(flash.root)
    reasons = []

    class Gate:
        async def wait(self):
            return None

    app = SimpleNamespace(order=None, gate=Gate(), restart=reasons.append)
    asyncio.run(starts.look_at_pack(app, guard))
    return guard.pack, reasons, slots.current(flash.root)


def signed(content=PACK):
    """A release laid as f77621f does: its manifest has no hash."""
    key = release.generate(2048)
    Path("release.pub").write_text(release.public_text(key))
    data = release.assemble({"firmware/app/main.mpy": content}, key, "2.0", 5)
    Path("app.b", slots.PACK).write_bytes(data)
    slots.seal(".", "app.b", {"version": "2.0", "serial": 5})
    return data


def test_its_own_pack_is_right(flash):
    assert looked(flash) == ("right", [], ("app.b", "ok"))
    signed()
    assert looked(flash) == ("right", [], ("app.b", "ok"))


def test_its_own_pack_is_wrong_by_its_manifest(flash):
    install("app.b", PACK[:-1] + b"?")
    found, reasons, current = looked(flash)
    assert found.startswith("wrong") and reasons == ["the firmware is damaged"] and current == ("app.a", "fallback")
    assert slots.read_text("why") == "app.b is damaged"


@pytest.mark.parametrize("at", (-20, 20, 300))
def test_its_own_pack_is_wrong_by_the_head_of_the_release(flash, at):
    data = bytearray(signed())
    data[at] ^= 1
    Path("app.b", slots.PACK).write_bytes(data)
    found, reasons, current = looked(flash, "trial")
    assert found.startswith("wrong") and reasons and current == ("app.a", "fallback")


def test_nobody_goes_back_to_what_failed_or_is_not_there(flash):
    install("app.b", b"?")
    assert looked(flash, "fallback")[1:] == ([], ("app.b", "fallback"))
    assert slots.read_text("why") == "app.b is damaged, and there is no other that is whole"
    (Path("app.a") / "manifest.json").unlink()
    assert looked(flash)[1:] == ([], ("app.b", "ok"))


def test_what_cannot_be_checked_stays(flash):
    signed()
    Path("release.pub").unlink()
    assert looked(flash)[0].startswith("unknown: this device has no release key")
    Path("app.b", slots.PACK).write_bytes(PACK)
    assert looked(flash) == ("unknown: it was deployed without its hash", [], ("app.b", "ok"))
