"""DOCTOR and the frame trace on the device: on MicroPython, with a simulated meter and a real broker."""

import time

import pytest

from firmware import trace
from tests.host.twinlab import IDENT, Lab

TRACE = "lector102/%s/TRACE" % IDENT
PASSWORD = 0x0DEADBEE
SECRET = " ".join("%02x" % byte for byte in PASSWORD.to_bytes(4, "little"))


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    settings = {"meter.0.password": PASSWORD, "iec102.answer_timeout": 300, "iec102.retries": 1}
    meter = ("--password", PASSWORD)
    with Lab(tmp_path_factory.mktemp("trace"), settings=settings, interval=60, meter=meter) as found:
        found.twin.start()
        found.twin.wait_line("mqtt: connected")
        yield found


def setting(lab, name, value):
    assert lab.at("AT^MTXTUNNEL=SETPARAM,%s,%s" % (name, value)).endswith("OK\r\n")


def doctor(lab, *arguments, seconds=60):
    return lab.at(",".join(("AT^MTXTUNNEL=DOCTOR", *arguments)), seconds)


def test_doctor_finds_nothing_wrong_with_a_device_that_works(lab):
    answer = doctor(lab, "ID00000")
    assert "ok    meter ID00000: answers" in answer and answer.endswith("\r\nOK\r\n"), answer
    answer = doctor(lab)
    for words in ("clock: set by host", "meter ID00000", "uplink (host): up", "broker: connected", "log: "):
        assert "ok    " + words in answer, answer
    assert answer.endswith("\r\nOK\r\n")


FAULTS = {
    "mute on": ("NoAnswerError", "check cable"),
    "corrupt 1.0": ("GarbledError", "parity"),
    "busy 100000": ("BusyError", "another reader"),
}


@pytest.mark.parametrize("order", FAULTS)
def test_doctor_names_the_fault_of_the_line_and_what_to_do(lab, order):
    error, todo = FAULTS[order]
    setting(lab, "device.mtxerr", "on")
    lab.meter.control(order)
    try:
        answer = doctor(lab, "id00000")
        assert "FAULT meter ID00000: %s" % error in answer and todo in answer, answer
        assert '+MTXERR: 8,"1 fault"' in answer and answer.endswith("\r\nERROR\r\n")
    finally:
        lab.meter.control("clear")
        setting(lab, "device.mtxerr", "off")
    assert doctor(lab, "ID00000").endswith("\r\nOK\r\n")


def test_doctor_of_a_meter_there_is_not(lab):
    assert doctor(lab, "ID99999").endswith("\r\nERROR\r\n")


def test_the_trace_goes_to_the_topic_without_the_password(lab):
    setting(lab, "iec102.trace", "topic")
    try:
        assert doctor(lab, "ID00000").endswith("OK\r\n")
        lines = []
        deadline = time.monotonic() + 20
        while not any("ASDU 187" in line for line in lines) and time.monotonic() < deadline:
            lines.append(lab.next(20, TRACE)[1].decode())
    finally:
        setting(lab, "iec102.trace", "off")
    text = "\n".join(lines)
    assert "> 10 49 01 00 4a 16 | status?, link 1" in text, text
    assert "ASDU 163, 3 objects, cause 5, point 1, record 0" in text
    opening = next(line for line in lines if "ASDU 183" in line and " > " in line)
    assert " ** |" in opening and SECRET not in text


def test_the_trace_goes_to_the_console(lab):
    setting(lab, "iec102.trace", "console")
    try:
        assert doctor(lab, "ID00000").endswith("OK\r\n")
        assert lab.twin.wait_line(r"I trace: port 1 \d+ < .*ASDU 163", 20)
    finally:
        setting(lab, "iec102.trace", "off")
    assert SECRET not in "\n".join(lab.twin.lines)


def test_the_trace_in_a_file_is_bounded(lab, tmp_path, monkeypatch):
    setting(lab, "iec102.trace", "file")
    for _ in range(2):
        assert doctor(lab, "ID00000").endswith("OK\r\n")
    time.sleep(1)
    setting(lab, "iec102.trace", "off")
    assert not any("trace: not kept" in line for line in lab.twin.lines)


FRAMES = {
    "10 49 01 00 4a 16": "status?, link 1",
    "10 0b 01 00 0c 16": "status, link 1",
    "ff ff 10 00 01 00 01 16": "ACK, link 1",
    "10 01 58 1b 74 16": "NACK, link 7000",
    "68 15 15 68 08 01 00 7b 01 0a 01 00 0b 01 01 00 00 1c 03 11 00 00 1d 03 11 fe 16": (
        "data, link 1, ASDU 123, 1 objects, cause 10, point 1, record 11"
    ),
    "68 15 15 68 08 01 00 7b 01": "?",
    "00": "?",
}


@pytest.mark.parametrize("frame", FRAMES)
def test_a_frame_in_words(frame):
    assert trace.words_of(bytes.fromhex(frame)) == FRAMES[frame]


def test_a_password_is_hidden_in_whatever_piece_it_comes():
    raw = bytes.fromhex("68 0d 0d 68 08 01 00 b7 01 07 01 00 00 01 00 00 00 ca 16")
    for cut in range(len(raw)):
        shown = trace.text_of("port 1", 0, "<", raw[cut:] + b"\x00" * 7, True)
        assert "port 1 0 <  ** |" in shown
