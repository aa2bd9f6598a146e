"""Bytes over the air by day and month, kept once an hour; the limit that warns; the state on its topic."""

import asyncio
import json

import pytest

from firmware.app import report
from firmware.core import log
from firmware.net import tcp
from firmware.update import slots
from tests.host.support import virtual_time
from tests.host.unit.app.test_settings_now import device

DAY, HOUR = 86400, 3600
NOON = 1795003200  # 2026-11-18 12:00 UTC


@pytest.fixture(autouse=True)
def none_before():
    tcp.moved[0] = 0


class Told(list):
    """(topic, dict or None, retained) that went out."""

    async def reply(self, topic, payload, retain=False):
        self.append((topic, json.loads(payload) if payload else None, retain))


def living(folder, seconds, story, **values):
    """Have a device live so long, its watch looking each 10 s; `story(app, second)` is called each minute."""

    async def main():
        app = device(folder)
        app.told = Told()
        app.mqtt.reply = app.told.reply
        app.config.set_many(values)
        for second in range(0, seconds, 10):
            if second % 60 == 0:
                story(app, second)
            await asyncio.sleep(10)
            await app.report()
        app.found = report.data(app)
        return app

    # The source of the device's time is a clock that is right from the start.
    return virtual_time.run(main(), NOON, limit_s=40 * DAY)


def clocked(app, second):
    if not second:
        app.clock.source = 3


def moves(app, second):
    clocked(app, second)
    tcp.moved[0] += 1000  # 1.44 MB a day


def test_bytes_of_the_day_and_the_month(tmp_path):
    app = living(tmp_path, 2 * DAY, moves)
    found = app.found
    assert found["today"] == pytest.approx(720_000, abs=2000), "since midnight, UTC"
    assert found["month"] == 2 * 1_440_000 and not found["over"]
    app = living(tmp_path, 60, clocked)
    assert app.found["month"] >= 2 * 1_440_000 - 60_000, "a restart costs an hour at most"


def test_a_month_ends(tmp_path):
    app = living(tmp_path, 13 * DAY, moves)
    assert app.found["month"] == pytest.approx(720_000, abs=62_000)


def test_the_flash_is_written_once_an_hour_at_most(tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(slots, "write_text", lambda path, text: written.append(text))
    living(tmp_path, 6 * HOUR, moves, **{"mqtt.status_minutes": 1})
    assert 5 <= len(written) <= 7
    tcp.moved[0] = 0
    del written[:]
    living(tmp_path, 6 * HOUR, clocked)
    assert not written, "nothing has moved"


@pytest.mark.parametrize("text", ["", "x", "1 2", "1 2 3 -4", "9" * 400])
def test_a_damaged_file_is_no_more_than_that(tmp_path, text):
    (tmp_path / "data.txt").write_text(text)
    app = living(tmp_path, 600, moves)
    assert app.found["month"] == 10_000


def test_a_flash_that_takes_nothing_costs_nothing_else(tmp_path, monkeypatch):
    def full(path, text):
        raise OSError(28)

    monkeypatch.setattr(slots, "write_text", full)
    app = living(tmp_path, HOUR, moves, **{"mqtt.status_minutes": 10})
    assert len(app.told) >= 5


def test_the_limit_warns_once_a_day_and_cuts_nothing(tmp_path, monkeypatch):
    lines = []
    monkeypatch.setattr(log, "sink", lines.append)
    app = living(tmp_path, 2 * DAY, moves, **{"data.limit": 1, "mqtt.status_minutes": 720})
    assert sum("data.limit" in line for line in lines) == 2, "passed before the first midnight, seen at the full hour"
    assert app.found["over"] and app.told[-1][1]["LIMIT"] == 1


def test_what_the_state_says(tmp_path):
    app = living(tmp_path, HOUR, moves, **{"mqtt.status_minutes": 15})
    topic, told, retained = app.told[-1]
    assert topic == "lector102/1/STATUS" or topic.endswith("/STATUS")
    assert retained and len(app.told) in (3, 4)
    assert {"IMEI", "VERSION", "SETTINGS", "RESET", "UTC", "BYTES", "MONTH", "PING", "DRIFT", "LOG"} <= set(told)
    assert "TYPE" not in told and "STATE" not in told and "LIMIT" not in told, "it is no record and no online message"
    assert told["BYTES"] > 30_000 and told["LOG"] == 0
    assert len(json.dumps(told)) < 300


def test_the_hash_changes_with_a_setting_and_not_with_a_secret(tmp_path):
    def changed(app, second):
        clocked(app, second)
        if second == 1200:
            app.config.set_many({"mqtt.password": "hush", "uplink.pin": "1234", "meter.0.password": "7"})
        if second == 2400:
            app.config.set_many({"mqtt.qos": 0})

    app = living(tmp_path, HOUR, changed, **{"mqtt.status_minutes": 1})
    seen = list(dict.fromkeys(told["SETTINGS"] for _, told, _ in app.told))
    assert len(seen) == 2 and all(len(each) == 8 for each in seen)


def test_a_state_that_nobody_wants_any_more_is_taken_back(tmp_path):
    def switched(app, second):
        clocked(app, second)
        if second == 1800:
            app.change({"mqtt.status_minutes": 0})

    app = living(tmp_path, HOUR, switched, **{"mqtt.status_minutes": 5})
    assert app.told[-1][1:] == (None, True) and app.told[-2][1]
    assert [told for _, told, _ in app.told].count(None) == 1


@pytest.mark.parametrize("minutes, told", [(0, 2), (10, 3)])
def test_another_interval_counts_at_once(tmp_path, minutes, told):
    """Not after the one before, which may be a week."""

    def switched(app, second):
        clocked(app, second)
        if second == 1200:
            app.change({"mqtt.status_minutes": minutes})

    app = living(tmp_path, 2500, switched, **{"mqtt.status_minutes": 1440})
    assert len(app.told) == told
    assert bool(app.told[-1][1]) == bool(minutes)


def test_it_waits_for_the_broker(tmp_path):
    def away(app, second):
        clocked(app, second)
        app.mqtt.connected = second >= 1800

    app = living(tmp_path, 2400, away, **{"mqtt.status_minutes": 60})
    assert len(app.told) == 1


def test_without_the_time_bytes_are_counted_all_the_same(tmp_path):
    def unclocked(app, second):
        app.clock.source = 0
        tcp.moved[0] += 1000

    app = living(tmp_path, HOUR, unclocked)
    found = app.found
    assert found["today"] == found["month"] == 60_000
