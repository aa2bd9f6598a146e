"""The extended form: every record, its units, validity, directions and times; and docs/json.md."""

import asyncio
import datetime as dt
import json

import pytest
from zoneinfo import ZoneInfo

from firmware.core.zone import Zone
from firmware.iec102.timetag import TimeTag, from_utc
from firmware.meters import reading, readings
from firmware.meters.meter import Meter
from firmware.meters.records import extended
from firmware.meters.records import titan as telemetry
from tests.host.support import json_examples, memory_meters, virtual_time
from tests.host.support.record_format import record_format

MADRID = Zone("Europe/Madrid")


class Job:
    """What a Form sees of a session."""

    def __init__(self, utc=1792891800):
        self.format = record_format("1", "P", "seconds")
        self.type = "T"
        self.meter = type("M", (), {"ident": "M"})
        self.clock = type("C", (), {"zone": MADRID})
        self.kept = []
        self.out = telemetry.Writer()
        self._utc = utc

    def utc(self):
        return self._utc

    async def emit(self, view, kind):
        self.kept.append((kind, json.loads(bytes(view))))


def written(name, *args):
    job = Job()
    job.kind = {"instant": readings.INSTANT, "period": readings.CURVE}.get(name, readings.CLOCK)
    module = {"instant": "instant", "period": "curve", "tariff": "closings"}.get(name, "facts")
    asyncio.run(getattr(extended.form(job, module), name)(*args))
    ((kind, record),) = job.kept
    assert kind == job.kind | readings.EXTENDED
    return record


def test_the_document_shows_what_the_firmware_writes():
    shown = json_examples.in_document(json_examples.DOCUMENT.read_text())
    made = json_examples.examples()
    assert shown == made, "run python -m tests.host.support.json_examples"


def test_every_kind_has_both_forms():
    seen = {(record["TYPE"], kind & readings.EXTENDED) for kind, record in json_examples.records()}
    names = {"IEC102" + end for end in ["", "_CTAVM2", "_LC", "_TAVC", "_EV", "_ID", "_CLOCK", "_PC", "_CFG"]}
    assert seen == {(n, form) for n in names for form in (0, 128)} | {("IEC102_ERR", 0)}


@pytest.mark.parametrize(
    "export, lower, direction, quadrant",
    [
        (False, False, "import", 1),
        (True, False, "export", 2),
        (True, True, "export", 3),
        (False, True, "import", 4),
    ],
)
def test_direction_and_quadrant(export, lower, direction, quadrant):
    power = {
        "active": 12, "reactive": 3, "cos_phi": 70, "export": export, "quadrant34": lower, "invalid": False,
    }  # fmt: skip
    tag = from_utc(1792891800, MADRID)
    record = written("instant", [{"address": 193, "powers": [power] * 4, "time": tag}])
    total = record["power"]["total"]
    assert total["active"] == {"value": 12, "unit": "kW", "valid": True, "direction": direction}
    assert total["reactive"]["quadrant"] == quadrant
    assert total["power_factor"]["value"] == 0.07
    assert record["TS"] == "2026-10-25T01:30:00Z"


def test_each_value_has_its_own_validity():
    totals = [{"value": i, "invalid": i == 3} for i in range(6)]
    phases = [{"current": 7, "voltage": 2305, "invalid": i == 1} for i in range(3)]
    tag = from_utc(1792891800, MADRID)
    tag.iv = 1
    record = written(
        "instant",
        [{"address": 192, "totals": totals, "time": tag}, {"address": 194, "phases": phases, "time": tag}],
    )  # fmt: skip
    assert [t["valid"] for t in record["totals"].values()] == [True, True, True, False, True, True]
    assert list(record["totals"]) == [
        "active_import", "active_export", "reactive_q1", "reactive_q2", "reactive_q3", "reactive_q4",
    ]  # fmt: skip
    assert [p["voltage"]["valid"] for p in record["phases"].values()] == [True, False, True]
    assert record["phases"]["l1"]["current"] == {"value": 0.7, "unit": "A", "valid": True}
    assert record["phases"]["l1"]["voltage"]["value"] == 230.5
    assert record["meter_time_valid"] is False


@pytest.mark.parametrize("bit", range(8))
def test_qualifier_names(bit):
    tag = from_utc(1792891800, MADRID)
    record = written("period", 11, 3600, tag, [(1, {"value": 1, "qualifier": 1 << bit})])
    name = extended._QUALIFIERS.split()[7 - bit]
    assert record["active_import"] == {
        "value": 1, "unit": "kWh", "valid": bit != 7, "qualifier": [name],
    }  # fmt: skip


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25"])
def test_periods_of_a_switch_day_join_without_gap_or_overlap(day):
    zone = ZoneInfo("Europe/Madrid")
    first = int(dt.datetime.fromisoformat(day).replace(tzinfo=zone).timestamp())
    end = None
    for utc in range(first, first + 26 * 3600, 900):
        record = written("period", 12, 900, from_utc(utc, MADRID), [])
        start, last = (dt.datetime.fromisoformat(record[key]) for key in ("start", "end"))
        assert last.timestamp() == utc
        assert last.utcoffset() == dt.datetime.fromtimestamp(utc, zone).utcoffset()
        assert start.utcoffset() == dt.datetime.fromtimestamp(utc - 900, zone).utcoffset()
        assert end is None or start == end
        end = last


def test_a_tag_that_is_no_date_is_null():
    record = written("clock", TimeTag(), None, False)
    assert (record["meter_time"], record["meter_time_valid"], record["drift"]) == (
        None,
        False,
        None,
    )


@pytest.mark.parametrize("profile, forms", [("titan", {1}), ("extended", {129}), ("both", {1, 129})])
def test_the_profile_chooses_what_is_logged_and_not_what_is_answered(profile, forms, tmp_path):
    async def main():
        now = asyncio.get_running_loop().utc
        meter = Meter("A", (1, 1, 1), [], place=str(tmp_path) + "/m0_")
        kept = []
        port = memory_meters.port_of(memory_meters.stations(1, now))
        line = memory_meters.line_of(port, [meter], kept.extend, profile)
        assert await reading.session(line, meter, readings.INSTANT)
        result = line.ask(meter, readings.INSTANT)
        assert await reading.session(line, *line.asked.pop())
        answer = bytearray(result.sizes[0])
        result.read_into(0, answer)
        assert len(result.sizes) == 1
        assert list(json.loads(answer))[5] == "VABA"
        return {kind for kind, _, _ in kept}

    assert virtual_time.run(main(), 1792891800, limit_s=3600) == forms
