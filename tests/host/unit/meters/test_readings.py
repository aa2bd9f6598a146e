"""Rules of each reading over the real protocol, in virtual time: the meter's clock, resending, events, midnight."""

import asyncio
import builtins
import datetime as dt
import json
import re
import sys

import pytest
from zoneinfo import ZoneInfo

from firmware.core import clock, overlay
from firmware.core.compat import sleep_ms
from firmware.core.zone import Zone
from firmware.iec102.totals import FIELDS
from firmware.meters import meter as meterline
from firmware.meters import reading, readings
from firmware.meters.ledger import Ledger
from firmware.meters.meter import Meter
from firmware.meters.schedule import Schedule
from tests.host.support import memory_meters, virtual_time
from tools.meter.values import tag_of

NOW = 1792891800
MADRID = Zone("Europe/Madrid")
HOUR, DAY = 3600, 86400
QUALIFIERS = ("CA", "CRi", "CRc", "C7", "C8", "CMA", "CE")


class SetRtc:
    """A board's clock that can be set; `off` seconds from the true time."""

    def __init__(self, off=0):
        self.off = off

    def get(self):
        return asyncio.get_running_loop().utc() + self.off

    def set(self, utc):
        self.off += utc - self.get()


class Bench:
    """One meter or more on a line, and what is kept of them."""

    def __init__(self, root, *, count=1, schedules=(), source=clock.NTP, model=None, times=None, **options):
        self.stations = memory_meters.stations(count, asyncio.get_running_loop().utc, **(model or {}))
        self.kept = []
        self.rtc = SetRtc()
        self.clock = clock.Clock(self.rtc, "Europe/Madrid", source)
        self.root = root
        self.options = options
        self.meters = [
            Meter(
                "M%d" % link,
                (link, 1, link),
                [Schedule(*each) for each in schedules],
                True,
                dict(options, times=times or {}),
                Ledger("%s/m%d_ledger" % (root, link)),
                "%s/m%d_" % (root, link),
            )
            for link in range(1, count + 1)
        ]
        port = memory_meters.port_of(self.stations)
        self.line = memory_meters.line_of(port, self.meters, self._keep, clock=self.clock)

    def _keep(self, batch):
        self.kept += [(utc, json.loads(payload)) for _, utc, payload in batch]

    async def read(self, kind):
        """The records of one reading."""
        before = len(self.kept)
        assert await reading.session(self.line, self.meters[0], kind), self.meters[0].last_error
        return [record for _, record in self.kept[before:]]


def ahead_of(bench):
    """Seconds the meter's clock is ahead of the true time."""
    model = bench.stations[0].meter
    return model.clock() - asyncio.get_running_loop().utc()


# --- the meter's clock


@pytest.mark.parametrize(
    "ahead, options, source, drift, was_set",
    [
        (30, {}, clock.NTP, 30, False),  # off by default
        (30, {"set_clock": True}, clock.NTP, 0, True),
        (-59, {"set_clock": True}, clock.NTP, 0, True),
        (0, {"set_clock": True}, clock.NTP, 0, False),
        (61, {"set_clock": True, "max_step": 60}, clock.NTP, 61, False),  # wants a person
        (61, {"set_clock": True, "max_step": 90}, clock.NTP, 0, True),
        (30, {"set_clock": True}, clock.MODEM, 0, True),
    ],
)
def test_the_meters_drift_is_told_and_it_is_only_set_where_that_is_allowed(
    tmp_path, ahead, options, source, drift, was_set
):
    async def main():
        bench = Bench(tmp_path, source=source, model={"ahead": ahead}, **options)
        (record,) = await bench.read(readings.CLOCK)
        left = ahead_of(bench)
        (again,) = await bench.read(readings.CLOCK)
        return record, left, again

    record, left, again = virtual_time.run(main(), NOW, limit_s=3600)
    assert record["SET"] is was_set and again["SET"] is False
    # The drift is that after the setting; a tag of whole seconds and the way there are within one.
    assert abs(record["DRIFT"] - drift) <= 1 and abs(again["DRIFT"] - drift) <= 1
    assert abs(left - drift) <= 1


def test_a_device_without_time_takes_it_from_the_meter_and_does_not_set_the_meter(tmp_path):
    async def main():
        bench = Bench(tmp_path, source=clock.UNKNOWN, model={"ahead": 20}, set_clock=True)
        bench.rtc.off = -NOW
        (record,) = await bench.read(readings.CLOCK)
        return record, bench.clock.source, bench.clock.utc() - asyncio.get_running_loop().utc()

    record, source, off = virtual_time.run(main(), NOW, limit_s=3600)
    assert source == clock.METER and abs(off - 20) <= 1
    assert record["SET"] is False and record["DRIFT"] is None
    assert record["TS"].startswith("2026-10-25T01:30")


