"""What the simulated meter tells: load curves, tariff information, events and the rest, against its model."""

import datetime as dt
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.meters.readings import instant
from firmware.meters.records import titan
from tests.host.support.meter_reader import NOW, ZONE, curve, fixed, meter_of, opened, span, tag
from tests.host.support.record_format import record_format
from tools.meter import values
from tools.meter.load import AE, AI, DAY, R1, R4
from tools.meter.model import Meter

SAMPLE = "tools/meter/samples/app-note-51.json"
# --- load curves


def test_labels_are_the_ends_of_the_periods():
    reader, _ = opened()
    found = curve(reader, 123, 11, "2026-06-13 00:00", "2026-06-14 00:00")
    texts = [asdu.time.text() for asdu in found]
    assert len(texts) == 24
    assert (texts[0], texts[-1]) == ("2026-06-13T01:00-1", "2026-06-14T00:00-1")
    assert [asdu.time.weekday for asdu in found] == [6] * 23 + [7]
    assert all(asdu.type == 11 and asdu.record == 11 for asdu in found)
    assert [o["address"] for o in found[0].objects] == list(range(1, 9))
    assert [o["qualifier"] for o in found[0].objects[6:]] == [0x80, 0x80]


def test_the_summer_bit_of_a_request_does_not_matter_outside_the_repeated_hour():
    reader, _ = opened()
    plain = curve(reader, 123, 11, "2026-06-13 00:00", "2026-06-13 05:00")
    marked = curve(reader, 123, 11, "2026-06-13 00:00S", "2026-06-13 05:00S")
    assert [a.time for a in plain] == [a.time for a in marked]


def test_only_the_objects_asked_for():
    reader, _ = opened()
    found = curve(reader, 122, 11, "2026-06-13 00:00", "2026-06-13 02:00", 2, 3)
    assert [[o["address"] for o in asdu.objects] for asdu in found] == [[2, 3], [2, 3]]


@pytest.mark.parametrize(
    ("date", "after", "hours"),
    [
        ("2026-03-29", "2026-03-30", 23),
        ("2025-10-26", "2025-10-27", 25),
        ("2026-03-30", "2026-03-31", 24),
    ],
)
def test_switch_days_have_their_hours(date, after, hours):
    reader, _ = opened()
    found = curve(reader, 123, 11, date + " 00:00", after + " 00:00")
    assert len(found) == hours
    assert len({asdu.time.text() for asdu in found}) == hours
    quarters = opened(meter_of(1, ZONE.to_utc(2025, 11, 1, 0, 0, 0)))[0] if hours == 25 else reader
    assert len(curve(quarters, 123, 12, date + " 00:00", after + " 00:00", 1, 1)) == 4 * hours


def test_the_repeated_hour_can_be_asked_for_by_its_summer_bit():
    reader, _ = opened(meter_of(1, ZONE.to_utc(2025, 11, 1, 0, 0, 0)))
    first = curve(reader, 123, 12, "2025-10-26 02:00S", "2025-10-26 02:45S")
    second = curve(reader, 123, 12, "2025-10-26 02:00", "2025-10-26 02:45")
    assert [a.time.text() for a in first] == ["2025-10-26T02:%d-1" % m for m in (15, 30, 45)]
    assert [a.time.text() for a in second] == ["2025-10-26T02:%d-0" % m for m in (15, 30, 45)]


days = st.integers(0, 110)


