"""Gaps of large fleets: what the database is asked does not grow with what it keeps."""

import json

import pytest

from firmware.core.zone import Zone
from tools.fleet import gaps, sqlite, watch
from tools.fleet.records import Row
from tools.fleet.store import Message, open_store

ZONE = Zone("UTC")
HOUR = 3600
NOW = 1774656000  # 2026-03-28


def row(device, kind, at, form="titan", contract=0, name="", data="{}"):
    return Row(device, "A", kind, form, contract, name, at, at, "d", data)


@pytest.fixture
def store(tmp_path):
    made = open_store(str(tmp_path / "a.db"))
    rows = []
    for device in ("1", "2", "30"):
        for at in range(NOW - 60 * HOUR, NOW, HOUR):
            rows += [row(device, "IEC102_LC", at, form, 11) for form in ("extended", "titan")]
            rows += [row(device, "IEC102", at), row(device, "X", at), row(device, "IEC102_EV", at, contract=129)]
        rows.append(row(device, "IEC102_CTAVM2", NOW - 27 * 24 * HOUR, name="20"))
        rows.append(row(device, "IEC102_CLOCK", NOW - HOUR, data=json.dumps({"DRIFT": 5})))
        rows.append(row(device, "IEC102_CLOCK", NOW - 2 * HOUR, data=json.dumps({"DRIFT": 9})))
    made.write([(each, Message("t", b"")) for each in rows], [], {"1": {"last_seen": NOW}}, NOW)
    yield made
    made.close()


def missing(store, **more):
    found = gaps.find(store, ZONE, NOW, curve_grace=HOUR, **more)
    return {key: {each.what: (each.present, each.expected) for each in some} for key, some in found.items()}


def test_no_question_reads_the_whole_table(store, monkeypatch):
    plans, real = [], sqlite.Sqlite.execute

    def explained(self, cursor, sql, values=()):
        if " from record" in sql:
            plans.extend(line[3] for line in real(self, cursor, "explain query plan " + sql, values).fetchall())
        return real(self, cursor, sql, values)

    monkeypatch.setattr(sqlite.Sqlite, "execute", explained)
    entries = watch.look(store, ZONE, NOW)
    assert len(entries) == 3 and all(each["meters"][0]["drift"] == 5 for each in entries)
    assert sum("SEARCH record USING PRIMARY KEY" in line for line in plans) > 20
    assert not [line for line in plans if line.startswith("SCAN record")], plans


def test_a_period_is_there_when_one_of_the_forms_is(store):
    whole = {"curve": (60, 60), "instant": (60, 60), "closings": (1, 1)}
    assert missing(store) == {(device, "A"): whole for device in ("1", "2", "30")}
    store.do("delete from record where form = 'titan' and type = 'IEC102_LC' and at < ?", (NOW - 30 * HOUR,))
    assert missing(store) == {(device, "A"): whole for device in ("1", "2", "30")}
    store.do("delete from record where device = '2' and type in ('IEC102_LC', 'IEC102') and at = ?", (NOW - 9 * HOUR,))
    assert missing(store)["2", "A"] == {"curve": (59, 60), "instant": (59, 60), "closings": (1, 1)}
    assert missing(store, device="2") == {("2", "A"): missing(store)["2", "A"]}
    assert missing(store, device="3") == {}, "no other device whose name begins alike"


def test_what_is_older_than_what_is_looked_at_counts_only_as_the_beginning(store):
    store.do("delete from record where type in ('IEC102_LC', 'IEC102') and at > ?", (NOW - 50 * HOUR,))
    found = missing(store, days=1)["1", "A"]
    assert found["curve"] == (0, 24) and found["instant"] == (0, 0)


def test_what_is_kept_longer_makes_no_more_work(store):
    """Instructions of SQLite's machine, not time: twenty times the history, hardly more of them."""

    def work():
        count = [0]
        store._connection.set_progress_handler(lambda: count.__setitem__(0, count[0] + 1), 10)
        missing(store, days=1)
        store._connection.set_progress_handler(None, 0)
        return count[0]

    first = work()
    rows = [
        (row(device, kind, at, contract=contract), Message("t", b""))
        for device in ("1", "2", "30")
        for kind, contract in (("IEC102_LC", 11), ("IEC102", 0), ("X", 0))
        for at in range(NOW - 1200 * HOUR, NOW - 60 * HOUR, HOUR)
    ]
    store.write(rows, [], {}, NOW)
    assert first > 20 and work() < 1.2 * first
