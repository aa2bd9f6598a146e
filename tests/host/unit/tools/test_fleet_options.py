"""Options that cannot be meant: one line says so at once, with no password in it, and nothing is made."""

import sys
from types import SimpleNamespace

import pytest

from tools.fleet import __main__ as fleet
from tools.fleet.store import open_store


@pytest.mark.parametrize(
    "words",
    [
        "ingest --batch 0",
        "ingest --batch x",
        "watch --days 0",
        "watch --every -1",
        "watch --curve-grace -1",
        "backfill --at-once 0",
        "backfill --days -3",
        "rollout http://a/b --limit nan",
        "rollout http://a/b --limit 101",
        "rollout http://a/b --minutes 0",
        "rollout http://a/b --poll -1",
        "aside --show nonsense",
        "aside --again nonsense",
        "try --devices 41",
        "try --days 0",
    ],
)
def test_numbers_and_words_out_of_range(words, capsys):
    with pytest.raises(SystemExit) as end:
        fleet.main(words.split())
    assert end.value.code == 2
    told = capsys.readouterr().err
    assert "argument --" in told and ("is wanted, not" in told or "is none of" in told)


@pytest.mark.parametrize(
    "broker",
    ["foo", "http://x", "mqtt://me:secret@", "mqtt://me:secret@h:99999", "mqtt://h:abc", "mqtt://h:0", "mqtt://[::1"],
)
def test_a_broker_that_is_none(broker, capsys, tmp_path):
    words = ["ingest", "--broker", broker, "--database", str(tmp_path / "a.db")]
    assert fleet.main(words) == 1
    told = capsys.readouterr().err
    assert "the broker is mqtt://host:port" in told and "secret" not in told


@pytest.mark.parametrize("database", ["mysql://me:secret@h/x", "postgresql:me:secret", "postgresql://me:secret@h:x/y"])
@pytest.mark.parametrize("command", ["ingest", "watch", "backfill", "aside"])
def test_a_database_that_is_none_ends_even_what_waits_for_databases(command, database, capsys):
    assert fleet.main([command, "--database", database]) == 1
    told = capsys.readouterr().err
    assert "secret" not in told and ("the database is " in told or "psycopg" in told)


def test_postgresql_without_its_driver_ends_with_what_to_type(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    assert fleet.main(["ingest", "--database", "postgresql://h/x"]) == 1
    assert "make fleet-postgres" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["watch", "backfill", "aside", "rollout http://a/b"])
def test_a_database_that_is_not_the_fleets_is_told_and_left_as_it_is(command, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(fleet.rollout, "checked", lambda *_: SimpleNamespace(version="2.0.0", full=None))
    empty, text = tmp_path / "empty.db", tmp_path / "text.db"
    empty.touch()
    text.write_text("no database " * 100)
    for path in (empty, text, tmp_path / "none.db", tmp_path):
        assert fleet.main([*command.split(), "--database", str(path)]) == 1
        told = capsys.readouterr().err
        assert told.startswith("fleet: %s: " % path) and len(told.splitlines()) == 1
    assert sorted(each.name for each in tmp_path.iterdir()) == ["empty.db", "text.db"]
    assert not empty.stat().st_size


def test_where_nothing_was_delivered_nothing_is_said_to_be_whole(capsys, tmp_path):
    path = str(tmp_path / "a.db")
    open_store(path).close()
    assert fleet.main(["backfill", "--database", path]) == 1
    assert "no meter has delivered anything yet" in capsys.readouterr().out
    assert fleet.main(["backfill", "--database", path, "--device", "86"]) == 1
    assert "no meter of 86 has" in capsys.readouterr().out


@pytest.mark.parametrize("url", ["/tmp/a.rel", "file:///tmp/a.rel", "ftp://h/a.rel", "http://", "http://h/a b.rel"])
def test_an_address_that_no_device_fetches_from(url, capsys, tmp_path):
    assert fleet.main(["rollout", url, "--database", str(tmp_path / "a.db"), "--file", "x.rel"]) == 1
    assert "devices fetch from http://" in capsys.readouterr().err and not list(tmp_path.iterdir())