@pytest.mark.parametrize("kind", [readings.INSTANT, readings.CLOSINGS, readings.CURVE, readings.EVENTS])
def test_records_are_kept_with_most_of_the_stack_free(tmp_path, kind):
    """A Pico W has 8 KB of it, some 25 calls: within a meter's answers a journal that moved into its segments ended in
    "maximum recursion depth exceeded", on the emulated board, and none of a curve's records was ever kept."""
    depths = []

    async def main():
        bench = Bench(tmp_path, days=62)
        kept = bench.line.keep

        def keep(batch):
            depth, frame = 0, sys._getframe()
            while frame:
                depth += frame.f_code.co_filename.find("/firmware/") >= 0
                frame = frame.f_back
            depths.append(depth)
            kept(batch)

        bench.line.keep = keep
        await bench.read(kind)

    virtual_time.run(main(), NOW, limit_s=3600)
    # Of ours: Job._flush and reading.store.
    assert depths and max(depths) <= 2, depths


def test_what_moves_the_journal_is_there_before_the_meter_is_asked(tmp_path, monkeypatch):
    """Loaded beside a curve's answers it found no room in the heap of a Pico W."""
    loaded, asked = [], []
    wanted = builtins.__import__

    def noting(name, *arguments):
        if name == "firmware.recordlog" and "segments" in arguments[2]:
            loaded.append(len(asked))
        return wanted(name, *arguments)

    async def main():
        bench = Bench(tmp_path)
        receive = bench.stations[0].receive
        bench.stations[0].receive = lambda data: (asked.append(data), receive(data))[1]
        monkeypatch.setattr(builtins, "__import__", noting)
        await bench.read(readings.CURVE)

    virtual_time.run(main(), NOW, limit_s=3600)
    assert loaded == [0] and asked


# --- the load curve


def test_a_period_that_the_meter_closes_late_comes_with_the_next_reading(tmp_path):
    """The meter's clock is five minutes behind: at the hour it has not closed what the device asks for."""
    hour = NOW // HOUR * HOUR

    async def main():
        bench = Bench(tmp_path, model={"ahead": -300}, curve_days=1)
        early = await bench.read(readings.CURVE)
        await sleep_ms(600_000)
        return early, await bench.read(readings.CURVE), await bench.read(readings.CURVE)

    early, late, again = virtual_time.run(main(), hour + 60, limit_s=7200)
    assert len({each["DT"] for each in early}) == 23 and again == []
    (last,) = late
    assert last["DT"][:16] == dt.datetime.fromtimestamp(hour, ZoneInfo("Europe/Madrid")).isoformat()[:16]
    assert last["DT"] not in [each["DT"] for each in early]


# --- closings


@pytest.mark.parametrize("days", (1, 31))
def test_closings_are_asked_for_up_to_now(tmp_path, days):
    """From midnight so many days ago: one may have been closed this morning. Meters refuse an end that lies ahead."""
    spans = []

    async def main():
        bench = Bench(tmp_path, days=days)
        model = bench.stations[0].meter
        closings = model.closings
        model.closings = lambda start, end: spans.append((start, end)) or closings(start, end)
        await bench.read(readings.CLOSINGS)

    virtual_time.run(main(), NOW, limit_s=3600)
    midnight = dt.datetime(2026, 10, 25, tzinfo=ZoneInfo("Europe/Madrid"))
    assert {start for start, _ in spans} == {int((midnight - dt.timedelta(days)).timestamp())}
    # A meter whose clock is behind ours refuses that: it is asked for a little less.
    assert spans[0][1] == NOW and all(NOW - 3600 <= end <= NOW for _, end in spans)


@pytest.mark.parametrize("resend, times", [(False, 1), (True, 3)])
def test_closings_are_sent_again_only_when_that_is_wanted(tmp_path, resend, times):
    async def main():
        bench = Bench(tmp_path, days=31, resend=resend)
        found = []
        for _ in range(3):
            found += await bench.read(readings.CLOSINGS)
        return found

    found = virtual_time.run(main(), NOW, limit_s=3600)
    assert len(found) == times
    assert [item["DO"] for item in found[0]["CTAVM2"]] == list(range(20, 27))


