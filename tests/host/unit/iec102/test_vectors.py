"""Every collected frame decodes to what its source says and encodes back to the same bytes."""

import json
from pathlib import Path

import pytest

from firmware.iec102 import asdu as codec
from firmware.iec102 import ft12, timetag
from firmware.iec102.timetag import TimeTag
from tools.meter.encoding import encode as encode_asdu

ROOT = Path(__file__).resolve().parents[4]
VECTORS = json.loads((Path(__file__).resolve().parents[2] / "support" / "data" / "vectors.json").read_text())
FRAMES = VECTORS["frames"]


def parse(raw):
    parser = ft12.Parser()
    parser.feed(raw)
    if not parser.next():
        parser.flush()
        if not parser.next():
            return None
    return parser


def reframe(parser):
    buf = bytearray(ft12.LONGEST)
    if parser.asdu is None:
        return bytes(buf[: ft12.encode_fixed(buf, parser.control, parser.link)])
    length = encode_asdu(codec.decode(parser.asdu), buf, ft12.ASDU_AT)
    return bytes(buf[: ft12.encode_variable(buf, parser.control, parser.link, length)])


def check_time(tag, wanted):
    text = wanted["text"]
    assert tag.text()[:-2].replace("T", " ") == text[:16]
    if len(text) > 16:
        assert "%02d.%03d" % (tag.second, tag.millisecond) == text[17:]
    assert (tag.su, tag.weekday) == (wanted["SU"], wanted["dow"])
    for key, name in (("IV", "iv"), ("ETI", "eti"), ("PTI", "pti"), ("RES1", "res1")):
        assert getattr(tag, name) == wanted.get(key, 0)


TARIFF = {
    "address": "DO", "active_abs_kWh": "EaA", "active_inc_kWh": "EiA", "react_ind_abs": "EaRi",
    "react_ind_inc": "EiRi",
    "react_cap_abs": "EaRc", "react_cap_inc": "EiRc", "r7": "R7", "r8": "R8", "max_power_kW": "MPA", "excess": "EPA",
    "active_q": "CA", "react_ind_q": "CRi", "react_cap_q": "CRc", "r7_q": "C7", "r8_q": "C8", "max_q": "CMA",
    "excess_q": "CE", "max_date": "FMPA", "start": "DINI", "end": "DEND",
}  # fmt: skip


def check_tariff(item, wanted):
    for theirs, ours in TARIFF.items():
        value = wanted[theirs]
        if isinstance(item[ours], TimeTag):
            check_time(item[ours], value)
        else:
            assert item[ours] == (value["raw"] if isinstance(value, dict) else value)


def check_totals(objects, wanted):
    assert [(o["address"], o["value"], o["qualifier"]) for o in objects] == [
        (w["addr"], w["value"], w["q"]["raw"]) for w in wanted
    ]


def check_instant(item, wanted):
    values = wanted["values"]
    if item["address"] == 192:
        assert [t["value"] for t in item["totals"]] == list(values.values())
        assert [int(t["invalid"]) for t in item["totals"]] == wanted["IV"]
    elif item["address"] == 193:
        for power, value in zip(item["powers"], values, strict=True):
            assert (power["active"], power["reactive"]) == (value["P_kW"], value["Q_kvar"])
            assert power["cos_phi"] == round(value["pf"] * 1000)
            assert (power["export"], power["quadrant34"], power["invalid"]) == (
                bool(value["P_export"]), bool(value["Q_sign"]), bool(value["IV"]),
            )  # fmt: skip
    else:
        for phase, value in zip(item["phases"], values, strict=True):
            assert phase["current"] == round(value["I_A"] * 10)
            assert phase["voltage"] == round(value["V_V"] * 10)
            assert phase["invalid"] == bool(value["IV"])
    check_time(item["time"], wanted["time"])


def check_objects(asdu, wanted):  # noqa: C901  one branch a type
    """Compare the decoded objects with what the vector says of them."""
    kind = asdu.type
    if kind == 183:
        assert asdu.objects == [wanted]
    elif kind == 71:
        item = asdu.objects[0]
        assert (item["standard_month"], item["standard_year"]) == (
            wanted["std_month"],
            wanted["std_year"],
        )
        assert (item["manufacturer"], item["equipment"]) == (
            wanted["manufacturer"],
            wanted["equipment"],
        )
    elif kind in (150, 156, 162):
        assert [item["address"] for item in asdu.objects] == wanted
    elif kind == 163:
        for item, value in zip(asdu.objects, wanted, strict=True):
            assert item["address"] == value["object"]
            check_instant(item, value)
    elif kind in (122, 123, 134):
        item = asdu.objects[0]
        assert (item.get("first"), item.get("last")) == (wanted.get("first"), wanted.get("last"))
        check_time(item["start"], wanted["start"])
        check_time(item["end"], wanted["end"])
    elif kind in (8, 11):
        check_totals(asdu.objects, wanted["totals"])
        check_time(asdu.time, wanted["time"])
    elif kind == 140:
        for block, value in zip(asdu.objects, wanted, strict=True):
            assert block["address"] == value["obj"]
            assert [[t["value"], t["qualifier"]] for t in block["totals"]] == value["totals"]
            check_time(block["time"], value["time"])
    elif kind in (135, 136):
        check_tariff(asdu.objects[0], wanted)
    elif kind == 1:
        for event, value in zip(asdu.objects, wanted, strict=True):
            assert (event["spa"], event["spq"], event["spi"]) == (
                value["SPA"],
                value["SPQ"],
                value["SPI"],
            )
            check_time(event["time"], value["time"])
    else:
        raise AssertionError("no check for type %d" % kind)


