"""The clock's sources and the aligned schedules, on both sides of a switch of summer time."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from zoneinfo import ZoneInfo

from firmware.core import clock, compat
from firmware.core.zone import Zone
from firmware.meters import readings
from firmware.meters.schedule import Schedule, next_aligned

MADRID = Zone("Europe/Madrid")
NOW = 1795000000  # November 2026


class Rtc:
    def __init__(self, now):
        self.now = now

    def get(self):
        return self.now

    def set(self, utc):
        self.now = utc


def test_unknown_until_somebody_sets_it():
    c = clock.Clock(Rtc(0), "Europe/Madrid")
    assert (c.known, c.utc()) == (False, 0)
    assert c.set(NOW, clock.METER)
    assert (c.known, c.utc(), c.source_name()) == (True, NOW, "meter")


def test_a_worse_source_does_not_move_a_better_ones_time_until_it_is_stale():
    rtc = Rtc(0)
    c = clock.Clock(rtc, "Europe/Madrid")
    assert c.set(NOW, clock.NTP)
    assert not c.set(NOW + 100, clock.METER)
    assert rtc.now == NOW
    rtc.now += 4 * 86400
    assert c.set(rtc.now + 100, clock.METER)
    assert c.step == 100


@pytest.mark.parametrize("utc", [0, 946684800, 1700000000, 1767225599, 2398377600, 3155760008, 4102444800])
def test_impossible_times_are_refused(utc):
    c = clock.Clock(Rtc(0), "Europe/Madrid")
    assert not c.set(utc, clock.NTP)
    assert not c.known


@given(
    st.integers(1735689600, 2000000000),
    st.sampled_from([1, 5, 60, 300, 900, 1800, 3600, 7200, 21600, 86400]),
)
def test_due_times_are_aligned_in_local_time_and_in_the_future(now, interval):
    due = next_aligned(now, interval, MADRID)
    assert now < due <= now + interval + 3600
    local = dt.datetime.fromtimestamp(due, ZoneInfo("Europe/Madrid"))
    seconds = local.hour * 3600 + local.minute * 60 + local.second
    assert seconds % min(interval, 3600) == 0
    if interval == 86400:
        assert seconds == 0


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25"])
def test_quarter_hours_of_a_switch_day_are_all_there(day):
    zone = ZoneInfo("Europe/Madrid")
    start = dt.datetime.fromisoformat(day).replace(tzinfo=zone)
    end = (start + dt.timedelta(days=1)).astimezone(dt.timezone.utc).timestamp()
    end = dt.datetime.fromisoformat(day).replace(tzinfo=zone) + dt.timedelta(days=1)
    now, count = int(start.timestamp()), 0
    while True:
        now = next_aligned(now, 900, MADRID)
        if now > end.timestamp():
            break
        count += 1
    assert count == (92 if day.endswith("29") else 100)


@pytest.mark.parametrize("interval", [900, 3600, 5400, 7200, 21600, 86400])
@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25"])
def test_a_slot_is_planned_once_and_a_missed_one_at_once_around_a_switch(day, interval):
    begin = int(dt.datetime.fromisoformat(day).timestamp()) - 2 * 86400
    slots = [next_aligned(begin, interval, MADRID)]
    while slots[-1] < begin + 5 * 86400:
        slots.append(next_aligned(slots[-1], interval, MADRID))
    for before, current, after in zip(slots, slots[1:], slots[2:]):
        for now in (current, current + 1, (current + after) // 2, after - 1):
            c = clock.Clock(Rtc(now), "Europe/Madrid", clock.HOST)
            for done, due in ((before, current), (current, after)):
                plan = Schedule(readings.CLOSINGS, interval, True)
                plan.done = done
                plan.plan(c)
                assert plan.due == due


def test_the_seconds_since_start_go_on_where_a_boards_ticks_begin_anew(monkeypatch):
    period = 1 << 30
    now = [0]
    monkeypatch.setattr(compat, "_passed", [0, 0, False])
    monkeypatch.setattr(compat, "ticks_ms", lambda: now[0] % period)
    monkeypatch.setattr(compat, "ticks_add", lambda t, d: (t + d) % period)
    half = period // 2
    monkeypatch.setattr(compat, "ticks_diff", lambda a, b: (a - b + half) % period - half)
    for hour in range(24 * 40):
        now[0] = hour * 3600000
        assert compat.monotonic_s() == hour * 3600
