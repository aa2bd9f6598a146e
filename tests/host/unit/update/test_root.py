"""What is written into the root folder of the flash: a power cut leaves the old or the new one, and hides nothing.

A root of littlefs spans two metadata pairs on every device. A rename from one to the other is two writes; with the
power lost between them, files beside the renamed one are not found until something is written. So nothing there is
renamed, and what is written anew is whole before it takes a file's place.
"""

import ast
import builtins
import json
import os
from pathlib import Path

import pytest

from firmware.config.config import Config
from firmware.core import compat
from firmware.meters import ledger
from firmware.meters.ledger import Ledger
from firmware.meters.result import Result

ROOT = Path(__file__).resolve().parents[4]
FIRMWARE = sorted((ROOT / "firmware").rglob("*.py")) + [ROOT / "boot.py", ROOT / "main.py"]
# (module, function): in the folder of a version, whose two files are one pair; that a manifest is there says that the
# version is whole.
RENAMES = {("firmware/update/slots.py", "seal")}


def test_nothing_in_the_root_is_renamed():
    found = set()
    for path in FIRMWARE:
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                for node in ast.walk(function):
                    named = getattr(node, "attr", None) or getattr(node, "id", None)
                    if named in ("rename", "replace") and getattr(node.value, "id", "") == "os":
                        found.add((str(path.relative_to(ROOT)), function.name))
    assert found == RENAMES
    # And by no other name than these.
    text = "".join(path.read_text() for path in FIRMWARE)
    assert "from os import" not in text and "import os as" not in text


@pytest.mark.parametrize("size", (0, 1, 255, 256, 257, 512, 3000))
def test_a_file_is_renewed_whatever_its_length(tmp_path, size):
    path = tmp_path / "file"
    path.write_bytes(b"old" * 400)
    (tmp_path / "file.new").write_bytes(os.urandom(size))
    wanted = (tmp_path / "file.new").read_bytes()
    compat.renew(str(path))
    assert path.read_bytes() == wanted and os.listdir(tmp_path) == ["file"]


class Full(Exception):
    pass


def torn(monkeypatch, left):
    """From now on writing fails when `left` bytes have been written, as where the heap or the flash is full."""
    real = builtins.open

    class File:
        def __init__(self, file):
            self.file = file

        def write(self, data):
            nonlocal left
            if len(data) > left:
                raise Full
            left -= len(data)
            return self.file.write(data)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

    def opened(path, mode="r", *rest):
        file = real(path, mode, *rest)
        return File(file) if mode[0] in "aw" else file

    monkeypatch.setattr(builtins, "open", opened)


def settings(path):
    found = Config(str(path))
    found.load()
    return found


@pytest.mark.parametrize("left", range(0, 130, 3))
def test_settings_that_cannot_be_written_to_their_end_are_the_old_or_the_new_ones(tmp_path, monkeypatch, left):
    """Also on a file system that does not keep the old content until the new one is whole, as this one."""
    path = tmp_path / "config.json"
    for value in ("older", "old"):
        config = settings(path)
        config.set_many({"mqtt.id": value})
        config.save()
    config.set_many({"mqtt.id": "new"})
    with monkeypatch.context() as patched:
        torn(patched, left)
        try:
            config.save()
            written = True
        except Full:
            written = False
    again = settings(path)
    assert again.get("mqtt.id") in (("new",) if written else ("old", "new"))
    again.set_many({"mqtt.id": "newest"})
    again.save()
    assert settings(path).get("mqtt.id") == "newest" and settings(path).problems == []
    path.write_text("{")
    assert settings(path).get("mqtt.id") in ("old", "new")


@pytest.mark.parametrize("left", range(0, 120, 3))
def test_a_ledger_that_cannot_be_written_to_its_end_is_the_old_or_the_new_one(tmp_path, monkeypatch, left):
    path = tmp_path / "m0_ledger.json"
    kept = Ledger(str(path))
    kept.set_mark("curve", 1)
    kept.add(5)
    kept.save()
    kept.set_mark("curve", 2)
    kept.add(4000000000)
    with monkeypatch.context() as patched:
        torn(patched, left)
        try:
            kept.save()
        except Full:
            pass
    again = Ledger(str(path))
    assert not again.damaged and again.seen(5)
    assert (again.mark("curve"), again.seen(4000000000)) in ((1, False), (2, True))


def test_a_ledger_of_which_the_heap_has_no_room_for_a_number_stays(tmp_path, monkeypatch):
    path = tmp_path / "m0_ledger.json"
    kept = Ledger(str(path))
    kept.add(5)
    kept.save()
    kept.add(6)
    before = path.read_text()

    def short(number):
        raise MemoryError

    monkeypatch.setattr(ledger, "str", short, raising=False)
    with pytest.raises(MemoryError):
        kept.save()
    assert path.read_text() == before


def test_settings_and_ledgers_of_which_only_the_new_copy_is_whole_are_read(tmp_path):
    """The power went while they were made: nothing was there before."""
    for half in ("", "{"):
        for name, text in (("config.json", '{"mqtt.id": "x"}'), ("ledger", '{"marks": {"curve": 7}, "keys": [1]}')):
            (tmp_path / name).write_text(half)
            (tmp_path / (name + ".new")).write_text(text)
        config, kept = settings(tmp_path / "config.json"), Ledger(str(tmp_path / "ledger"))
        assert config.get("mqtt.id") == "x" and (config.problems == []) == (half == "")
        assert kept.mark("curve") == 7 and kept.seen(1) and not kept.damaged
    (tmp_path / "ledger.new").write_text("{")
    assert Ledger(str(tmp_path / "ledger")).damaged


def test_what_the_first_release_left_between_its_two_renames_is_read(tmp_path):
    (tmp_path / "config.json.bak").write_text(json.dumps({"mqtt.id": "old"}))
    (tmp_path / "config.json.new").write_text(json.dumps({"mqtt.id": "new"}))
    config = settings(tmp_path / "config.json")
    assert config.get("mqtt.id") == "new" and config.problems == []
    config.save()
    # And it finds there what it knows.
    assert json.loads((tmp_path / "config.json").read_text())["mqtt.id"] == "new"
    assert sorted(os.listdir(tmp_path)) == ["config.json", "config.json.bak"]


def test_a_result_is_told_until_the_next_one_is_whole(tmp_path):
    def text(result):
        view = bytearray(result.sizes[0])
        result.read_into(0, view)
        return bytes(view)

    given = None
    for number in range(4):
        result = Result(str(tmp_path / "m0_result4"))
        result.begin(given)
        result.add(b"record %d" % number)
        if given:
            assert text(given) == b"record %d" % (number - 1)
        result.finish(0, None)
        assert text(result) == b"record %d" % number
        given = result
    assert len(os.listdir(tmp_path)) == 2
