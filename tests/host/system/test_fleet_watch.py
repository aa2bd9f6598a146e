"""What is missing, and how it is got: gaps, `watch`, `backfill`."""

import json
import time

import pytest

from firmware.iec102 import timetag
from tests.host.support import brokers, fleet_devices, fleet_lab
from tools.fleet import __main__ as fleet
from tools.fleet import backfill, desk, gaps, records, simulate, watch
from tools.fleet.store import Message, open_store

ZONE = fleet_lab.ZONE
HOUR = 3600
DAY = 86400


def filled(path, devices, start, end, without=(), now=None):
    """A database with the records of `devices` but for those whose period ends in `without` (start, end]."""
    store = open_store(str(path))
    for device in devices:
        found = []
        for _, topic, payload in device.records(start, end):
            rows, faults = records.parse(payload, ZONE, int(time.time()), device.imei)
            assert not faults
            found += [
                (row, Message(topic, payload))
                for row in rows
                if not any(low < row.at <= high for low, high in without)
            ]
        store.write(found, [], {device.imei: {"state": "online", "online": device.online()}}, now or end)
    return store


def series(store, now, what, **more):
    found = gaps.find(store, ZONE, now, **more)
    return {key: each for key, some in found.items() for each in some if each.what == what}


def test_a_night_of_the_switch_has_no_gap_and_a_missing_hour_is_found(tmp_path):
    # Summer time of 2025 ends on October 26: local times are there twice.
    switch = timetag.TimeTag(25, 10, 26, 2, 0).to_utc(ZONE)
    start, end = switch - 2 * DAY, switch + 2 * DAY
    store = filled(tmp_path / "a.db", fleet_lab.devices(1), start, end)
    (found,) = series(store, end, "curve").values()
    assert found.gaps == [] and found.present == found.expected > 40
    lost = (switch - HOUR, switch + HOUR)
    store = filled(tmp_path / "b.db", fleet_lab.devices(1), start, end, [lost])
    (found,) = series(store, end, "curve").values()
    (gap,) = found.gaps
    assert (gap.missing, gap.start, gap.end) == (2, lost[0], lost[1])
    (counted,) = series(store, end, "instant").values()
    assert counted.expected - counted.present == 8


def test_a_meter_that_has_gone_silent_is_missing_from_then_on(tmp_path):
    start = fleet_lab.START
    store = filled(tmp_path / "a.db", fleet_lab.devices(1), start, start + DAY)
    (found,) = series(store, start + 10 * DAY, "curve").values()
    assert found.gaps[0].end == start + 10 * DAY - gaps.CURVE_GRACE_S - 2 * HOUR + 2 * HOUR
    assert found.expected - found.present == found.gaps[0].missing > 150
    # All that it had lies before what is looked at.
    (found,) = series(store, start + 60 * DAY, "curve", days=20).values()
    assert found.present == 0 and found.expected == found.gaps[0].missing > 400


def test_a_closing_that_is_missing_counts_with_each_tariff_object(tmp_path):
    start = timetag.TimeTag(26, 1, 31, 0, 0).to_utc(ZONE)
    end = start + 40 * DAY  # the closings of February and March are due
    march = timetag.TimeTag(26, 3, 1, 0, 0).to_utc(ZONE)
    store = filled(tmp_path / "a.db", fleet_lab.devices(1), start, end, [(march - 1, march)])
    (found,) = series(store, end, "closings", days=60).values()
    (gap,) = found.gaps
    assert gap.missing == 7 and gap.end == march and found.expected - found.present == 7
    # Within the days of grace it is not missed yet.
    (found,) = series(store, march + DAY, "closings", days=60).values()
    assert not found.gaps


