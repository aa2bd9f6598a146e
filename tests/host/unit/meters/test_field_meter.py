"""What public reports of real meters told of, over the real protocol and in virtual time: each reading keeps what
there is, tells what there is not, and takes no other reading and no other meter along.

The sources stand in tools/meter/manners.py, where each manner can be switched on by hand.
"""

import asyncio
import json

import pytest

from firmware.core import errors
from firmware.core.compat import sleep_ms
from firmware.core.zone import Zone
from firmware.meters import meter as meterline
from firmware.meters import reading, readings, schedule
from tests.host.support import virtual_time
from tests.host.unit.meters.test_readings import Bench
from tools.meter.manners import Manners

NOW = 1792891800  # 2026-10-25T01:30:00Z is the repeated hour; this is 2026-10-24T17:30
MADRID = Zone("Europe/Madrid")
HOUR, DAY = 3600, 86400


@pytest.fixture(autouse=True)
def hours_pass(monkeypatch):
    """Nobody asks for a reading here: whether one is due is as well looked at less often."""
    monkeypatch.setattr(meterline, "_IDLE_MS", 10_000)


def bench(tmp_path, manners=None, **more):
    made = Bench(tmp_path, **more)
    made.stations[0].manners = made.stations[0].answers.manners = _shared(made.stations[0], manners or {})
    return made


def _shared(station, wanted):
    station.manners.clear()
    for name, value in wanted.items():
        station.manners.set(name.replace("_", "-"), value)
    return station.manners


def labels(records):
    return [record["DT"] for record in records if record["TYPE"] == "IEC102_LC"]


async def tried(made, kind, times=1):
    """(whether the last attempt succeeded, all the records)."""
    before, good = len(made.kept), False
    for _ in range(times):
        good = await reading.session(made.line, made.meters[0], kind)
        if good:
            break
        await sleep_ms(1000)
    return good, [record for _, record in made.kept[before:]]


def run(main, now=NOW, limit=6 * HOUR):
    return virtual_time.run(main(), now, limit_s=limit)


# --- 5: labels and ranges


@pytest.mark.parametrize("no_types", [(), (190,)])
@pytest.mark.parametrize("manner", ["midnight24", "twice", "again", "strict", "short", "no_end"])
def test_a_curve_has_each_period_once_whatever_the_manners(tmp_path, manner, no_types):
    async def main(wanted):
        made = bench(tmp_path / manner if wanted else tmp_path / "plain", wanted, curve_days=3)
        made.stations[0].answers.no_types = set(no_types)
        good, records = await tried(made, readings.CURVE, 3)
        assert good, made.meters[0].last_error
        return records

    for name in (manner, "plain"):
        (tmp_path / name).mkdir()
    odd = virtual_time.run(main({manner: "on"}), NOW, limit_s=HOUR)
    plain = virtual_time.run(main({}), NOW, limit_s=HOUR)
    assert len(plain) == 72
    assert labels(odd) == labels(plain)
    assert [r["AI"] for r in odd] == [r["AI"] for r in plain]


@pytest.mark.parametrize("refused", ["", "190=14"])
def test_where_no_end_follows_the_rest_of_a_day_is_asked_for(tmp_path, refused):
    """Data that breaks off and an answer without an end look alike: no period is passed over for that."""

    async def main():
        made = bench(tmp_path, {"no_end": "on", "refuse": refused}, curve_days=3)
        manners = made.stations[0].manners
        whole, lengths = manners.data, []

        def data(asdus):
            given = whole(asdus)
            lengths.append(len(given))
            return given[: 5 if len(lengths) == 1 else None]

        manners.data = data
        good, records = await tried(made, readings.CURVE, 3)
        assert good and lengths[0] > 5, made.meters[0].last_error
        return labels(records)

    found = run(main)
    assert len(found) == len(set(found)) == 72


