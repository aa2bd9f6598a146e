"""Time tags and the zone: both switch-over hours, both sides, against CPython's zoneinfo."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from zoneinfo import ZoneInfo

from firmware.core import zone
from firmware.iec102 import timetag
from firmware.iec102.errors import AsduError
from firmware.iec102.timetag import TimeTag

NAMES = ["Europe/Madrid", "Atlantic/Canary", "Europe/Lisbon", "Europe/Athens"]


@pytest.mark.parametrize("name", NAMES)
def test_every_hour_of_twelve_years_is_zoneinfos(name):
    ours, theirs = zone.Zone(name), ZoneInfo(name)
    start = int(dt.datetime(2020, 1, 1, tzinfo=dt.timezone.utc).timestamp())
    for utc in range(start, start + 12 * 366 * 86400, 3600):
        local = dt.datetime.fromtimestamp(utc, theirs)
        assert ours.offset(utc) == local.utcoffset().total_seconds(), utc
        summer = bool(local.dst())
        assert ours.to_local(utc) == (
            local.year, local.month, local.day, local.hour, local.minute, local.second, local.isoweekday(), summer,
        )  # fmt: skip
        assert ours.to_utc(*ours.to_local(utc)[:6], summer) == utc


@given(st.integers(0, 4102444799), st.sampled_from([*NAMES, "UTC"]), st.booleans())
def test_a_tag_of_any_moment_comes_back(utc, name, b):
    utc = max(utc, 946684800)
    utc -= 0 if b else utc % 60
    z = zone.Zone(name)
    tag = timetag.from_utc(utc, z, b)
    buf = bytearray(7)
    if b:
        timetag.encode_b(tag, buf)
        again = timetag.decode_b(buf)
    else:
        timetag.encode_a(tag, buf)
        again = timetag.decode_a(buf)
    assert again == tag and again.to_utc(z) == utc


@given(st.binary(min_size=7, max_size=7))
def test_every_bit_of_a_tag_is_kept(raw):
    buf = bytearray(7)
    timetag.encode_b(timetag.decode_b(raw), buf)
    assert bytes(buf) == raw
    buf = bytearray(5)
    timetag.encode_a(timetag.decode_a(raw), buf)
    assert bytes(buf) == raw[:5]


def tag(text):
    """2026-10-25T02:30-1 as a tag."""
    moment = dt.datetime.fromisoformat(text[:16])
    made = TimeTag(moment.year - 2000, moment.month, moment.day, moment.hour, moment.minute)
    made.su = int(text[17])
    return made


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-03-29T01:59-0", "2026-03-29T00:59"),
        ("2026-03-29T03:00-1", "2026-03-29T01:00"),
        ("2026-10-25T01:59-1", "2026-10-24T23:59"),
        ("2026-10-25T02:00-1", "2026-10-25T00:00"),
        ("2026-10-25T02:59-1", "2026-10-25T00:59"),
        ("2026-10-25T02:00-0", "2026-10-25T01:00"),
        ("2026-10-25T02:59-0", "2026-10-25T01:59"),
        ("2026-10-25T03:00-0", "2026-10-25T02:00"),
    ],
)
def test_both_sides_of_both_switches(text, utc):
    z = zone.Zone("Europe/Madrid")
    seconds = int(dt.datetime.fromisoformat(utc + "+00:00").timestamp())
    assert tag(text).to_utc(z) == seconds
    assert timetag.from_utc(seconds, z).text() == text


def test_without_a_flag_the_repeated_hour_is_its_first_passing_and_the_missing_one_winter_time():
    z = zone.Zone("Europe/Madrid")
    assert z.to_utc(2026, 10, 25, 2, 30, 0) == z.to_utc(2026, 10, 25, 2, 30, 0, True)
    assert z.to_local(z.to_utc(2026, 3, 29, 2, 30, 0))[3:5] == (3, 30)


@pytest.mark.parametrize("fields", [(0, 0, 0), (26, 13, 1), (26, 2, 29), (26, 4, 31), (26, 1, 0)])
def test_impossible_dates_say_so_and_do_not_crash(fields):
    with pytest.raises(AsduError, match="is no date"):
        TimeTag(*fields).to_utc(zone.Zone())
    TimeTag(*fields).text()


def test_unknown_zone_names_the_known_ones():
    with pytest.raises(ValueError, match="Mars.*Europe/Madrid"):
        zone.Zone("Mars")


@pytest.mark.parametrize(
    "fields",
    [
        (26, 7, 1, 23, 60),
        (26, 7, 1, 31, 63),
        (26, 0, 1, 0, 0),
        (26, 13, 1, 0, 0),
        (26, 6, 31, 0, 0),
        (26, 2, 29, 0, 0),
        (26, 7, 0, 0, 0),
    ],
)
def test_what_no_clock_shows_is_no_time(fields):
    wrong = TimeTag(*fields)
    assert not wrong.possible()
    with pytest.raises(AsduError):
        wrong.to_utc(zone.Zone("Europe/Madrid"))


@pytest.mark.parametrize(
    "fields, date",
    [
        ((26, 7, 1, 24), (2026, 7, 2, 0)),
        ((26, 4, 30, 24), (2026, 5, 1, 0)),
        ((28, 2, 28, 24), (2028, 2, 29, 0)),
        ((28, 2, 29, 24), (2028, 3, 1, 0)),
        ((26, 12, 31, 24), (2027, 1, 1, 0)),
    ],
)
def test_24_00_is_the_beginning_of_the_next_day(fields, date):
    tag = TimeTag(*fields)
    assert tag.possible() and tag.date() == date
    madrid = zone.Zone("Europe/Madrid")
    assert tag.to_utc(madrid) == TimeTag(date[0] - 2000, *date[1:]).to_utc(madrid)


@pytest.mark.parametrize("fields", [(26, 7, 1, 24, 1), (26, 7, 1, 24, 0, 1), (26, 7, 0, 24), (26, 6, 31, 24)])
def test_behind_24_00_there_is_nothing(fields):
    assert not TimeTag(*fields).possible()