@given(st.integers(1, 4), days, st.integers(1, 60), st.sampled_from((11, 12)))
@settings(max_examples=25)
def test_increments_add_up_to_the_difference_of_the_totals(seed, back, hours, record):
    meter = meter_of(seed)
    reader, _ = opened(meter)
    start = NOW // 3600 * 3600 - back * DAY
    end = min(start + hours * 3600, NOW // 3600 * 3600)
    if end == start:
        start -= 3600
    ends = [meter_tag(utc) for utc in (start, end)]
    item = [{"first": 1, "last": 6, "start": ends[0], "end": ends[1]}]
    before = meter.totals(start)
    increments = reader.data(123, record, item)
    absolutes = reader.data(122, record, item)
    assert len(increments) == len(absolutes) == (end - start) // (3600 if record == 11 else 900)
    for row in range(6):
        gained = sum(asdu.objects[row]["value"] for asdu in increments)
        assert gained == meter.totals(end)[row] - before[row]
        assert absolutes[-1].objects[row]["value"] == before[row] + gained
    block = [{"address": 10, "start": ends[0], "end": ends[1]}]
    frames = reader.data(190, record, block)
    in_blocks = [b for asdu in frames for b in asdu.objects]
    assert [b["time"] for b in in_blocks] == [a.time for a in increments]
    singles = [[o["value"] for o in a.objects] for a in increments]
    assert [[t["value"] for t in b["totals"]] for b in in_blocks] == singles


def meter_tag(utc):
    year, month, day, hour, minute, _, _, summer = ZONE.to_local(utc)
    return tag("%d-%d-%d %d:%d%s" % (year, month, day, hour, minute, "S" if summer else ""))


def test_daily_totals():
    reader, _ = opened()
    found = curve(reader, 122, 21, "2026-03-27 00:00", "2026-03-31 00:00")
    assert [a.time.text() for a in found] == [
        "2026-03-28T00:00-0",
        "2026-03-29T00:00-0",
        "2026-03-30T00:00-1",
        "2026-03-31T00:00-1",
    ]
    increments = curve(reader, 123, 21, "2026-03-27 00:00", "2026-03-31 00:00")
    for a, b, more in zip(found, found[1:], increments[1:], strict=False):
        assert b.objects[0]["value"] - a.objects[0]["value"] == more.objects[0]["value"] > 0


@pytest.mark.parametrize(("address", "size"), [(9, 8), (10, 6), (11, 3)])
def test_blocks_come_five_in_a_frame(address, size):
    reader, _ = opened()
    frames = reader.data(189, 11, span("2026-06-14 00:00", "2026-06-14 12:00", address=address))
    assert [asdu.vsq for asdu in frames] == [5, 5, 2]
    assert all(len(block["totals"]) == size for asdu in frames for block in asdu.objects)
    totals_ = curve(reader, 122, 11, "2026-06-14 00:00", "2026-06-14 12:00")
    chosen = {9: range(8), 10: range(6), 11: (0, 2, 5)}[address]
    last = [totals_[-1].objects[i]["value"] for i in chosen]
    assert [t["value"] for t in frames[-1].objects[-1]["totals"]] == last


def test_a_frame_of_five_blocks_has_the_length_of_the_capture():
    reader, made = opened()
    request = reader.request(190, 11, span("2026-06-14 00:00", "2026-06-14 12:00", address=9))
    reader.user_data(request)
    reader.poll()
    frame = made.receive(fixed(reader._next(0x4B)))[0]
    assert frame[1] == 0xEF  # protocol reference 6.4


def test_an_old_range_gives_what_is_kept():
    reader, _ = opened()
    found = curve(reader, 123, 12, "2010-01-01 00:00", "2026-02-16 00:00", 1, 1)
    assert 0 < len(found) <= 2 * 96
    assert found[-1].time.text() == "2026-02-16T00:00-0"


# --- simple reads


def test_identity_and_clock():
    reader, made = opened()
    found = reader.ask(100)[0]
    assert (found.type, found.cause, found.objects[0]["equipment"]) == (71, 5, 30001009)
    clock = reader.ask(103)[0].objects[0]["time"]
    assert clock.to_utc(ZONE) == NOW and (clock.second, clock.su, clock.weekday) == (30, 1, 1)


def test_setting_the_clock():
    meter = Meter(2, lambda: NOW)
    reader, _ = opened(meter)
    wanted = tag("2026-06-15 12:25S")
    wanted.second = 7
    answer = reader.ask(181, objects=[{"time": wanted}])[0]
    assert (answer.type, answer.cause) == (181, 7) and answer.objects == [{"time": wanted}]
    assert reader.ask(103)[0].objects[0]["time"].text() == "2026-06-15T12:25-1"
    assert meter.clock() - NOW == 277


def test_instantaneous_values_agree_with_each_other_and_with_the_model():
    reader, made = opened()
    asdu = reader.ask(162, objects=(192, 193, 194))[0]
    assert (asdu.type, asdu.vsq) == (163, 3)
    energy, power, wires = asdu.objects
    assert [t["value"] for t in energy["totals"]] == made.meter.totals(NOW)
    model = made.meter.power(NOW)
    whole, *phases = power["powers"]
    assert abs(whole["active"] - sum(p["active"] for p in phases)) <= 2
    for phase, wire, (p, q, volts) in zip(phases, wires["phases"], model, strict=True):
        apparent = (p * p + q * q) ** 0.5
        assert wire["voltage"] == volts and 2200 < volts < 2400
        assert wire["current"] == round(apparent * 100 / volts)
        assert phase["cos_phi"] == round(1000 * abs(p) / apparent)
        # What a reader works out from current and voltage is the power it is told.
        seen = wire["current"] / 10 * wire["voltage"] / 10 * phase["cos_phi"] / 1000
        assert abs(seen - phase["active"] * 1000) < 600
    assert {o["time"].text() for o in asdu.objects} == {"2026-06-15T12:20-1"}


def test_one_object_alone_and_in_any_order():
    reader, _ = opened()
    assert [o["address"] for o in reader.ask(162, objects=(194, 192))[0].objects] == [194, 192]
    assert [o["address"] for o in reader.ask(162, objects=(193,))[0].objects] == [193]


@pytest.mark.parametrize(
    ("question", "type", "record", "objects"),
    [(141, 142, 0, ()), (144, 145, 134, ()), (147, 148, 136, ()), (182, 129, 0, ())]
    + [(156, 157, 0, tuple(range(192, 202))), (150, 151, 134, (193, 197))],
)
def test_how_it_is_set_up(question, type, record, objects):
    reader, _ = opened()
    found = reader.ask(question, record, objects)
    assert [(a.type, a.cause, a.record) for a in found] == [(type, 5, record)]
    if objects:
        assert [o["address"] for o in found[0].objects] == list(objects)


def test_the_tariff_calendar_is_the_one_it_counts_by():
    reader, made = opened()
    calendar, now = reader.ask(150, 134, (193, 197))[0].objects
    assert now["contract1"] == made.meter.period(NOW) + 1
    free = calendar["days"][calendar["seasons"][0]["holiday"] - 1]
    for month in range(1, 13):
        season = [s for s in calendar["seasons"] if s["start"].month <= month][-1]
        working = calendar["days"][season["workday"] - 1]
        for day in range(1, 29):
            date = dt.date(2026, month, day)
            holiday = any((h.month, h.day) == (month, day) for h in holidays(reader))
            row = free if date.isoweekday() > 5 or holiday else working
            shown = [made.meter.period(ZONE.to_utc(2026, month, day, h, 0, 0)) + 1 for h in (4, 8, 12, 23)]
            assert [int(row[h], 16) for h in (4, 8, 12, 23)] == shown


def holidays(reader):
    if not hasattr(reader, "holidays"):
        reader.holidays = [o["time"] for o in reader.ask(147, 134)[0].objects]
    return reader.holidays


# --- tariff information and events


def test_closings_of_a_year_add_up():
    reader, made = opened()
    found = reader.data(134, 134, span("2025-07-01 00:00", "2026-06-01 00:00"))
    assert len(found) == 12 * 7
    assert all((a.type, a.vsq, a.record) == (136, 1, 134) for a in found)
    months = [[a.objects[0] for a in found[i : i + 7]] for i in range(0, len(found), 7)]
    for month in months:
        assert [o["DO"] for o in month] == list(range(20, 27))
        for key in ("EaA", "EiA", "EaRi", "EiRi", "EaRc", "EiRc"):
            assert month[0][key] == sum(o[key] for o in month[1:]), key
        assert month[0]["MPA"] == max(o["MPA"] for o in month[1:])
        assert [o["C7"] for o in month] == [0x80] * 7
    for before, after in zip(months, months[1:], strict=False):
        assert before[0]["DEND"] == after[0]["DINI"]
        for a, b in zip(before, after, strict=True):
            assert b["EaA"] - a["EaA"] == b["EiA"]
    last = months[-1][0]
    shown = made.meter.totals(ZONE.to_utc(2026, 6, 1, 0, 0, 0))
    assert (last["EaA"], last["EaRi"], last["EaRc"]) == (shown[AI], shown[R1], shown[R4])
    # A period that does not occur in a month has its maximum "never": all bits zero.
    assert any(o["MPA"] == 0 and not any(vars(o["FMPA"]).values()) for m in months for o in m)


def test_the_period_under_way_continues_the_last_closing():
    reader, made = opened()
    now = [a.objects[0] for a in reader.data(133, 134)]
    closed = [a.objects[0] for a in reader.data(134, 134, span("2026-06-01 00:00", "2026-06-01 00:00"))]
    assert len(now) == len(closed) == 7
    for a, b in zip(closed, now, strict=True):
        assert b["EaA"] == a["EaA"] + b["EiA"]
        assert b["DINI"] == a["DEND"]
    assert now[0]["EaA"] == made.meter.totals(NOW)[AI]


def test_contract_three_is_the_export():
    reader, made = opened()
    found = [a.objects[0] for a in reader.data(133, 136)]
    assert found[0]["EaA"] == made.meter.totals(NOW)[AE] > 0


def test_events_come_up_to_twenty_in_a_frame():
    reader, made = opened()
    frames = reader.data(102, 129, span("2026-05-01 00:00", "2026-06-01 00:00"))
    counts = [asdu.vsq for asdu in frames]
    assert counts == [20, 20, 20, 2]
    found = [o for asdu in frames for o in asdu.objects]
    expected = made.meter.events.of(129, ZONE.to_utc(2026, 5, 1, 0, 0, 0), ZONE.to_utc(2026, 6, 1, 0, 0, 0))
    assert [(o["time"].to_utc(ZONE), o["spa"], o["spq"], o["spi"]) for o in found] == expected


# --- fixed values


def test_the_application_notes_values():
    """Its JSON samples, byte for byte, from what the meter answers."""
    meter = Meter(1, lambda: 1657705326, fixed=values.load(SAMPLE))
    reader, _ = opened(meter)
    out = titan.Writer()
    form = record_format("869101054287764", "ID-869101054287764")
    asdu = reader.ask(162, objects=(192, 193, 194))[0]
    record = bytes(instant.write(out, form, 1657705326, "ID00000", asdu.objects)).decode()
    assert record == (
        '{"IMEI":"869101054287764","TYPE":"IEC102","TS":"2022-07-13T09:42:06Z","P":"ID-869101054287764",'
        '"ID":"ID00000","VABA":0,"VABRI":0,"VABRC":0,"PAT":0,"PRT":0,"FPT":1000,"PAF1":0,"PRF1":0,"FPF1":1000,'
        '"PAF2":0,"PRF2":0,"FPF2":1000,"PAF3":0,"PRF3":0,"FPF3":1000,"IF1":0,"TF1":1115,"IF2":0,"TF2":1127,'
        '"IF3":0,"TF3":3}'
    )
    found = reader.data(134, 134, span("2022-07-01 00:00", "2022-07-13 00:00"))
    with open(SAMPLE) as file:
        expected = json.load(file)["closings"]
    assert [plain(asdu.objects[0]) for asdu in found] == expected
    assert [list(asdu.objects[0]) for asdu in found] == [list(item) for item in expected]
    ends = {(asdu.objects[0]["DEND"].su, asdu.objects[0]["DEND"].weekday) for asdu in found}
    assert ends == {(1, 1)}  # summer time, a Monday


def plain(item):
    return {key: value.text() if hasattr(value, "text") else value for key, value in item.items()}


def test_fixed_values_of_one_object_leave_the_others():
    fixed_values = {"instant": [{"address": 194, "phases": [{"current": 1, "voltage": 2, "invalid": True}] * 3}]}
    reader, made = opened(Meter(2, lambda: NOW, fixed=fixed_values))
    totals_, phases = reader.ask(162, objects=(192, 194))[0].objects
    assert [t["value"] for t in totals_["totals"]] == made.meter.totals(NOW)
    assert phases["phases"][2] == {"current": 1, "voltage": 2, "invalid": True}
