"""What a record is in the database: every example of docs/json.md, the night of the switch, and arbitrary bytes."""

import json

import pytest
from hypothesis import given, strategies

from firmware.core.zone import Zone
from firmware.meters import readings
from tests.host.support import json_examples
from tools.fleet import faults, link, records

ZONE = Zone("Europe/Madrid")
NOW = 1792891800 + 3600
HEAD = {
    "IMEI": "869101054287764",
    "TYPE": "IEC102_LC",
    "TS": "2026-10-25T01:30:00Z",
    "P": "p",
    "ID": "ID00000",
}


def rows(payload, **more):
    found, wrong = records.parse(
        payload if isinstance(payload, bytes) else json.dumps(payload).encode(), ZONE, NOW, **more
    )
    assert not wrong, wrong
    return found


def fault(payload, **more):
    found, wrong = records.parse(
        payload if isinstance(payload, bytes) else json.dumps(payload).encode(), ZONE, NOW, **more
    )
    (only,) = wrong
    assert not found
    return only.reason


def test_every_record_of_the_firmware_has_a_key_of_its_own():
    keys = {}
    kinds = set()
    for kind, record in json_examples.records():
        for row in rows(record):
            # A meter may tell the same event twice, of one second and with nothing to tell them apart by: that is one.
            first = keys.setdefault(row[:7], row)
            assert first is row or (row.type == "IEC102_EV" and first.data == row.data), row
            kinds.add((row.type, row.form))
        assert bool(kind & readings.EXTENDED) == (row.form == "extended")
    assert len(kinds) == 19  # nine in both forms, and IEC102_ERR
    assert all(json.loads(row.data) for row in keys.values())


def test_the_same_reading_again_has_the_same_key_and_values_at_another_time():
    for _, record in json_examples.records():
        if record["TYPE"] in ("IEC102_LC", "IEC102_CTAVM2", "IEC102_EV"):
            later = dict(record, TS="2026-10-25T02:10:00Z", P="another")
            first, second = rows(record), rows(later)
            assert [row[:7] for row in first] == [row[:7] for row in second]
            assert [row.digest for row in first] == [row.digest for row in second]
            assert first[0].read != second[0].read


def test_the_two_hours_of_the_night_in_october_are_two_periods():
    tags = ("2026-10-25T02:00-1", "2026-10-25T02:00-0")
    offsets = ("2026-10-25T02:00+02:00", "2026-10-25T02:00+01:00")
    for texts in (tags, offsets):
        ends = [rows(dict(HEAD, REC=11, DT=text))[0].at for text in texts]
        assert ends == [1792886400, 1792890000]
    plain = [fault(dict(HEAD, REC=11, DT="2026-10-25T02:00"))]
    assert plain == ["hour"]
    assert rows(dict(HEAD, REC=11, DT="2026-10-25T01:00"))[0].at == 1792882800
    assert rows(dict(HEAD, REC=11, DT="2026-10-24T04:00"))[0].at == 1792807200
    # Without summer time there is no such hour.
    assert records.parse(json.dumps(dict(HEAD, REC=11, DT="2026-10-25T02:00")).encode(), Zone("UTC"), NOW)[1] == []


@pytest.mark.parametrize("ts", ["2026-10-25T01:30:00Z", 1792891800, 1792891800000, "25/10/26 01:30:00"], ids=str)
def test_ts_in_every_form_of_the_setting(ts):
    assert rows(dict(HEAD, TYPE="IEC102", TS=ts))[0].at == 1792891800


def test_one_bad_element_does_not_cost_the_others():
    good = {"DO": 20, "DEND": "2026-10-01T00:00-1"}
    bad = [{"DO": "x", "DEND": "2026-10-01T00:00-1"}, {"DO": 21, "DEND": "2099-10-01T00:00-1"}, 7]
    payload = json.dumps(dict(HEAD, TYPE="IEC102_CTAVM2", CTAVM2=[good, *bad])).encode()
    found, wrong = records.parse(payload, ZONE, NOW)
    assert [row.object for row in found] == ["20"]
    assert [each.reason for each in wrong] == ["form", "clock", "form"]


