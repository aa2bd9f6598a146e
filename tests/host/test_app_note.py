"""The application note, step by step: what the installer sends and what comes back, on real MicroPython.

One laboratory for all steps (simulated meter, real broker, the firmware in its 192 KiB), in the note's own topics. The
steps follow each other as in the note; each can be run alone.
"""

import json
import os
import re
import select
import time

import pytest

from tests.host.twinlab import IDENT, Lab

SET, GET = "AT^MTXTUNNEL=SETIEC102", "AT^MTXTUNNEL=GETIEC102"
INSTANT = (
    "IMEI TYPE TS P ID VABA VABRI VABRC PAT PRT FPT PAF1 PRF1 FPF1 PAF2 PRF2 FPF2 PAF3 PRF3 FPF3 "
    "IF1 TF1 IF2 TF2 IF3 TF3"
)
CLOSING = (
    "DO EaA EiA CA EaRi EiRi CRi EaRc EiRc CRc R7 C7 R8 C8 MPA FMPA CMA EPA CE DINI DEND"
)
# 2022-07-13, the day of the note, 09:30 UTC.
DAY = 1657704600


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    settings = {
        "mqtt.at_topic": "/AT",
        "mqtt.atr_topic": "/ATR",
        "mqtt.id": "[IMEI]",
        "logger.topic": "/LOGGER",
        "meter.0.closing": True,
        "meter.0.closing_days": 31,
        "meter.0.id": "ID00000",
    }
    folder = tmp_path_factory.mktemp("note")
    meter = ("--clock", "2022-07-13T11:30:00")
    with Lab(folder, settings=settings, interval=60, epoch=DAY, meter=meter) as found:
        found.twin.start()
        found.twin.wait_line("mqtt: connected")
        yield found


def at(lab, *lines, seconds=40):
    """Send each line to /AT; the answers on /ATR, in order."""
    for line in lines:
        lab.client.publish("/AT", line, qos=1)
    return [lab.next(seconds, "/ATR")[1].decode() for _ in lines]


def ok(line, *data):
    return "".join(each + "\r\n" for each in (line, *data, "", "OK"))


def ask(lab, line, seconds=30):
    """A GET until the meter has been read."""
    deadline = time.monotonic() + seconds
    while True:
        answer = at(lab, line)[0]
        if "being read" not in answer or time.monotonic() > deadline:
            return answer
        time.sleep(0.2)


def records(lab, kind, seconds=60):
    """The next record of `kind` on /LOGGER, with its keys in order."""
    deadline = time.monotonic() + seconds
    while True:
        payload = lab.next(max(deadline - time.monotonic(), 1), "/LOGGER")[1].decode()
        found = json.loads(payload)
        if found["TYPE"] == kind:
            return payload, found


def test_the_closings_of_the_last_days_come_once_a_day(lab):
    payload, record = records(lab, "IEC102_CTAVM2")
    assert payload.startswith(
        '{"IMEI":"%s","TYPE":"IEC102_CTAVM2","TS":"2022-07-13T09:' % IDENT
    ), payload[:200]
    assert list(record) == ["IMEI", "TYPE", "TS", "P", "ID", "CTAVM2"]
    assert record["P"] == "ID-" + IDENT and record["ID"] == "ID00000"
    for item in record["CTAVM2"]:
        assert list(item) == CLOSING.split()
        for name in ("FMPA", "DINI", "DEND"):
            assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d-[01]", item[name])
    assert record["CTAVM2"][0]["DO"] == 20 and " " not in payload


def test_instantaneous_values_arrive_in_the_notes_form(lab):
    payload, record = records(lab, "IEC102", 90)
    assert list(record) == INSTANT.split()
    assert payload.startswith('{"IMEI":"%s","TYPE":"IEC102","TS":"2022-07-13T09:' % IDENT)
    assert all(isinstance(record[name], int) for name in INSTANT.split()[5:])


def test_set_answers_ok_at_once_and_get_has_the_values(lab):
    assert at(lab, SET + ",ID00000") == [ok(SET + ",ID00000")]
    answer = ask(lab, GET + ",ID00000")
    echo, payload, empty, good, end = answer.split("\r\n")
    assert (echo, empty, good, end) == (GET + ",ID00000", "", "OK", "")
    assert list(json.loads(payload)) == INSTANT.split()


