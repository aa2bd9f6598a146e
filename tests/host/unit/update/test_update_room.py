"""An update needs two versions on the flash, not three: what is fetched goes straight into the folder that does not
run, and nothing else is touched. In virtual time, against tests/host/support/hostile_web.py."""

import asyncio
import builtins
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

import boot
from firmware.core.compat import ticks_ms
from firmware.core.flash_gate import Gate
from firmware.update import order, safestart, slots, source, starts, waiting
from firmware.update.release import HEAD_MOST
from firmware.update.updater import UpdateError, Updater
from tests.host.support import hostile_web, virtual_time
from tests.host.unit.update.test_update_hostile import Device, filling, laid
from tools import release

URL = "http://server/firmware.rel"


@pytest.fixture(scope="module")
def releases():
    key = release.generate(2048)
    found = {"key": release.public_text(key)}
    for name, serial, seed in (("old", 300, 1), ("good", 400, 2), ("older", 200, 15), ("newer", 500, 19)):
        found[name] = release.assemble(filling(seed), key, "2." + name[0], serial)
    return found


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return str(tmp_path)


def device(root, releases, answer="what was asked for", number=0):
    return Device(root, hostile_web.Server(laid(root, releases, [answer], number)))


def update(root, server, **options):
    """The version that is ready, or why none is."""

    async def main():
        try:
            return await Updater(root, server, **options).run(URL)
        except UpdateError as error:
            return str(error)

    return virtual_time.run(main(), limit_s=7 * 3600)


def pack(root, folder):
    path = Path(root, folder, slots.PACK)
    return path.read_bytes() if path.exists() else None


def whole(root, releases):
    """Nothing was changed: both versions are there, and the one that ran starts."""
    assert (pack(root, "app.a"), pack(root, "app.b")) == (releases["old"], releases["older"])
    assert slots.complete(root, "app.b") and boot.choose()[0] == "app.a"


def bytes_of_versions(root):
    paths = [path for path in Path(root).rglob("*") if path.suffix in (".bin", ".pack")]
    return sum(path.stat().st_size for path in paths)


class Watched(hostile_web.Server):
    """Notes at each request, and at the end, what the flash holds."""

    def __init__(self, root, talk):
        super().__init__(talk)
        self.root = root
        self.seen = []

    def socket(self):
        self.look()
        return super().socket()

    def look(self):
        apart = Path(self.root, "update.bin")
        apart = apart.stat().st_size if apart.exists() else 0
        self.seen.append((apart, bytes_of_versions(self.root), slots.complete(self.root, "app.b")))


def test_no_third_copy_is_made_and_the_one_before_stays_until_the_head_is_good(root, releases):
    server = Watched(root, laid(root, releases, ["a reset after 3000 bytes"], 0))
    assert update(root, server) == "2.g"
    server.look()
    assert len(server.seen) > 10
    size = len(releases["good"])
    assert max(apart for apart, _, _ in server.seen) <= HEAD_MOST
    assert max(both for _, both, _ in server.seen) <= 2 * size + HEAD_MOST
    # Once it is fetched into the folder there is no other version in it that would be started.
    assert [there for _, _, there in server.seen] == [True] + [False] * (len(server.seen) - 2) + [True]
    assert sorted(os.listdir(root + "/app.b")) == [slots.PACK, "manifest.json"]
    assert not slots.exists(root + "/update.bin") and boot.choose()[0] == "app.b" and boot._pack == "right"


REFUSED = ("200 and a stranger's release", "a bit flipped", "200 and an older release", "404")


@pytest.mark.parametrize("answer", REFUSED)
def test_what_is_refused_by_its_head_costs_nothing(root, releases, answer):
    releases = dict(releases, strange=b"L102REL1" + bytes(5000))
    found = device(root, releases, answer)
    assert not update(root, found.link.socket).startswith("2.")
    whole(root, releases)