@pytest.mark.parametrize("ahead", [-130, 0, 130])
def test_a_range_does_not_end_beyond_the_meter_s_own_clock_either(tmp_path, ahead):
    async def main():
        made = bench(tmp_path, {"strict": "on"}, curve_days=1, curve_record=12, model={"ahead": ahead})
        await sleep_ms(20_000)  # a quarter has just ended by our clock
        good, records = await tried(made, readings.CURVE)
        assert good
        await sleep_ms(900_000)
        good, more = await tried(made, readings.CURVE)
        assert good
        return labels(records + more)

    found = virtual_time.run(main(), NOW, limit_s=HOUR)
    assert len(found) == len(set(found))
    assert 96 <= len(found) <= 98


@pytest.mark.parametrize("kind", [readings.EVENTS, readings.CLOSINGS])
def test_no_range_at_all_ends_ahead(tmp_path, kind):
    async def main(strict):
        made = bench(tmp_path / strict, {"strict": strict}, days=60, event_days=60)
        good, records = await tried(made, kind)
        assert good
        return [{key: r[key] for key in r if key not in ("TS",)} for r in records if r.get("REC") != 129]

    for name in ("on", "off"):
        (tmp_path / name).mkdir()
    found = virtual_time.run(main("on"), NOW, limit_s=HOUR)
    assert found
    assert found == virtual_time.run(main("off"), NOW, limit_s=HOUR)


def test_a_label_that_is_no_time_is_counted_and_told(tmp_path, capsys):
    async def main():
        made = bench(tmp_path, {"blank": "on"}, curve_days=1)
        return await tried(made, readings.CURVE)

    good, records = run(main)
    assert good
    # A label of zeros in the first block of each day's answer.
    assert 0 < len(labels(records)) < 24
    assert "no time" in capsys.readouterr().out


@pytest.mark.parametrize("manner", ["twice", "again"])
@pytest.mark.parametrize(
    "kind, key", [(readings.CLOSINGS, "CTAVM2"), (readings.TARIFF, "TAVC"), (readings.EVENTS, "EV")]
)
def test_what_comes_twice_counts_once(tmp_path, manner, kind, key):
    async def main():
        made = bench(tmp_path, {manner: "on"}, days=70, event_days=30)
        good, records = await tried(made, kind)
        assert good
        return [(r.get("REC"), json.dumps(item, sort_keys=True)) for r in records for item in r[key]]

    found = run(main)
    assert found and len(found) == len(set(found))


# --- 4: events of one second


def test_an_event_of_the_second_of_the_newest_one_comes_with_the_next_reading(tmp_path):
    async def main():
        made = bench(tmp_path, event_records=(52,), event_days=7)
        events = made.stations[0].meter.events
        utc = asyncio.get_running_loop().utc()
        events.add(52, utc - 5, 1, 1)
        _, first = await tried(made, readings.EVENTS)
        events.add(52, utc - 5, 1, 2)
        events.add(52, utc - 5, 3, 1)
        _, second = await tried(made, readings.EVENTS)
        _, third = await tried(made, readings.EVENTS)
        made.meters[0].ledger.load()  # as after a restart
        _, fourth = await tried(made, readings.EVENTS)
        return [[(e["SPA"], e["SPQ"]) for r in part for e in r["EV"]] for part in (first, second, third, fourth)]

    first, second, third, fourth = run(main)
    assert first[-1] == (1, 1)
    assert second == [(1, 2), (3, 1)]
    assert not third and not fourth


# --- 2: marks beyond now


@pytest.mark.parametrize("ahead", [3 * DAY, 44 * 365 * DAY])
@pytest.mark.parametrize("between", [0, 5 * DAY])
def test_a_clock_that_was_ahead_for_one_reading_costs_no_period(tmp_path, ahead, between):
    async def main():
        made = bench(tmp_path, curve_days=1)
        await tried(made, readings.CURVE)
        made.rtc.off = ahead
        for _ in range(2):
            await tried(made, readings.CURVE)
        made.rtc.off = 0
        made.meters[0].rest(True)
        await sleep_ms((between + 2 * HOUR) * 1000)
        for _ in range(3):
            await tried(made, readings.CURVE)
        return labels([record for _, record in made.kept])

    found = virtual_time.run(main(), NOW, limit_s=9 * DAY)
    expected = 24 + between // HOUR + 2
    assert len(set(found)) == len(found) == expected