def test_a_closing_that_never_was_is_kept_at_ts():
    one = {"DO": 27, "EaA": 0, "DEND": "2000-00-00T00:00-0"}
    assert rows(dict(HEAD, TYPE="IEC102_CTAVM2", CTAVM2=[one]))[0].at == 1792891800
    # D0 is DO where logger.object_key says so.
    other = {"D0": 20, "DEND": "2026-10-01T00:00-1"}
    assert rows(dict(HEAD, TYPE="IEC102_CTAVM2", CTAVM2=[other]))[0].object == "20"


@pytest.mark.parametrize(
    "payload, reason",
    [
        (b'{"a":1e999}', "json"),
        (b'{"a":' + b"9" * 5000 + b"}", "json"),
        (b'{"a":' * 30000 + b"1" + b"}" * 30000, "size"),
        (b'{"a":' * 9000 + b"1" + b"}" * 9000, "json"),
        (dict(HEAD, IMEI="x" * 16), "form"),
        (dict(HEAD, REC=True, DT="2026-10-25T02:00-1", ID=5), "form"),
        (dict(HEAD, REC=11), "form"),
        (dict(HEAD, REC=1 << 40, DT="2026-10-25T02:00-1"), "form"),
        (dict(HEAD, REC=11, DT="2026-02-30T02:00-1"), "clock"),
        (dict(HEAD, REC=11, DT="1970-01-01T02:00-1"), "clock"),
        (dict(HEAD, TS="2026-10-26T03:30:00Z", REC=11), "clock"),
        (dict(HEAD, TS=True), "form"),
        (dict(HEAD, TYPE="IEC102_EV", EV=5), "form"),
    ],
)  # fmt: skip
def test_what_is_none(payload, reason):
    assert fault(payload) == reason and reason in faults.REASONS


VALUES = strategies.recursive(
    strategies.none() | strategies.booleans() | strategies.integers() | strategies.floats() | strategies.text(),
    lambda inner: strategies.lists(inner, max_size=3) | strategies.dictionaries(strategies.text(), inner, max_size=3),
    max_leaves=6,
)
KEYS = strategies.sampled_from(
    [
        "IMEI",
        "TYPE",
        "TS",
        "ID",
        "FORM",
        "REC",
        "DT",
        "EV",
        "CTAVM2",
        "record",
        "end",
        "contract",
        "object",
        "time",
    ]
)
TYPES = strategies.sampled_from(["IEC102", "IEC102_LC", "IEC102_CTAVM2", "IEC102_EV", "IEC102_TAVC", "X"])


@given(strategies.dictionaries(KEYS, VALUES, max_size=6), TYPES, strategies.booleans())
def test_any_json_is_a_record_or_has_a_reason(changes, kind, extended):
    record = dict(HEAD, TYPE=kind, REC=11, DT="2026-10-25T02:00-1")
    record.update(changes)
    if extended:
        record["FORM"] = "extended"
    found, wrong = records.parse(json.dumps(record).encode(), ZONE, NOW)
    for row in found:
        assert "\0" not in "".join(row[:4]) + row.object + row.data
        row.data.encode()
        json.loads(row.data, parse_constant=pytest.fail)
        assert 0 <= row.contract < 1 << 31 and len(row.object) < 80
    assert all(each.reason in faults.REASONS and len(each.detail) <= 300 for each in wrong)


@given(strategies.binary(max_size=200))
def test_any_bytes(payload):
    found, wrong = records.parse(payload, ZONE, NOW)
    assert bool(found) != bool(wrong)


def test_topics_with_a_devices_name():
    usual = link.Filter("lector102/[IMEI]/LOGGER")
    assert usual.subscription == "lector102/+/LOGGER" and usual.topic("5") == "lector102/5/LOGGER"
    assert usual.device("lector102/5/LOGGER") == "5" and usual.device("lector102/5/ATR") is None
    assert link.Filter("plant/x-[IMEI]/a").device("plant/x-77/a") == "77"
    assert link.Filter("plant/[P]/a").device("plant/anything/a") == ""
    for text in ("a/#", "a/+/b", ""):
        with pytest.raises(ValueError):
            link.Filter(text)