@pytest.mark.parametrize("answer", ("503", "a bit flipped", "silence"))
def test_half_a_version_is_never_started(root, releases, answer):
    """Whatever `current` says, and with the version that runs gone, too."""
    found = device(root, releases, answer, number=1)
    assert not update(root, found.link.socket).startswith("2.")
    assert not slots.complete(root, "app.b") and pack(root, "app.a") == releases["old"]
    for text in ("app.b ok", "app.b trial", "app.a trial", "", "\0\0"):
        Path("current").write_text(text)
        Path("starts").write_text("3")
        assert boot.choose()[0] == "app.a"
    slots.remove(root + "/app.a/manifest.json")
    assert boot.choose()[0] is None


def test_what_was_fetched_goes_on_after_a_restart_and_is_checked_again(root, releases):
    talk = laid(root, releases, ["less than the length tells"], 5)

    def broken(count, asked):
        if asked and count in range(1, 5):
            return hostile_web.said(b"".join(p for _, p in [*hostile_web.ranged(releases["good"], asked)][:-1])[:9000],
                                hostile_web.RESET)  # fmt: skip
        return talk(count, asked)

    assert update(root, hostile_web.Server(broken)).startswith("gave up at ")
    there = len(pack(root, "app.b"))
    assert there > 30000
    # Somebody flips a bit in what lies there.
    with open(root + "/app.b/firmware.pack", "r+b") as file:
        file.seek(20000)
        byte = file.read(1)[0]
        file.seek(20000)
        file.write(bytes([byte ^ 1]))
    server = hostile_web.Server(lambda count, asked: hostile_web.ranged(releases["good"], asked) if asked else ())
    assert update(root, server) == "the release's content does not match its signature: refused"
    assert [r["range"] for r in server.requests] == ["bytes=%d-%d" % (there, len(releases["good"]) - 1)]
    assert pack(root, "app.b") is None and boot.choose()[0] == "app.a"
    assert update(root, server) == "2.g"


def test_another_address_begins_anew(root, releases):
    found = device(root, releases, "503", number=1)
    update(root, found.link.socket)
    Path(root, "app.b", slots.PACK + ".tag").write_text("http://other/x.rel\n")
    server = hostile_web.Server(lambda count, asked: hostile_web.ranged(releases["good"], asked) if asked else ())
    assert update(root, server) == "2.g"
    assert server.requests[0]["range"].startswith("bytes=0-")


def test_a_file_that_changes_before_its_first_byte_has_come_is_fetched_all_the_same(root, releases):
    laid(root, releases, ["503"], 0)

    def talk(count, asked):
        answer = hostile_web.ranged(releases["good"], asked, tag='"%d"' % min(count, 1)) if asked else ()
        return [next(answer), hostile_web.END] if asked and not count else answer

    assert update(root, hostile_web.Server(talk)) == "2.g"


# --- what runs, and what is gone back to


def test_no_update_while_what_runs_is_on_trial(root, releases):
    found = device(root, releases)
    slots.switch(root, "app.a", "trial")
    with pytest.raises(order.OrderError, match="on trial itself"):
        order.begin(found, URL)
    assert "another version starts next" in update(root, found.link.socket)
    assert not found.link.socket.requests
    slots.switch(root, "app.a", "ok")
    whole(root, releases)


@pytest.mark.parametrize("moment", (0, 1))
def test_a_version_that_is_taken_back_while_a_download_begins_and_the_one_that_runs_stay(
    root, releases, monkeypatch, moment
):
    """Before the order or while its head is fetched: the device goes back to app.b and is about to restart."""
    talk = laid(root, releases, ["what was asked for"], 0)
    guard = safestart.Guard(root)
    monkeypatch.setattr(safestart, "guard", guard)

    def then(count, asked):
        if asked and moment and not count:
            assert starts.roll_back(guard, "app.a is damaged")
        return talk(count, asked)

    if not moment:
        assert starts.roll_back(guard, "app.a is damaged")
    assert "another version starts next" in update(root, hostile_web.Server(then))
    assert (pack(root, "app.a"), pack(root, "app.b")) == (releases["old"], releases["older"])
    assert slots.complete(root, "app.a") and slots.current(root) == ("app.b", "fallback")