@pytest.mark.parametrize("name", ["lc11", "ev52", "done2"])
def test_a_mark_of_the_year_2070_on_the_flash_is_not_believed(tmp_path, name):
    async def main():
        made = bench(tmp_path, curve_days=1, event_records=(52,), event_days=60)
        meter = made.meters[0]
        meter.ledger.set_mark(name, NOW + 44 * 365 * DAY)
        meter.ledger.save()
        if name == "done2":
            plan = schedule.Schedule(readings.CLOSINGS, DAY, True)
            plan.done = meter.ledger.mark(name)
            plan.plan(made.clock)
            return plan.at <= made.clock.utc()
        return (await tried(made, readings.CURVE if name == "lc11" else readings.EVENTS))[1]

    assert run(main)


def test_a_meter_that_has_lost_a_week_does_not_hold_up_what_came_after_it(tmp_path):
    async def main():
        made = bench(tmp_path, curve_days=1)
        model = made.stations[0].meter
        await tried(made, readings.CURVE)
        model.installed = asyncio.get_running_loop().utc() + 7 * DAY
        await sleep_ms(9 * DAY * 1000)
        for _ in range(4):
            await tried(made, readings.CURVE)
        return labels([record for _, record in made.kept])

    found = virtual_time.run(main(), NOW, limit_s=12 * DAY)
    assert len(found) == len(set(found)) == 24 + 48


# --- 6: no exception takes the line along


@pytest.mark.parametrize("profile", ["titan", "both", "extended"])
@pytest.mark.parametrize(
    "manners", [{"shift": 8}, {"shift": 184}, {"vsq": 0}, {"vsq": 100}, {"leave_out": "192,193,194"}]
)
def test_what_no_meter_should_say_is_that_reading_s_failure(tmp_path, profile, manners):
    async def main():
        made = bench(
            tmp_path, manners, count=2, curve_days=1,
            schedules=[(readings.INSTANT, 900), (readings.CURVE, HOUR, True), (readings.TARIFF, HOUR)],
        )  # fmt: skip
        made.stations[0].answers.no_types = {190}
        made.line.format.profile = profile
        task = asyncio.create_task(made.line.run())
        await sleep_ms((6 * HOUR + 60) * 1000)
        assert not task.done()
        task.cancel()
        return made

    made = virtual_time.run(main(), NOW, limit_s=7 * HOUR)
    kinds = [r["TYPE"] for _, r in made.kept if r["ID"] == "M2"]
    each = 2 if profile == "both" else 1
    assert kinds.count("IEC102") == 24 * each
    assert kinds.count("IEC102_LC") >= 24 * each
    assert made.meters[0].why


@pytest.mark.parametrize("seed", range(30))
def test_any_bytes_in_an_answer_fail_that_reading_alone(tmp_path, seed):
    import random

    from tests.host.support import memory_meters
    from tests.host.support.fake_ports import StationMeter, variable

    chance = random.Random(seed)

    def spoilt(data):
        if data[0] != 0x68 or chance.random() < 0.5:
            return [(0, data)]
        asdu = bytearray(data[7:-2])
        for _ in range(chance.randint(1, 3)):
            asdu[chance.randrange(len(asdu))] = chance.choice((0, 1, 9, 127, 192, 255))
        if chance.random() < 0.3:
            asdu = asdu[: chance.randint(6, len(asdu))]
        return [(0, variable(8, asdu))]

    async def main():
        made = bench(tmp_path, curve_days=1, days=70, totals=chance.choice(("object192", "tariff")))
        station = made.stations[0]
        made.line.port = StationMeter(station.receive, to_master=spoilt).port
        made.line.format.profile = "both"
        for kind in range(readings.INSTANT, readings.SETUP + 1):
            await reading.session(made.line, made.meters[0], kind)
        made.line.port = memory_meters.port_of(made.stations)
        await tried(made, readings.INSTANT)
        return made.kept[-1]

    assert virtual_time.run(main(), NOW, limit_s=2 * HOUR)


# --- 7: blocks that are refused