def test_what_is_asked_for_on_demand_is_neither_logged_nor_counted_as_sent(tmp_path):
    async def main():
        bench = Bench(tmp_path, days=31)
        (meter,) = bench.meters
        result = bench.line.ask(meter, readings.CLOSINGS, (NOW - 40 * DAY, NOW))
        await reading.session(bench.line, *bench.line.asked.pop())
        assert result.sizes and not result.why and not bench.kept
        return await bench.read(readings.CLOSINGS)

    assert len(virtual_time.run(main(), NOW, limit_s=3600)) == 1


def test_an_answer_that_is_half_out_gets_nothing_of_the_next_reading(tmp_path):
    async def main():
        bench = Bench(tmp_path)
        (meter,) = bench.meters

        async def asked():
            result = bench.line.ask(meter, readings.INSTANT)
            with overlay.use("reading"):
                await reading.session(bench.line, *bench.line.asked.pop())
            return result

        def given(result):
            view = bytearray(result.sizes[0])
            result.read_into(0, view)
            return bytes(view)

        first = await asked()
        before = given(first)
        second = await asked()
        assert given(first) == before and json.loads(given(second))["TYPE"] == "IEC102"
        # While a command gives the one, the next but one waits with what would take its place: two seconds at most.
        overlay.running[1] += 1
        started = asyncio.get_running_loop().time()
        await asked()
        overlay.running[1] -= 1
        assert asyncio.get_running_loop().time() - started >= 2

    virtual_time.run(main(), NOW, limit_s=3600)


def test_more_tariff_objects_than_usual_are_all_there(tmp_path):
    """Nine periods and the total are the most there can be."""
    tag = "2026-10-01T00:00-1"
    item = {name: 4294967295 for name, _ in FIELDS if name not in ("DO", *QUALIFIERS)}
    item.update({name: 255 for name in QUALIFIERS})
    fixed = {
        "closings": [
            dict(item, DO=20 + number, FMPA=tag_of(tag), DINI=tag_of(tag), DEND=tag_of(tag)) for number in range(10)
        ]
    }

    async def main():
        bench = Bench(tmp_path, days=31, model={"fixed": fixed})
        return await bench.read(readings.CLOSINGS)

    (record,) = virtual_time.run(main(), NOW, limit_s=3600)
    assert [each["DO"] for each in record["CTAVM2"]] == list(range(20, 30))
    assert all(each["EaA"] == 4294967295 for each in record["CTAVM2"])


@pytest.mark.parametrize("day", ["2026-07-01", "2026-03-29", "2026-10-25"])
def test_closings_are_read_once_a_day_after_local_midnight_whatever_comes_between(tmp_path, monkeypatch, day):
    monkeypatch.setattr(meterline, "_IDLE_MS", 10_000)  # hours pass: as well looked at less often
    zone = ZoneInfo("Europe/Madrid")
    midnight = dt.datetime.fromisoformat(day).replace(tzinfo=zone)
    start = int(midnight.timestamp()) - 4 * HOUR
    asked = set()

    def watched(receive):
        def heard(data):
            if len(data) > 7 and data[7] == 134:
                asked.add(asyncio.get_running_loop().utc())
            return receive(data)

        return heard

    async def main():
        schedules = [(readings.CLOSINGS, DAY, True)]
        bench = Bench(tmp_path, schedules=schedules, days=31)
        # Yesterday's were read.
        yesterday = int((midnight - dt.timedelta(days=1)).timestamp())
        bench.meters[0].ledger.set_mark("done%d" % readings.CLOSINGS, yesterday)
        bench.meters[0].ledger.save()
        bench = Bench(tmp_path, schedules=schedules, days=31)
        station = bench.stations[0]
        station.receive = watched(station.receive)
        task = asyncio.create_task(bench.line.run())
        station.plugged = False  # until half past midnight
        await sleep_ms((4 * HOUR + 1800) * 1000)
        assert not bench.kept
        station.plugged = True
        await sleep_ms(HOUR * 1000)
        task.cancel()
        # A restart of the device in the same day.
        again = Bench(tmp_path, schedules=schedules, days=31)
        again.stations[0].receive = watched(again.stations[0].receive)
        task = asyncio.create_task(again.line.run())
        await sleep_ms(12 * HOUR * 1000)
        task.cancel()
        return bench.kept, again.kept

    first, second = virtual_time.run(main(), start, limit_s=3 * DAY)
    assert first and not second
    local = dt.datetime.fromtimestamp(min(asked), zone)
    assert len(asked) == 1 and local.strftime("%Y-%m-%d") == day
    assert "00:30" <= local.strftime("%H:%M") <= "00:46"


