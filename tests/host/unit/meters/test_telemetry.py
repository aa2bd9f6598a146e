"""TITAN's record form, byte for byte."""

import json

from hypothesis import given
from hypothesis import strategies as st

from firmware.meters.readings import instant
from firmware.meters.records import titan
from tests.host.support.record_format import record_format

# Application note 51, section 8, as one line.
SAMPLE = (
    '{"IMEI":"869101054287764","TYPE":"IEC102","TS":"2022-07-13T09:42:06Z","P":"ID-869101054287764",'
    '"ID":"ID00000","VABA":0,"VABRI":0,"VABRC":0,"PAT":0,"PRT":0,"FPT":1000,"PAF1":0,"PRF1":0,"FPF1":1000,'
    '"PAF2":0,"PRF2":0,"FPF2":1000,"PAF3":0,"PRF3":0,"FPF3":1000,"IF1":0,"TF1":1115,"IF2":0,"TF2":1127,'
    '"IF3":0,"TF3":3}'
)


def objects(totals=(0,) * 6, power=(0, 0, 1000), phases=((0, 1115), (0, 1127), (0, 3))):
    active, reactive, cos_phi = power
    return [
        {"address": 192, "totals": [{"value": v, "invalid": False} for v in totals], "time": None},
        {
            "address": 193,
            "powers": [{"active": active, "reactive": reactive, "cos_phi": cos_phi} for _ in range(4)],
        },
        {"address": 194, "phases": [{"current": i, "voltage": v} for i, v in phases]},
    ]


def test_the_application_notes_sample_is_reproduced_byte_for_byte():
    out = titan.Writer(16)
    form = record_format("869101054287764", "ID-869101054287764")
    view = instant.write(out, form, 1657705326, "ID00000", objects())
    assert bytes(view).decode() == SAMPLE


def test_absolute_energies_are_import_q1_and_q4():
    out = titan.Writer()
    form = record_format("1", "P")
    view = instant.write(out, form, 0, "M", objects(totals=(11, 22, 33, 44, 55, 66)))
    record = json.loads(bytes(view))
    assert (record["VABA"], record["VABRI"], record["VABRC"]) == (11, 33, 66)


def test_an_object_the_meter_lacks_leaves_its_keys_out():
    out = titan.Writer()
    view = instant.write(out, record_format("1", "P"), 0, "M", objects()[:1])
    assert list(json.loads(bytes(view))) == [
        "IMEI",
        "TYPE",
        "TS",
        "P",
        "ID",
        "VABA",
        "VABRI",
        "VABRC",
    ]


def test_time_forms():
    assert titan.stamp(1657705326) == '"2022-07-13T09:42:06Z"'
    assert titan.stamp(1657705326, "seconds") == "1657705326"
    assert titan.stamp(1657705326, "milliseconds") == "1657705326000"
    assert titan.stamp(1657705326, "classic") == '"13/07/22 09:42:06"'


@given(st.text(max_size=40), st.integers(-(2**40), 2**40))
def test_any_text_and_number_survive_json(text, number):
    out = titan.Writer(4)
    out.begin()
    out.text("t", text)
    out.int("n", number)
    assert json.loads(bytes(out.end())) == {"t": text, "n": number}
