"""The 32-bit MicroPython: how it is fetched, what it is, and that a step's garbage is gone at the next one."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tools import micropython32
from tools.micropython32 import LOCK, MicroPython32Error, fetch, install, run, unpack

PIN = json.loads(LOCK.read_text())["micropython32"]
pytestmark = pytest.mark.timeout(400)  # the first run fetches it


def client(folder, script):
    """A npm that does `script` (sh) and notes each call; what the real one says came from a port nobody listens on."""
    path = folder / "npm"
    path.write_text('#!/bin/sh\necho "$*" >> %s/calls\n%s\n' % (folder, script))
    path.chmod(0o755)
    return [str(path)]


def calls(folder):
    return (folder / "calls").read_text().splitlines()


@pytest.fixture
def inbox(tmp_path):
    (tmp_path / "inbox").mkdir()
    return tmp_path / "inbox"


def test_no_registry_is_one_sentence_after_four_tries(tmp_path, inbox):
    refused = client(tmp_path, "echo npm error code ECONNREFUSED >&2; echo npm error syscall connect >&2; exit 1")
    with pytest.raises(MicroPython32Error) as raised:
        fetch(PIN, inbox, [refused], 0)
    (sentence,) = str(raised.value).splitlines()
    assert PIN["package"] in sentence and "ECONNREFUSED" in sentence and "is there a network" in sentence
    assert len(calls(tmp_path)) == 4


def test_a_client_that_is_none_does_not_keep_the_next_one_from_it(tmp_path, inbox):
    save = 'for each; do case "$each" in --pack-destination=*) echo it > "${each#*=}/a.tgz"; esac; done'
    good = client(tmp_path, save)
    assert fetch(PIN, inbox, [[str(tmp_path / "none")], good], 0) == b"it\n"
    (words,) = calls(tmp_path)
    assert "%(package)s@%(version)s" % PIN in words and "--ignore-scripts" in words


def test_another_hash_is_told_and_nothing_is_kept(tmp_path):
    with pytest.raises(MicroPython32Error, match="is not what npm.lock names"):
        install(kept=tmp_path / "kept", fetch=lambda *_: b"something else")
    assert not list((tmp_path / "kept").iterdir())


def test_two_that_fetch_it_at_once_leave_one(tmp_path):
    archive = fetch(PIN, tmp_path)
    unpack(PIN, archive, tmp_path)
    with ThreadPoolExecutor() as pool:
        places = set(pool.map(lambda _: install(kept=tmp_path / "kept", fetch=lambda *_: archive), range(4)))
    (place,) = places
    assert [place] == list((tmp_path / "kept").iterdir())
    assert sorted(each.name for each in place.iterdir()) == PIN["members"]


def test_the_lock_names_no_place():
    assert "//" not in LOCK.read_text().replace(PIN["sha512"], "")


def used(step):
    """Bytes of the heap that `step` leaves in use."""
    tell = "gc.collect()", "print(gc.mem_alloc())"
    before, after = map(int, run(["import gc", *tell, step, *tell]).split())
    return after - before


def test_its_words_have_32_bits_and_garbage_goes_between_the_steps():
    assert 4000 <= used("kept = [None] * 1000") < 5000
    assert used("[None] * 1000") < 1000


def test_an_error_has_its_traceback():
    with pytest.raises(MicroPython32Error, match="line 2, in fail"):
        run(["def fail():\n    raise ValueError(3)", "fail()", "print('not reached')"])


def test_the_folder_is_there_and_cannot_be_changed(tmp_path):
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "it.py").write_text("x = 5")
    steps = ["import sys; sys.path.insert(0, '/app')", "from below import it; print(it.x)"]
    steps += ["try:\n    open('/app/below/it.py', 'w')\nexcept OSError:\n    print('refused')"]
    assert run(steps, tmp_path).split() == ["5", "refused"]


def test_the_command_says_where_it_is(capsys, monkeypatch):
    assert micropython32.main([]) == 0
    assert str(Path("build") / "micropython32") in capsys.readouterr().out
    monkeypatch.setattr(micropython32.importlib.util, "find_spec", lambda name: None)
    assert micropython32.main([]) == 1
    assert "node is not installed" in capsys.readouterr().err
