"""`python -m tools.decode` as a person and a script use it."""

import json
import re
import shlex
import sys

import pytest

from firmware.core.zone import Zone
from firmware.iec102 import frame_text
from firmware.iec102.asdu import Asdu
from tests.host.support.meter_reader import variable
from tests.host.unit.iec102.test_vectors import FRAMES, ROOT
from tools import decode, patience


def run(*arguments, stdin=""):
    command = [sys.executable, "-m", "tools.decode", *arguments]
    return patience.run(command, 60, cwd=ROOT, input=stdin)


def test_json_of_every_collected_frame():
    done = run("--json", stdin="\n".join(v["hex"] for v in FRAMES))
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["ok"] for row in rows] == [v["valid"] for v in FRAMES]
    assert done.returncode == 1
    for row, vector in zip(rows, FRAMES, strict=True):
        if not row["ok"]:
            assert set(row) == {"ok", "error"} and row["error"]
            continue
        wanted = vector["decoded"]
        assert (row["format"], row["link"]) == (wanted["frame"], wanted["link_addr"])
        assert row["control"]["function"] == wanted["FC"]
        if row["format"] == "variable":
            assert (row["type"], row["cause"], row["point"], row["record"]) == (
                wanted["type"], wanted["cot"], wanted["point"], wanted["record"],
            )  # fmt: skip


def one(hex_text):
    done = run("--json", hex_text)
    assert done.returncode == 0, done.stdout
    return json.loads(done.stdout)


def frame(number):
    return next(v["hex"] for v in FRAMES if v["id"] == number)


def test_shapes_of_objects():
    session = one(frame("v017"))
    assert session["objects"] == [{"password": 1}]
    assert session["control"] == {"prm": 1, "fcb": 1, "fcv": 1, "acd": 0, "dfc": 0, "function": 3}
    assert (session["mnemonic"], session["vsq"], session["negative"]) == ("C_AC_NA_2", 1, False)
    totals = one(frame("v039"))
    assert totals["objects"][6] == {"address": 7, "value": 0, "qualifier": 128}
    assert totals["time"] == {
        "utc": "2009-09-17T23:00:00Z", "summer": True, "invalid": False, "text": "2009-09-18T01:00-1",
    }  # fmt: skip
    instant = {item["address"]: item for item in one(frame("v033"))["objects"]}
    assert instant[192]["totals"][0] == {"value": 255842, "invalid": False}
    assert instant[193]["powers"][0] == {
        "active": 8, "reactive": 3, "cos_phi": 922, "export": False, "quadrant34": False, "invalid": False,
    }  # fmt: skip
    assert instant[194]["phases"][1] == {"current": 13, "voltage": 2389, "invalid": False}
    tariff = one(frame("v079"))["objects"][0]
    assert (tariff["DO"], tariff["EaA"], tariff["MPA"], tariff["CE"]) == (20, 29025, 84, 128)
    assert tariff["FMPA"]["text"] == "2008-12-26T14:00-0"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("104901004b16", "checksum 4B, computed 4A"),
        ("104901004a17", "end byte is 17"),
        ("1049", "6 bytes, not 2"),
        ("zz", "not hexadecimal"),
        ("123", "odd number"),
        ("680d0e68730100b70106010000010000003416", "two lengths differ"),
        ("680d0d69730100b70106010000010000003416", "second start byte"),
        ("0000", "no start byte"),
        ("e5", "single character"),
        ("", "no bytes"),
        ("6809096808010029000501000038" + "16", "type 41"),
    ],
)
def test_bad_input_says_why(text, reason):
    done = run("--json", text)
    row = json.loads(done.stdout)
    assert done.returncode == 1 and row["ok"] is False
    assert reason in row["error"]


def test_hex_as_people_paste_it():
    for words in (
        ["10", "49", "01", "00", "4a", "16"],
        ["10:49:01:00:4A:16"],
        ["0x10 0x49 0x01 0x00 0x4a 0x16"],
    ):
        done = run(*words)
        assert "request link status" in done.stdout and done.returncode == 0


def test_a_person_reads_units_and_words():
    text = run(frame("v033")).stdout
    assert "active 8 kW" in text and "2021-04-14T18:55-1" in text
    text = run(frame("v048")).stdout
    assert "cause 18: the integration period is not available" in text
    assert "IV invalid" in run(frame("v039")).stdout


@pytest.mark.parametrize("control", [*range(16), *range(0x40, 0x50)])
def test_the_words_of_functions_are_those_of_the_trace(control):
    raw = bytes((0x10, control, 1, 0, control + 1, 0x16))
    (traced,) = frame_text.lines(raw)
    told = list(decode.explain(decode.frame(raw, Zone("Europe/Madrid"))))
    words = traced.partition("link 1: ")[2]
    assert words and told[1].startswith("  function %d: %s (" % (control & 15, words))


@pytest.mark.parametrize("cause", range(3, 30))
def test_the_words_of_causes_are_those_of_the_trace(cause):
    raw = bytes(variable(0x08, Asdu(100, cause, 1, 0, [])))
    (traced,) = frame_text.lines(raw)
    told = "\n".join(decode.explain(decode.frame(raw, Zone("Europe/Madrid"))))
    words = re.search(r", cause %d (.*), point 1" % cause, traced).group(1)
    assert words and "cause %d: %s\n" % (cause, words) in told


def test_any_bytes_on_standard_input_get_an_answer_each():
    command = [sys.executable, "-m", "tools.decode", "--json"]
    given = b"\xff\xfe\n\n104901004a16\r\n\x00\n"
    strict = {"PYTHONIOENCODING": "utf-8:strict"}
    done = patience.run(command, 60, cwd=ROOT, input=given, env=strict, text=False)
    assert [json.loads(row)["ok"] for row in done.stdout.splitlines()] == [False, True, False]
    assert done.returncode == 1 and not done.stderr


def test_a_reader_that_has_had_enough_is_no_fault():
    command = "yes 104901004a16 | head -5000 | %s -m tools.decode --json | head -1" % shlex.quote(sys.executable)
    done = patience.run(command, 60, cwd=ROOT, shell=True, text=False)
    assert json.loads(done.stdout)["ok"] and not done.stderr