def test_closings_of_a_range_as_the_note_asks_for_them(lab):
    line = SET + "_CTAVM2,ID00000,0,0,1,07,22,0,0,13,07,22"
    assert at(lab, line) == [ok(line)]
    answer = ask(lab, GET + "_CTAVM2,ID00000")
    words = answer.split("\r\n")
    assert words[0] == GET + "_CTAVM2,ID00000" and words[-3:] == ["", "OK", ""], answer[:300]
    found = [json.loads(word) for word in words[1:-3]]
    assert found and all(each["TYPE"] == "IEC102_CTAVM2" for each in found)
    ends = {item["DEND"][:10] for each in found for item in each["CTAVM2"]}
    assert ends and all("2022-07-01" <= end <= "2022-07-13" for end in ends)


@pytest.mark.parametrize(
    "numbers", ("00,00,01,07,22,00,00,13,07,22", " 0, 0, 1, 7, 22, 0, 0, 13, 7, 22 ")
)
def test_leading_zeros_and_blanks_are_tolerated(lab, numbers):
    line = SET + "_CTAVM2,ID00000," + numbers
    assert at(lab, line)[0].endswith("\r\n\r\nOK\r\n")
    assert ask(lab, GET + "_CTAVM2,ID00000").endswith("OK\r\n")


@pytest.mark.parametrize(
    "line, why",
    (
        (SET + "_CTAVM2,ID00000,0,0,31,02,22,0,0,13,07,22", '+MTXERR: 4,"00:00 31/2/22 is no time'),
        (SET + "_CTAVM2,ID00000,0,0,1,07,22", "+MTXERR: 1,"),
        (SET + ",ID77777", '+MTXERR: 5,"there is no meter ID77777; there are: ID00000"'),
        (GET + "_LC,ID00000", '+MTXERR: 6,"nothing was read yet; send the SET command first"'),
        ("AT^MTXTUNNEL=NOPE", '+MTXERR: 2,"there is no command NOPE"'),
        ("AT+CSQ", '+MTXERR: 9,"no modem is attached"'),
    ),
)
def test_what_cannot_be_done_says_why(lab, line, why):
    assert at(lab, line)[0].endswith("\r\n\r\nERROR\r\n")
    assert at(lab, "AT^MTXTUNNEL=SETPARAM,device.mtxerr,on")[0].endswith("OK\r\n")
    answer = at(lab, line)[0]
    assert at(lab, "AT^MTXTUNNEL=SETPARAM,device.mtxerr,off")[0].endswith("OK\r\n")
    assert why in answer and answer.endswith("\r\n\r\nERROR\r\n")


def test_several_commands_in_flight_are_answered_in_order(lab):
    lines = ["AT", "ATI", "AT^MTXTUNNEL=VERSION", "AT^MTXTUNNEL=GETLOG", "AT"]
    answers = at(lab, *lines)
    assert [answer.split("\r\n")[0] for answer in answers] == lines
    assert all(answer.endswith("\r\n\r\nOK\r\n") for answer in answers)


def test_secrets_are_never_shown(lab):
    line = "AT^MTXTUNNEL=SETPARAM,mqtt.password,hush-hush"
    assert at(lab, line)[0] == ok("AT^MTXTUNNEL=SETPARAM,mqtt.password,***")
    for line in ("AT^MTXTUNNEL=GETPARAM,mqtt.password", "AT^MTXTUNNEL=GETCONFIG"):
        answer = at(lab, line)[0]
        assert "***" in answer and "hush-hush" not in answer
    assert not any("hush-hush" in line for line in lab.twin.lines)


def test_the_console_answers_the_same(lab):
    fd = os.open(lab.twin.console.person, os.O_RDWR | os.O_NOCTTY)
    try:
        os.write(fd, b"AT^MTXTUNNEL=VERSION\r")
        heard = b""
        deadline = time.monotonic() + 30
        while not heard.endswith(b"OK\r\n") and time.monotonic() < deadline:
            if select.select([fd], [], [], 1)[0]:
                heard += os.read(fd, 1000)
        assert re.search(rb"lector102 \d+\.\d+\.\d+\r\n\r\nOK\r\n$", heard), heard
    finally:
        os.close(fd)


def test_a_reading_that_failed_is_told(lab):
    lab.meter.control("mute on")
    try:
        assert at(lab, SET + ",ID00000") == [ok(SET + ",ID00000")]
        answer = ask(lab, GET + ",ID00000", 60)
        assert '"ERR":"NoAnswerError: the meter does not answer"' in answer
        assert answer.endswith("\r\n\r\nERROR\r\n")
    finally:
        lab.meter.control("mute off")
    assert at(lab, SET + ",ID00000") == [ok(SET + ",ID00000")]
    assert ask(lab, GET + ",ID00000", 60).endswith("OK\r\n")
