"""What the TITAN reference leaves open (its sections 3.4 and 7) is a setting: each of them does what its help says."""

import json

import pytest

from firmware.meters import reading, readings
from firmware.meters.meter import Meter
from firmware.meters.records import titan
from firmware.meters.schedule import Schedule
from tests.host.support import memory_meters, virtual_time
from tests.host.support.record_format import record_format
from tests.host.unit.commands.test_commands import Desk
from tests.host.unit.meters.test_telemetry import objects

START = 1792891800  # 2026-10-25 01:30 UTC, winter time in Madrid since half an hour


def read(kind, options=None, header=("summer", "DO"), no_types=()):
    """The records of one session with the simulated meter, and its model."""

    async def session():
        stations = memory_meters.stations(1, virtual_time.asyncio.get_running_loop().utc)
        stations[0].answers.no_types = set(no_types)
        meter = Meter("M", (1, 1, 1), [], True, options or {})
        kept = []
        line = memory_meters.line_of(memory_meters.port_of(stations), [meter], kept.extend)
        line.format.tags, line.format.object_key = header
        assert await reading.session(line, meter, kind), meter.last_error
        return [json.loads(payload) for _, _, payload in kept], stations[0].meter

    return virtual_time.run(session(), START, limit_s=3600)


def test_the_absolute_energies_from_object_192_or_from_the_tariff():
    keys = ("VABA", "VABRI", "VABRC")
    (by_object,), model = read(readings.INSTANT)
    totals = model.totals(START)
    assert [by_object[key] for key in keys] == [totals[i] for i in (0, 2, 5)]
    (tariff,), _ = read(readings.TARIFF)
    total = tariff["TAVC"][0]
    (record,), _ = read(readings.INSTANT, {"totals": "tariff"})
    assert [record[key] for key in keys] == [total[key] for key in ("EaA", "EaRi", "EaRc")]
    assert list(record) == list(by_object)


def test_a_meter_without_tariff_values_leaves_the_energies_out():
    (record,), _ = read(readings.INSTANT, {"totals": "tariff"}, no_types=[133])
    assert "VABA" not in record and "PAT" in record


@pytest.mark.parametrize("mode", ["keep", "omit", "mark"])
def test_invalid_values(mode):
    from firmware.meters.readings import instant

    items = objects()
    items[0]["totals"][2]["invalid"] = True  # VABRI
    items[1]["powers"][0]["invalid"] = True  # the total
    items[2]["phases"][2]["invalid"] = True  # F3
    form = record_format("1", "P")
    record = json.loads(bytes(instant.write(titan.Writer(), form, 0, "M", items, mode)))
    doubtful = {"VABRI", "PAT", "PRT", "FPT", "IF3", "TF3"}
    assert doubtful & set(record) == (set() if mode == "omit" else doubtful)
    assert record.get("Q") == (1 << 1 | 1 << 3 | 1 << 9 if mode == "mark" else None)
    assert "VABA" in record and "PAF1" in record and "TF1" in record


@pytest.mark.parametrize("tags, end", [("summer", "-0"), ("offset", "+01:00"), ("plain", "")])
def test_the_form_of_the_meters_times(tags, end):
    (record,), _ = read(readings.TARIFF, header=(tags, "D0"))
    assert record["TAVC"][0]["DEND"] == "2026-10-25T02:30" + end
    assert list(record["TAVC"][0])[0] == "D0"


class Clock:
    now = 1000

    def utc(self):
        return self.now


def test_readings_that_are_not_on_the_clock():
    clock, schedule = Clock(), Schedule(readings.INSTANT, 900, aligned=False)
    schedule.plan(clock)
    assert schedule.at == 1000
    clock.now = 1007
    schedule.success(clock)
    assert schedule.at == 1900
    schedule.plan(clock)  # the clock was set by a little: nothing is left out
    assert schedule.at == 1900
    clock.now = 5_000_000
    schedule.plan(clock)
    assert schedule.at == 5_000_000


def test_a_get_before_any_set():
    desk = Desk()
    get = "AT^MTXTUNNEL=GETIEC102,ID00000"
    assert desk.say(get).endswith("\r\n\r\nERROR\r\n")
    desk.device.config.set_many({"iec102.unread": "ok"})
    answer = desk.say(get)
    assert '"ERR":"nothing was read yet' in answer and answer.endswith("\r\n\r\nOK\r\n")
    assert desk.say(get.replace("ID00000", "ID7")).endswith("ERROR\r\n")


def test_a_semicolon_between_arguments():
    desk = Desk()
    desk.device.config.set_many({"device.separator": "both"})
    assert desk.say("AT^MTXTUNNEL=SETPARAM ; logger.id ;a;b").endswith("\r\n\r\nOK\r\n")
    assert desk.device.config.get("logger.id") == "a;b"
    assert desk.say("at^mtxtunnel=setparam,logger.id; c").endswith("OK\r\n")
    assert desk.say("AT^MTXTUNNEL=GETPARAM;logger.id").split("\r\n")[1] == "c"
    closing = "AT^MTXTUNNEL=SETIEC102_CTAVM2;ID00000; 0;0;1;7;22,0;0;2;7;22"
    answer = desk.say(closing)
    desk.device.config.set_many({"device.separator": "comma"})
    assert answer.endswith("OK\r\n") and desk.say(closing).endswith("ERROR\r\n")
    # A secret is hidden whatever separates.
    for line in ("SETPARAM;mqtt.password;hush", "SETPARAM,mqtt.password;hush", "LOGIN;hush"):
        assert "hush" not in desk.say("AT^MTXTUNNEL=" + line)