@pytest.mark.parametrize(
    "refused",
    [
        *("190=13", "190=14", "190=15", "190=16", "190=17", "190=18", "190=nack", "190.9=17", "190=busy"),
        *("190=silent", "190=silent,123.8=17"),
    ],
)
def test_a_curve_that_is_not_given_in_blocks_is_read_without(tmp_path, refused):
    async def main():
        made = bench(tmp_path, {"refuse": refused}, curve_days=2)
        good, records = await tried(made, readings.CURVE)
        assert good, made.meters[0].last_error
        return labels(records), made.stations[0].executed

    found, _ = run(main)
    assert len(found) == 48


def test_a_meter_that_refuses_both_ways_fails_and_its_mark_stays(tmp_path):
    async def main():
        made = bench(tmp_path, {"refuse": "190=15,123=15"}, curve_days=1)
        good, _ = await tried(made, readings.CURVE, 3)
        assert not good and made.meters[0].why[0] == 115
        made.stations[0].manners.clear()
        await sleep_ms(5 * DAY * 1000)
        for _ in range(3):
            await tried(made, readings.CURVE)
        return labels([r for _, r in made.kept])

    found = virtual_time.run(main(), NOW, limit_s=7 * DAY)
    assert len(found) >= 24


# --- 8: more than a session holds


@pytest.mark.parametrize("answer_ms", [300, 1200])
def test_closings_go_on_where_the_session_ended(tmp_path, answer_ms):
    async def main():
        made = bench(tmp_path, {"daily": "on"}, days=31)
        from tests.host.support.fake_ports import StationMeter

        made.line.port = StationMeter(made.stations[0].receive, answer_ms=answer_ms).port
        good, records = await tried(made, readings.CLOSINGS, 10)
        assert good, made.meters[0].last_error
        return [(item["DEND"], item["DO"]) for r in records for item in r["CTAVM2"]]

    found = run(main)
    assert len({end for end, _ in found}) >= 31
    assert len(found) == len(set(found)) == 7 * len({end for end, _ in found})


def test_a_meter_that_stops_in_the_middle_is_gone_on_with(tmp_path):
    async def main():
        made = bench(tmp_path, {"daily": "on", "stop": "40"}, days=31)
        good, records = await tried(made, readings.CLOSINGS, 12)
        assert good, made.meters[0].last_error
        return [(item["DEND"], item["DO"]) for r in records for item in r["CTAVM2"]]

    found = run(main)
    assert len(found) == len(set(found)) == 7 * len({end for end, _ in found}) >= 7 * 31


# --- 9 and 36: events


@pytest.mark.parametrize("cause", ["13", "14", "15", "16", "17", "18", "nack", "busy", "silent"])
@pytest.mark.parametrize("section", [52, 55, 133])
def test_one_event_record_that_is_refused_takes_no_other_along(tmp_path, section, cause):
    async def main():
        made = bench(tmp_path, {"refuse": "102/%d=%s" % (section, cause)}, event_days=400)
        good, records = await tried(made, readings.EVENTS)
        return good, {r["REC"] for r in records}

    good, found = run(main)
    assert good
    assert section not in found and len(found) >= 5


def test_a_meter_without_events_is_told_so(tmp_path, capsys):
    async def main():
        made = bench(tmp_path, {"refuse": "102=14"}, event_records=(52, 53))
        return await tried(made, readings.EVENTS)

    good, records = run(main)
    assert good and not records
    said = capsys.readouterr().out
    assert "the meter has no events" in said and "events read" not in said


# --- 10: instantaneous values in part


@pytest.mark.parametrize("way", ["17", "busy", "silent"])
@pytest.mark.parametrize("totals", ["object192", "tariff"])
@pytest.mark.parametrize("missing", [192, 193, 194])
def test_an_object_that_is_refused_leaves_its_keys_out(tmp_path, totals, missing, way):
    async def main():
        made = bench(tmp_path, {"refuse": "162.%d=%s" % (missing, way)}, totals=totals)
        good, records = await tried(made, readings.INSTANT)
        assert good, made.meters[0].last_error
        return records[0]

    found = run(main)
    assert ("VABA" in found) == (missing != 192 or totals == "tariff")
    assert ("PAT" in found) == (missing != 193)
    assert ("IF1" in found) == (missing != 194)