# --- events


def test_each_event_comes_once_and_new_ones_with_the_next_reading(tmp_path):
    async def main():
        bench = Bench(tmp_path)
        first = await bench.read(readings.EVENTS)
        model = bench.stations[0].meter
        await sleep_ms(600_000)
        model.events.add(128, asyncio.get_running_loop().utc(), 18, 1, 1)
        await sleep_ms(600_000)
        second = await bench.read(readings.EVENTS)
        return first, second, await bench.read(readings.EVENTS)

    first, second, third = virtual_time.run(main(), NOW, limit_s=3600 * 3)

    def keys(records):
        return [(r["REC"], e["SPA"], e["SPQ"], e["SPI"], e["DT"]) for r in records for e in r["EV"]]

    everything = keys(first) + keys(second) + keys(third)
    assert first and len(everything) == len(set(everything))
    assert (128, 18, 1, 1) in [key[:4] for key in keys(second)]
    # Of the sessions themselves at the most.
    assert {key[0] for key in keys(third)} <= {129, 131, 132, 133}


# --- several meters


def test_a_silent_meter_costs_the_others_no_more_than_its_own_deadline(tmp_path):
    async def main():
        schedules = [(readings.INSTANT, 900)]
        bench = Bench(tmp_path, count=8, schedules=schedules, times={"session_ms": 20000})
        bench.stations[0].plugged = False
        task = asyncio.create_task(bench.line.run())
        await sleep_ms((900 * 4 + 60) * 1000)
        task.cancel()
        return bench.kept

    kept = virtual_time.run(main(), NOW + 10, limit_s=2 * HOUR)
    due = [NOW + 900 * number for number in range(1, 5)]
    for link in range(2, 9):
        times = [utc for utc, record in kept if record["ID"] == "M%d" % link and record["TYPE"] == "IEC102"]
        assert len(times) == 4
        assert all(0 <= utc - at <= 25 for utc, at in zip(times, due, strict=True)), (link, times)
    told = [record for _, record in kept if record["TYPE"] == "IEC102_ERR"]
    assert [record["MISSED"] for record in told] == [1, 2, 3, 4]
    assert all(record["ID"] == "M1" and "NoAnswerError" in record["ERR"] for record in told)


def test_the_ledger_knows_more_closings_than_the_longest_reading_has(tmp_path):
    from firmware.config.settings_table import TABLES

    days = int(re.search(r"closing_days\|.*?\|int\|1,(\d+)", TABLES["meter"])[1])
    ledger = Ledger(str(tmp_path / "ledger"))
    keys = [(0xFFFFFFFF - number * 7919) & 0xFFFFFFFF for number in range(days + 10)]
    for key in keys:
        ledger.add(key)
    for number in range(100):
        ledger.add(number)
    ledger.set_mark("lc11", 1792891800)
    ledger.save()
    kept = Ledger(str(tmp_path / "ledger"))
    assert not kept.damaged and kept.mark("lc11") == 1792891800
    assert kept.seen(99) and not kept.seen(keys[0])
    assert all(kept.seen(key) for key in keys[-(days - 90) :])


_GOOD = '{"marks": {"lc11": 1792891800, "es52": 77}, "keys": [7]}'


@pytest.mark.parametrize(
    "text",
    [
        _GOOD.replace("1792891800", "17950000465535"),  # no UTC: more than a plan of readings holds
        _GOOD.replace("1792891800", "-5"),
        _GOOD.replace("77", "-77"),  # taken apart into keys it had no end
        _GOOD.replace("77", str(1 << 480)),
        _GOOD.replace("1792891800", "1e999"),
        _GOOD.replace("[7]", "[1e999]"),
        _GOOD.replace("[7]", "[" * 99999),
    ],
)
def test_a_ledger_with_what_nobody_has_written_is_damaged(tmp_path, text):
    """Found by tests/proof/fuzz: the meter starts all the same, from what stands in .new or from nothing."""
    path = tmp_path / "ledger"
    path.write_text(text)
    ledger = Ledger(str(path))
    assert ledger.damaged and ledger.mark("lc11") == ledger.mark("es52") == 0 and not ledger.seen(7)
    Meter("M0", (1, 1, 1), [Schedule(readings.CURVE, HOUR, True)], ledger=ledger)
    (tmp_path / "ledger.new").write_text(_GOOD)
    whole = Ledger(str(path))
    assert not whole.damaged and whole.mark("lc11") == 1792891800 and whole.mark("es52") == 77 and whole.seen(7)