@pytest.mark.parametrize("vector", FRAMES, ids=lambda v: v["id"])
def test_frame(vector):
    raw = bytes.fromhex(vector["hex"])
    parser = parse(raw)
    if not vector["valid"]:
        assert parser is None
        return
    wanted = vector["decoded"]
    assert (parser.asdu is None, parser.control, parser.link) == (
        wanted["frame"] == "fixed",
        int(wanted["C"], 16),
        wanted["link_addr"],
    )
    assert reframe(parser) == raw
    if parser.asdu is None:
        return
    parser = parse(raw)
    asdu = codec.decode(parser.asdu)
    assert (asdu.type, asdu.sq, asdu.count, asdu.cause) == (
        wanted["type"],
        bool(wanted["SQ"]),
        wanted["N"],
        wanted["cot"],
    )
    assert (asdu.negative, asdu.test, asdu.point, asdu.record) == (
        bool(wanted["PN"]),
        bool(wanted["T"]),
        wanted["point"],
        wanted["record"],
    )
    if "objects" in wanted:
        check_objects(asdu, wanted["objects"])


def test_bulk_of_captured_hours():
    labels = set()
    for text in VECTORS["bulk_hourly"]["hex"]:
        raw = bytes.fromhex(text)
        parser = parse(raw)
        asdu = codec.decode(parser.asdu)
        assert asdu.type == 11 and len(asdu.objects) == 1
        assert 1 <= asdu.time.weekday <= 7
        tag = asdu.time
        labels.add((tag.year, tag.month, tag.day, tag.hour, tag.minute))
        assert reframe(parse(raw)) == raw
    assert len(labels) == len(VECTORS["bulk_hourly"]["hex"])


PAYLOADS = VECTORS["payloads"]


@pytest.mark.parametrize("vector", PAYLOADS, ids=lambda v: v["id"])
def test_payload(vector):
    raw = bytes.fromhex(vector["hex"])
    name, wanted = vector["name"], vector["decoded"]
    if name.startswith("time label"):
        decode = timetag.decode_b if name.endswith("b") else timetag.decode_a
        encode = timetag.encode_b if name.endswith("b") else timetag.encode_a
        tag = decode(raw)
        check_time(tag, wanted)
        again = bytearray(len(raw))
        assert encode(tag, again) == len(raw) and bytes(again) == raw
        return
    asdu = codec.decode(as_asdu(name, raw))
    buf = bytearray(261)
    assert bytes(buf[: encode_asdu(asdu, buf)]) == as_asdu(name, raw)
    item = asdu.objects[0]
    if "71" in name:
        assert "%d/%d" % (item["standard_month"], item["standard_year"]) == wanted["std"]
    elif "135" in name:
        check_tariff(item, wanted)
    elif "VSQ=8" in name:
        assert [o["value"] for o in asdu.objects] == wanted["values"]
        assert [o["qualifier"] for o in asdu.objects] == wanted["q"]
        check_time(asdu.time, wanted["time"])
    elif "122" in name:
        assert (item["first"], item["last"]) == (wanted["first"], wanted["last"])
    elif "194" in name:
        assert [p["current"] / 10 for p in item["phases"]] == wanted["I_A"]
        # The collection says 125.1 and 400.9 V for E2 04 and A8 0F, which are 1250 and 4008 tenths.
        assert wanted["V_V"] == [235.6, 125.1, 400.9]
        assert [p["voltage"] / 10 for p in item["phases"]] == [235.6, 125.0, 400.8]
        assert [int(p["invalid"]) for p in item["phases"]] == wanted["IV"]
    else:
        assert item["seasons"][4]["workday"] == wanted["seasons"][4]["workday"]
        assert item["days"] == wanted["days"]
        assert [item["direction"], item["kind"]] == [wanted["direction"], wanted["kind"]]
        check_time(item["activation"], wanted["activation"])


def as_asdu(name, raw):
    """A payload with the head its type has."""
    for mark, head in (
        ("71", "470105010000"),
        ("135", "880105010086"),
        ("VSQ=8", "0b080501000b"),
        ("122", "7b010601000b"),
        ("object 194", "a30105010000c2"),
        ("151", "970105010086"),
    ):
        if mark in name:
            return bytes.fromhex(head) + raw
    raise AssertionError(name)