def test_half_a_version_is_nothing_to_go_back_to(root, releases):
    found = device(root, releases, "503", number=1)
    update(root, found.link.socket)
    assert not starts.roll_back(safestart.Guard(root), "app.a is damaged")
    assert slots.current(root) == ("app.a", "ok")


# --- orders


def test_stop_forgets_what_lies_in_the_folder_and_no_version(root, releases):
    found = device(root, releases, "a body of 100 bytes each 20 s", number=1)

    async def main():
        order.begin(found, URL)
        await asyncio.sleep(400)
        assert len(pack(root, "app.b")) >= HEAD_MOST
        order.stop(found)
        await asyncio.sleep(1)

    virtual_time.run(main())
    assert not os.listdir(root + "/app.b") and pack(root, "app.a") == releases["old"]
    assert slots.read_text(root + "/update.txt", 400).endswith("stopped by a command")


def test_stop_before_the_head_is_there_leaves_the_version_before(root, releases):
    found = device(root, releases, "silence")

    async def main():
        order.begin(found, URL)
        await asyncio.sleep(20)
        order.stop(found)
        await asyncio.sleep(1)

    virtual_time.run(main())
    whole(root, releases)


def blocks(free):
    return lambda _path: (4096, 4096, 212, free, free, 0, 0, 0, 0, 255)


def test_room_is_asked_for_before_anything_is_changed_and_told_in_figures(root, releases, monkeypatch):
    """40,568 bytes are wanted and 64 KiB to work in; the version that goes gives as many."""
    found = device(root, releases)
    monkeypatch.setattr(source.os, "statvfs", blocks(14), raising=False)
    assert update(root, found.link.socket) == "not enough room: 95 KiB free, 102 KiB needed; nothing was changed"
    whole(root, releases)
    monkeypatch.setattr(source.os, "statvfs", blocks(16), raising=False)
    assert update(root, found.link.socket) == "2.g"


def test_an_order_for_which_there_is_no_room_at_all_is_answered_so(root, releases, monkeypatch):
    found = device(root, releases)
    monkeypatch.setattr(source.os, "statvfs", blocks(5), raising=False)
    with pytest.raises(order.OrderError, match="not enough room: 59 KiB free, 103 KiB needed; nothing was") as error:
        order.begin(found, URL)
    assert error.value.answer == 8 and found.order is None
    whole(root, releases)


def test_a_port_that_cannot_tell_its_room_tries(root, releases, monkeypatch):
    def fails(_path):
        raise OSError(22)

    monkeypatch.setattr(source, "os", SimpleNamespace(statvfs=fails))
    assert update(root, device(root, releases).link.socket) == "2.g"


@pytest.mark.parametrize("times, state", [(4, "ready"), (5, "failed")])
def test_code_of_an_update_that_finds_no_room_is_loaded_again_later(tmp_path, monkeypatch, times, state):
    """The heap is full where the code of the next step would go, as often as that: 10, 20, 40 and 80 s apart."""
    waits = []
    own = builtins.__import__

    def full(name, outer=None, inner=None, wanted=(), level=0):
        if name == "firmware.update" and "order" in (wanted or ()) and len(waits) < times:
            waits.append(ticks_ms())
            raise MemoryError
        return own(name, outer, inner, wanted, level)

    async def step(it):
        it.let_go("ready", "")
        return 0

    monkeypatch.setattr(builtins, "__import__", full)
    monkeypatch.setattr(order, "step", step)
    gate = Gate()
    it = waiting.Order(SimpleNamespace(board=SimpleNamespace(root=str(tmp_path)), gate=gate, order=None), URL, False)
    virtual_time.run(it.run(), limit_s=600)
    assert it.state == state and len(waits) == times
    assert [round((later - each) / 1000) for each, later in zip(waits, waits[1:])] == [10, 20, 40, 80][: times - 1]