@pytest.mark.parametrize("cause", ["13", "14", "15", "17", "nack", "busy", "silent"])
@pytest.mark.parametrize("profile", ["titan", "both"])
def test_totals_come_from_the_tariff_where_162_is_not_known(tmp_path, cause, profile):
    async def main():
        made = bench(tmp_path, {"refuse": "162=" + cause}, totals="tariff")
        made.line.format.profile = profile
        good, records = await tried(made, readings.INSTANT)
        assert good, made.meters[0].last_error
        return records

    found = run(main)
    assert "VABA" in found[0] and "PAT" not in found[0]


@pytest.mark.parametrize("way", ["busy", "silent"])
def test_a_meter_that_does_not_know_requests_holds_its_line_for_a_session_at_most(tmp_path, way):
    async def main():
        made = bench(tmp_path, {"refuse": "102=" + way}, event_days=30)
        begun = asyncio.get_running_loop().time()
        good, _ = await tried(made, readings.EVENTS)
        assert not good and made.meters[0].why
        return asyncio.get_running_loop().time() - begun

    assert run(main) < 65


def test_a_meter_that_is_gone_after_the_log_in_is_told_to_be_silent(tmp_path):
    async def main():
        made = bench(tmp_path)
        station = made.stations[0]
        user_data = station._user_data

        def heard(body):
            if body[0] == 162:
                station.plugged = False
                return None
            return user_data(body)

        station._user_data = heard
        good, _ = await tried(made, readings.INSTANT)
        return good, made.meters[0].why[0]

    assert run(main) == (False, 101)


def test_without_162_and_without_the_tariff_it_is_a_failure(tmp_path):
    async def main():
        made = bench(tmp_path, {"refuse": "162=14"})
        good, _ = await tried(made, readings.INSTANT)
        return good, made.meters[0].why[0]

    assert run(main) == (False, 114)


# --- 35: no confirmation, no end


def test_a_password_that_is_not_confirmed_is_told_and_does_not_hold_the_line(tmp_path):
    async def main():
        made = bench(tmp_path, {"no_confirm": "on"}, count=2, schedules=[(readings.INSTANT, 900)])
        task = asyncio.create_task(made.line.run())
        await sleep_ms((2 * HOUR + 60) * 1000)
        task.cancel()
        return made, made.meters[0].why

    made, why = virtual_time.run(main(), NOW, limit_s=3 * HOUR)
    assert "the password was taken, no confirmation came" in errors.text(why)
    from firmware.core import error_texts

    assert "another reader" not in " ".join(error_texts.advice(why))
    late = [utc % 900 for utc, r in made.kept if r["ID"] == "M2"]
    assert len(late) == 8
    # The first time costs what a busy meter may take, no later one does.
    assert max(late[2:]) <= 10


def test_data_without_an_end_is_kept_and_costs_its_wait_once(tmp_path):
    async def main():
        made = bench(tmp_path, {"no_end": "on"}, curve_days=3)
        took = []
        for _ in range(3):
            start = asyncio.get_running_loop().time()
            good, _ = await tried(made, readings.CURVE)
            took.append(asyncio.get_running_loop().time() - start)
            assert good, made.meters[0].last_error
            await sleep_ms(HOUR * 1000)
        return labels([r for _, r in made.kept]), took

    found, took = virtual_time.run(main(), NOW, limit_s=DAY)
    assert len(found) == len(set(found)) == 74
    assert took[1] < 6 and took[2] < 6


@pytest.mark.parametrize("kind", [readings.CLOSINGS, readings.TARIFF, readings.EVENTS])
def test_other_streams_without_an_end_are_read_too(tmp_path, kind):
    async def main():
        made = bench(tmp_path, {"no_end": "on"}, days=70, event_days=30)
        good, records = await tried(made, kind, 2)
        assert good, made.meters[0].last_error
        return records

    assert run(main)


def test_manners_are_understood_and_shown():
    odd = Manners(refuse="190=18,102/53=nack,162.192=17", twice=True)
    assert odd.show() == "refuse=190=18,102/53=nack,162.192=17 twice=on"
    for name, value in (("refuse", "190=12"), ("refuse", "x"), ("twice", "2"), ("vsq", "many"), ("nothing", "on")):
        with pytest.raises(ValueError):
            odd.set(name, value)
