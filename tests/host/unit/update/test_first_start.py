"""Before its first start a version is compared with what was checked when it was laid there: by boot.py, or by itself
where boot.py is of an older deployment (test_upgrade.py has such devices). What is not that is not run.
"""

import asyncio
import hashlib
from pathlib import Path

import pytest

import boot
from firmware.update import slots, starts
from tools import release

FILES = {"firmware/app/main.mpy": b"app" * 500, "firmware/a/b.mpy": b"b"}


@pytest.fixture(scope="module")
def key():
    return release.generate(2048)


@pytest.fixture
def flash(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lay(flash, folder, data, whole=True, version="1"):
    """A version as the cable (its SHA-256 in the manifest) or an older firmware's update (none) lays it there."""
    slots.clear(str(flash), folder)
    Path(folder, slots.PACK).write_bytes(data)
    table = {"version": version, "serial": 1}
    slots.seal(str(flash), folder, dict(table, sha256=hashlib.sha256(data).hexdigest()) if whole else table)


def flip(folder, at=-3):
    path = Path(folder, slots.PACK)
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def test_boot_starts_what_is_as_it_was_laid_there(flash):
    lay(flash, "app.b", b"new" * 999)
    slots.switch(str(flash), "app.b", "trial")
    assert boot.choose()[0] == "app.b" and boot._pack == "right"


@pytest.mark.parametrize("state", ["ok", "trial"])
def test_boot_goes_back_from_what_is_not(flash, state):
    lay(flash, "app.a", b"old")
    lay(flash, "app.b", b"new")
    slots.switch(str(flash), "app.b", state)
    flip("app.b")
    assert boot.choose()[0] == "app.a"
    assert slots.current(str(flash)) == ("app.a", "fallback")
    why = slots.read_text("why")
    assert why.startswith("app.b is damaged") and why.endswith("on trial") == (state == "trial")


def test_boot_does_not_go_back_to_what_is_not_either(flash):
    lay(flash, "app.a", b"old")
    lay(flash, "app.b", b"new")
    slots.switch(str(flash), "app.b", "ok")
    flip("app.a")
    assert boot.choose()[0] == "app.b"
    Path("starts").write_text("3")
    assert boot.choose() == ("app.b", 4)  # its own safe mode


@pytest.mark.parametrize("text", [b"", b"[]", b"\xff\xfe\0", b'{"sha256": 7}', b'{"sha256": ["x"]}', b"{" * 5000])
def test_boot_survives_any_manifest(flash, text):
    lay(flash, "app.a", b"old")
    lay(flash, "app.b", b"new")
    slots.switch(str(flash), "app.b", "ok")
    Path("app.b", "manifest.json").write_bytes(text)
    assert boot.choose()[0] == ("app.b" if boot._pack == "unknown" else "app.a")


def test_boot_starts_what_an_older_deployment_laid_there(flash):
    lay(flash, "app.a", b"old", whole=False)
    slots.switch(str(flash), "app.a", "ok")
    assert boot.choose()[0] == "app.a"


def looked_at(flash, folder="app.b"):
    found, why = asyncio.run(starts.check(str(flash), folder))
    return found + (": " + why if why else "")


def test_under_an_older_boot_py_a_release_is_held_against_its_signature(flash, key):
    (flash / "release.pub").write_text(release.public_text(key))
    data = release.assemble(FILES, key, "2.0", 7)
    lay(flash, "app.b", data, whole=False)
    assert looked_at(flash) == "right"
    for at, words in ((-3, "does not match its signature"), (60, "signature is not right"), (8, "cut off")):
        lay(flash, "app.b", data, whole=False)
        flip("app.b", at)
        assert looked_at(flash).startswith("wrong") and words in looked_at(flash)
    lay(flash, "app.b", data + b"x", whole=False)
    assert "bytes instead of" in looked_at(flash)
    lay(flash, "app.b", release.assemble(FILES, release.generate(2048), "2.0", 7), whole=False)
    assert "signature is not right" in looked_at(flash)


def test_under_an_older_boot_py_what_came_by_cable_is_held_against_its_manifest(flash):
    lay(flash, "app.b", b"L102PAK1" * 99)
    assert looked_at(flash) == "right"
    flip("app.b")
    assert looked_at(flash).startswith("wrong")
    # An older deployment has written nothing to hold it against, and a device without a key knows no signature.
    lay(flash, "app.b", b"L102PAK1" * 99, whole=False)
    assert looked_at(flash).startswith("unknown")
    lay(flash, "app.b", b"L102REL1" * 99, whole=False)
    assert looked_at(flash).startswith("unknown")