def test_watch_tells_it_as_a_table_as_json_and_keeps_a_line_an_hour(tmp_path, capsys):
    now = int(time.time()) // HOUR * HOUR
    lost = (now - 40 * HOUR, now - 38 * HOUR)
    store = filled(tmp_path / "a.db", fleet_lab.devices(2), now - 3 * DAY, now, [lost])
    store.close()
    for _ in range(2):
        assert fleet.main(["watch", "--database", str(tmp_path / "a.db"), "--json", "--keep"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["device"] for line in lines[:2]] == ["860000000000001", "860000000000002"]
    one = lines[0]
    assert one["version"] == "1.0.0" and one["start"] == "power" and one["signal"] == -77 and one["state"] == "online"
    assert one["bytes"] is None and one["certificate"] is None  # not told
    assert one["meters"][0]["curve"]["gaps"] == [{"start": lost[0], "end": lost[1], "missing": 2}]
    store = open_store(str(tmp_path / "a.db"))
    hours = store.all("select hour, device, data from watch order by hour, device")
    assert len(hours) in (2, 4)  # four where the hour has ended in between
    assert json.loads(hours[0][2])["missing"] == 2
    assert fleet.main(["watch", "--database", str(tmp_path / "a.db")]) == 0
    text = capsys.readouterr().out
    assert "missing 2: " in text and "860000000000002  online" in text


def test_what_the_status_topic_tells_wins_over_the_online_topic(tmp_path):
    store = open_store(str(tmp_path / "a.db"))
    store.write(
        [],
        [],
        {"1": {"online": '{"VERSION":"1","SIGNAL":-70}', "state": "online", "state_at": 5, "last_seen": 5}},
        10,
    )
    store.write(
        [], [], {"1": {"status": '{"VERSION":"2","BYTES":7,"DRIFT":-1}', "status_at": 20, "last_seen": 20}}, 20
    )
    (one,) = watch.look(store, ZONE, 100)
    assert (one["version"], one["signal"], one["bytes"], one["drift"], one["silent_s"]) == (
        "2",
        -70,
        7,
        -1,
        80,
    )


def test_a_database_that_is_not_there_is_told_and_none_is_made(tmp_path, capsys):
    assert fleet.main(["watch", "--database", str(tmp_path / "none.db")]) == 1
    assert "none.db" in capsys.readouterr().err and not list(tmp_path.iterdir())


# --- backfill


def answering(device):
    """`ask` of a device in this process."""

    def ask(name, line, seconds=30):
        assert name == device.imei
        return desk.parse(device.say(line.encode()), line)

    return ask


def simulated(now, **options):
    one = simulate.Device(1)
    return fleet_devices.Device(one, now, **options)


@pytest.mark.parametrize("echo", ["on", "off"])
def test_gaps_of_curves_and_closings_close_with_the_values_that_were_lost(tmp_path, echo):
    start = timetag.TimeTag(25, 10, 24, 0, 0).to_utc(ZONE)
    end = start + 20 * DAY
    november = timetag.TimeTag(25, 11, 1, 0, 0).to_utc(ZONE)
    # Three days that hold the night of the switch, and a closing.
    lost = [(start + DAY, start + 4 * DAY), (november - 1, november)]
    store = filled(tmp_path / "a.db", fleet_lab.devices(1), start, end, lost)
    device = simulated(end)
    device.config.set_many({"mqtt.echo": echo})
    device.channel.echo = echo == "on"
    fill = backfill.Backfill(store, ZONE, answering(device), pause=lambda seconds: None)
    found = gaps.find(store, ZONE, end, 30)
    todo = [gap for some in found.values() for each in some for gap in each.gaps]
    assert {gap.what for gap in todo} == {"curve", "closings"} and sum(gap.missing for gap in todo) == 72 + 7 + 1
    assert [(missing, why) for _, missing, why in fill.device(device.imei, todo)] == [(0, "")] * len(todo)
    assert not [gap for some in gaps.find(store, ZONE, end, 30).values() for each in some for gap in each.gaps]
    whole = filled(tmp_path / "b.db", fleet_lab.devices(1), start, end)
    sql = "select device, meter, type, contract, object, at, digest from record where type <> 'IEC102'"
    sql += " order by 1, 2, 3, 4, 5, 6"
    assert store.all(sql) == whole.all(sql)
    assert store.all("select distinct source from record order by 1") == [("backfill",), ("mqtt",)]


def test_what_the_meter_has_not_stays_missing_and_says_why(tmp_path):
    start = fleet_lab.START
    end = start + 3 * DAY
    store = filled(tmp_path / "a.db", fleet_lab.devices(1), start, end, [(start + DAY, start + DAY + 5 * HOUR)])
    todo = [gap for some in gaps.find(store, ZONE, end).values() for each in some for gap in each.gaps]
    assert len(todo) == 1
    device = simulated(end, rights={"mqtt.commands": "view"})
    fill = backfill.Backfill(store, ZONE, answering(device), pause=lambda seconds: None)
    ((gap, missing, why),) = fill.device(device.imei, todo)
    assert missing == 5 and "mqtt.commands" in why
    device.config.set_many({"mqtt.commands": "view,meter"})
    device.lines[0].fails = "NoAnswerError: the meter does not answer"
    ((gap, missing, why),) = fill.device(device.imei, todo)
    assert missing == 5 and "the meter does not answer" in why
    assert "5 of 5 still missing: " in backfill.line(gap, missing, why, ZONE)

    def silent(*_):
        raise desk.NoAnswer("no answer within 30 s")

    fill.ask = silent
    assert fill.device(device.imei, todo) == [(todo[0], 5, "no answer within 30 s")]


def test_the_command_does_it_over_a_broker(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(backfill, "_PAUSES", (0.1, 0.2, 0.5))
    now = int(time.time()) // HOUR * HOUR
    lost = [(now - 60 * HOUR, now - 50 * HOUR)]
    store = filled(tmp_path / "a.db", fleet_lab.devices(3), now - 4 * DAY, now, lost)
    store.close()
    broker = brokers.start_broker()
    some = {each.imei: fleet_devices.Device(each, now) for each in fleet_lab.devices(2)}  # the third one is offline
    monkeypatch.setattr(desk.Desk.ask, "__defaults__", (3,))
    answers = fleet_devices.Desk(broker.port, some)
    try:
        words = [
            "backfill",
            "--database",
            str(tmp_path / "a.db"),
            "--broker",
            "mqtt://127.0.0.1:%d" % broker.port,
        ]
        assert fleet.main(words) == 1
        out = capsys.readouterr().out
        assert out.count(": closed, 10") == 2 and "860000000000003 ID00000 curve" in out
        assert "10 of 10 still missing: no answer" in out
        some["860000000000003"] = fleet_devices.Device(fleet_lab.devices(3)[2], now)
        assert fleet.main(words) == 0
        assert fleet.main(words) == 0 and "nothing is missing" in capsys.readouterr().out
    finally:
        answers.close()
        broker.stop()


def test_somebody_elses_answer_is_not_taken_for_ours():
    line = desk.OURS + "GETIEC102_LC,ID00000"
    ours = line + '\r\n{"x":1}\r\n\r\nOK\r\n'
    assert desk.parse(ours.encode(), line) == desk.Answer(True, ['{"x":1}'], 0, "")
    assert desk.parse(ours.encode(), desk.OURS + "VERSION") is None
    assert desk.parse(b'{"x":1}\n\nOK\n', line) == desk.Answer(True, ['{"x":1}'], 0, "")
    error = desk.parse(b'\r\n+MTXERR: 3,"not allowed"\r\n\r\nERROR\r\n', line)
    assert error == desk.Answer(False, [], 3, "not allowed")
    assert desk.parse(b"\xff\xfe", line) is None


def test_the_try_shows_all_of_it_and_leaves_nothing_behind(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert fleet.main(["try", "--devices", "2", "--days", "1"]) == 0
    out = capsys.readouterr().out
    assert "missing 5: " in out and "860000000000002  online" in out and not list(tmp_path.iterdir())
