"""The simulated meter's physics and memory: energy is conserved, time is kept, the same seed is the same meter."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.core.zone import Zone
from tools.meter import tariff
from tools.meter.load import AE, AI, DAY, QUARTER, R1, R2, R3, R4, Day, midnight
from tools.meter.model import CONTRACTS, Meter, history

ZONE = Zone("Europe/Madrid")
START = ZONE.to_utc(2026, 6, 15, 12, 0, 0)
METERS = {}

seeds = st.integers(1, 4)
moments = st.integers(ZONE.to_utc(2022, 1, 1, 0, 0, 0), START)


def meter_of(seed):
    """One that stands at START; kept, because it sums up years once."""
    if seed not in METERS:
        METERS[seed] = Meter(seed, lambda: START)
    return METERS[seed]


def local(*fields):
    return ZONE.to_utc(*fields)


# --- energy


@given(seeds, moments, st.integers(0, 3 * DAY))
def test_registers_only_grow_and_whole_numbers_are_their_floor(seed, start, span):
    meter = meter_of(seed)
    before, after = meter.sums(start), meter.sums(start + span)
    assert all(b >= a for a, b in zip(before, after, strict=True))
    assert meter.totals(start) == [wh // 1000 for wh in before]


@given(seeds, moments)
def test_tariff_periods_add_up_to_the_total_at_any_second(seed, utc):
    meter = meter_of(seed)
    periods = meter.by_period(utc)
    assert [sum(row) for row in periods] == meter.totals(utc)
    assert all(value >= 0 for row in periods for value in row)


@given(seeds, moments, st.integers(1, 60))
def test_only_the_period_under_way_counts(seed, utc, minutes):
    meter = meter_of(seed)
    quarter = utc // QUARTER * QUARTER
    until = quarter + min(minutes, 15) * 60
    before, after = meter.by_period(quarter), meter.by_period(until)
    grown = {p for a, b in zip(before, after, strict=True) for p in range(6) if a[p] != b[p]}
    assert grown <= {meter.period(quarter)}


@given(seeds, moments)
def test_registers_integrate_the_power_it_reports(seed, utc):
    meter = meter_of(seed)
    minute = utc // 60 * 60
    before, after = meter.sums(minute), meter.sums(minute + 60)
    gained = [b - a for a, b in zip(before, after, strict=True)]
    phases = meter.power(utc)
    assert sum(p for p, _, _ in phases) == 60 * (gained[AI] - gained[AE])
    reactive = gained[R1] + gained[R2] - gained[R3] - gained[R4]
    assert sum(q for _, q, _ in phases) == 60 * reactive
    # Half a minute later, half of it.
    half = [b - a for a, b in zip(before, meter.sums(minute + 30), strict=True)]
    assert all(abs(2 * h - g) <= 2 for h, g in zip(half, gained, strict=True))


@given(seeds, st.integers(ZONE.to_utc(2022, 1, 1, 12, 0, 0) // DAY, START // DAY - 2))
def test_a_day_is_the_sum_of_its_quarters(seed, number):
    meter = meter_of(seed)
    day = meter.day(number)
    begin, end = day.start, day.start + day.quarters * QUARTER
    assert end == midnight(ZONE, number + 1)
    gained = [b - a for a, b in zip(meter.sums(begin), meter.sums(end), strict=True)]
    assert gained == [sum(row) for row in day.wh]


def test_a_quarter_is_either_imported_or_exported_and_its_quadrant_fits():
    seen = set()
    for number in range(ZONE.to_utc(2026, 5, 1, 12, 0, 0) // DAY, START // DAY):
        day = Day(1, 40, ZONE, number)
        for row in zip(*day.wh, strict=True):
            quadrants = {i for i in (R1, R2, R3, R4) if row[i]}
            assert min(row[AI], row[AE]) == 0 and len(quadrants) <= 1
            assert quadrants <= ({R2, R3} if row[AE] else {R1, R4})
            seen |= quadrants | {i for i in (AI, AE) if row[i]}
    assert {AI, AE, R1, R2, R4} <= seen


def test_even_seeds_have_no_sun_on_the_roof():
    assert meter_of(2).totals(START)[AE] == 0
    assert meter_of(1).totals(START)[AE] > 0


def test_the_load_has_the_shape_of_a_business():
    meter = meter_of(2)

    def mean(hour, days):
        picked = [d for d in range(local(2026, 5, 4, 12, 0, 0) // DAY, START // DAY - 1)]
        picked = [meter.day(d) for d in picked if (d + 3) % 7 + 1 in days and not special(d)]
        return sum(sum(day.wh[AI][hour * 4 : hour * 4 + 4]) for day in picked) / len(picked)

    def special(number):
        return ZONE.to_local(midnight(ZONE, number))[1:3] in tariff.HOLIDAYS

    assert mean(11, range(1, 6)) > 3 * mean(3, range(1, 6))
    assert mean(11, range(1, 6)) > 1.8 * mean(11, (6, 7))
    # 40 kW of peak load: a working hour takes between half and all of it.
    assert 20000 < mean(11, range(1, 6)) < 45000


def test_days_of_the_two_switches_are_shorter_and_longer():
    for month, day, quarters in ((3, 28, 96), (3, 29, 92), (10, 25, 100), (10, 26, 96)):
        number = (local(2026, month, day, 12, 0, 0)) // DAY
        found = Day(1, 40, ZONE, number)
        assert (found.quarters, len(found.periods), len(found.wh[AI])) == (quarters,) * 3


@given(seeds, st.lists(moments, min_size=1, max_size=5), st.randoms(use_true_random=False))
@settings(max_examples=10)
def test_the_same_seed_is_the_same_meter_whatever_was_asked_before(seed, times, order):
    history.cache_clear()  # neither has the other's
    other = Meter(seed, lambda: START + 10 * DAY)
    shuffled = list(times)
    order.shuffle(shuffled)
    for utc in shuffled:
        other.power(utc)
        other.sums(utc)
    history.cache_clear()
    meter = meter_of(seed)
    assert [other.by_period(t) for t in times] == [meter.by_period(t) for t in times]
    assert [other.power(t) for t in times] == [meter.power(t) for t in times]


def test_different_seeds_are_different_meters():
    assert len({tuple(meter_of(seed).totals(START)) for seed in range(1, 5)}) == 4


def test_before_the_installation_it_shows_zero():
    meter = meter_of(1)
    assert meter.totals(meter.installed - 5 * DAY) == [0] * 6
    assert meter.totals(meter.installed) == [0] * 6


# --- tariff calendar


@pytest.mark.parametrize(
    ("moment", "period"),
    [
        ((2026, 1, 14, 10, 0), 1),  # Wednesday
        ((2026, 1, 14, 8, 30), 2),
        ((2026, 1, 14, 7, 59), 6),
        ((2026, 1, 14, 23, 59), 2),
        ((2026, 1, 17, 10, 0), 6),  # Saturday
        ((2026, 1, 6, 10, 0), 6),  # Epiphany
        ((2026, 4, 15, 21, 59), 4),
        ((2026, 4, 15, 22, 0), 5),
        ((2026, 6, 15, 11, 0), 3),
        ((2025, 11, 12, 15, 0), 3),
        ((2025, 11, 12, 19, 0), 2),
    ],
)
def test_tariff_periods(moment, period):
    assert meter_of(1).period(local(*moment, 0)) + 1 == period


# --- its clock


def test_a_clock_that_runs_too_fast():
    now = [START]
    meter = Meter(1, lambda: now[0], drift_ppm=100)
    now[0] += 10 * DAY
    assert meter.clock() - now[0] == 86
    meter.set_clock(now[0])
    assert meter.clock() == now[0]
    now[0] += DAY
    assert meter.clock() - now[0] == 8


def test_setting_the_clock_back_takes_nothing_from_the_registers():
    now = [START]
    meter = Meter(1, lambda: now[0])
    before = meter.totals(meter.clock())
    meter.set_clock(START - 7200)
    assert meter.clock() == START - 7200
    assert meter.totals(meter.clock()) == before
    # What it recorded before its clock was set keeps its label.
    assert meter.totals(START - 2 * DAY) == meter_of(1).totals(START - 2 * DAY)
    now[0] += 3600
    assert meter.totals(meter.clock()) >= before


@given(
    st.lists(st.tuples(st.integers(1, 5 * DAY), st.integers(-4000, 4000)), max_size=4),
    st.integers(-200, 200),
)
@settings(max_examples=40)
def test_records_are_in_order_however_the_clock_was_set(changes, ppm):
    now = [START]
    meter = Meter(2, lambda: now[0], drift_ppm=ppm)
    for wait, ahead in changes:
        now[0] += wait
        meter.set_clock(now[0] + ahead)
    now[0] += DAY
    for true in (now[0], now[0] - DAY // 2, START - 5 * DAY):
        if not changes:
            assert abs(meter.true(meter.own(true)) - true) <= 1
    shown = meter.clock()
    assert abs(meter.true(shown) - now[0]) <= 1
    times = [meter.true(own) for own in range(START - DAY, shown, 1800)]
    assert times == sorted(times)


def test_setting_the_clock_is_an_event_and_marks_the_period():
    meter = Meter(2, lambda: START)
    meter.set_clock(START + 100)
    found = meter.events.of(53, START, START + 100)
    assert found == [(START, 7, 9, 0), (START + 100, 7, 11, 0)]
    assert meter.events.qualifier(START, START + 900) & 0x10
    assert not meter.events.qualifier(START + 100, START + 900) & 0x10


# --- billing


def test_closings_cover_the_months():
    meter = meter_of(1)
    found = meter.closings(local(2025, 3, 1, 0, 0, 0), START)
    assert len(found) == 16
    assert found[0] == (local(2025, 2, 1, 0, 0, 0), local(2025, 3, 1, 0, 0, 0))
    assert all(a[1] == b[0] for a, b in zip(found, found[1:], strict=False))
    assert found[-1][1] == local(2026, 6, 1, 0, 0, 0)
    assert meter.closings(local(2026, 6, 1, 0, 0, 1), START) == []


@pytest.mark.parametrize("register", [AI, AE])
def test_the_maximum_is_the_highest_quarter_hour(register):
    meter = meter_of(1)
    start, end = local(2026, 3, 1, 0, 0, 0), local(2026, 4, 1, 0, 0, 0)
    best = [(0, None)] * 7
    for utc in range(start, end, QUARTER):
        gained = meter.sums(utc + QUARTER)[register] - meter.sums(utc)[register]
        for i in (0, 1 + meter.period(utc)):
            if gained * 4 > best[i][0]:
                best[i] = (gained * 4, utc + QUARTER)
    assert meter.maximum(start, end, register) == best
    assert best[0][0] > 0


def test_the_maximum_of_a_period_that_has_only_begun():
    meter = meter_of(2)
    assert meter.maximum(START, START) == [(0, None)] * 7
    first = meter.maximum(START, START + QUARTER + 1)
    assert first[0][1] == START + QUARTER


def test_contracts_use_their_own_registers():
    assert CONTRACTS[134][0] == AI and CONTRACTS[136][0] == AE
    assert not set(CONTRACTS[134]) & set(CONTRACTS[136])


# --- events


@given(seeds, moments, st.integers(0, 100 * DAY), st.sampled_from((52, 53, 54, 128, 129, 131)))
@settings(max_examples=50)
def test_events_are_in_range_in_order_and_parts_join(seed, start, length, record):
    meter = meter_of(seed)
    start = max(start, START - 200 * DAY)
    end = start + length
    found = meter.events.of(record, start, end)
    assert found == sorted(found, key=lambda event: event[0])
    assert all(start <= event[0] <= min(end, START) for event in found)
    middle = start + random.Random(start).randrange(length + 1)
    parts = meter.events.of(record, start, middle) + meter.events.of(record, middle + 1, end)
    assert parts == found


def test_every_event_record_has_something_to_tell_in_a_year():
    meter = Meter(1, lambda: START, installed=(2025, 7, 1))
    for record in (52, 53, 54, 55, 128, 129, 130, 131, 132, 133):
        assert meter.events.of(record, 0, START), record


def test_a_power_failure_marks_the_hour_it_fell_into():
    meter = meter_of(1)
    failures = [e[0] for e in meter.events.of(52, START - 300 * DAY, START) if e[1:3] == (1, 2)]
    assert failures
    hour = (failures[0] - 1) // 3600 * 3600
    assert meter.events.qualifier(hour, hour + 3600) & 0x02
    assert not meter.events.qualifier(hour - 3600, hour) & 0x02


def test_live_events_do_not_fill_the_memory():
    meter = Meter(2, lambda: START)
    for i in range(10000):
        meter.events.session(START - 10000 + i, i % 2)
    assert len(meter.events.of(129, START - 20000, START)) <= 2100
