"""The command DOCTOR and the frame trace on MicroPython in its 192 KiB: each fault in turn is named."""

import os
import re
import select
import time

import pytest

from tests.host.support import brokers
from tests.host.support.roles import GRANTED
from tests.host.support.together import together
from tests.host.support.twin_lab import IDENT, LOGGER, Lab
from tools import patience

pytestmark = pytest.mark.takes(45)

DOCTOR = "AT^MTXTUNNEL=DOCTOR"
TRACE = "lector102/%s/TRACE" % IDENT
COMMANDS = "lector102/%s/AT" % IDENT


def typed(lab, line, seconds=120):
    """What the console answers to a line."""
    fd = os.open(lab.twin.console.person, os.O_RDWR | os.O_NOCTTY)
    try:
        while select.select([fd], [], [], 0)[0]:
            os.read(fd, 4096)
        os.write(fd, line.encode() + b"\r")
        heard = b""
        deadline = patience.Limit(seconds)
        while not deadline.passed():
            if select.select([fd], [], [], 1)[0]:
                heard += os.read(fd, 4096)
            if re.search(rb"\r\n(OK|ERROR)\r\n$", heard):
                return heard.decode()
        raise AssertionError("%r\n%s" % (heard, "\n".join(lab.twin.lines[-20:])))
    finally:
        os.close(fd)


def ask_until(lab, line, pattern, seconds=60):
    """Ask until the answer matches; services need a while to notice what is wrong."""
    deadline = patience.Limit(seconds)
    while True:
        answer = typed(lab, line)
        if re.search(pattern, answer) or deadline.passed():
            return answer
        time.sleep(0.5)


@together
def test_all_is_well(tmp_path):
    with Lab(tmp_path, settings=GRANTED) as lab:
        lab.twin.start()
        lab.record()
        answer = ask_until(lab, DOCTOR, "(?s)broker: ok.*meter ID00000: ok")
        assert re.search(r"network: up \(host\)\r\n", answer)
        assert re.search(r"broker: ok, online at tcp://127.0.0.1:%d, \d+ records" % lab.port, answer)
        assert re.search(r"meter ID00000: ok, read \d+ times\r\n", answer)
        assert "FAULT" not in answer and answer.endswith("\r\nOK\r\n")
        assert "meter ID00000: ok, it was read" in typed(lab, DOCTOR + ",id00000")
        lab.at("AT^MTXTUNNEL=SETPARAM,device.mtxerr,on")
        assert "there is no meter NOBODY; there are: ID00000" in lab.at(DOCTOR + ",NOBODY")


QUICK = {"iec102.answer_timeout": 300, "iec102.retries": 1, "iec102.busy_limit": 2}
METERS = {
    "mute": (("--mute",), {}, "the meter is mute"),
    "link": (("--link", "7"), {}, "wrong link address: 1 is set, 7 answers"),
    "point": (("--point", "4"), {}, r"wrong measuring point \(cause 16\)"),
    "password": ((), {"meter.0.password": 99}, "wrong password"),
    "nack": (("--wrong-password", "nack"), {"meter.0.password": 99}, "NACK"),
    "busy": (("--busy", "1000"), {}, "busy|the password was taken"),
    "noise": (("--corrupt", "1.0"), {}, "noise"),
    "type": (("--no-type", "100"), {}, r"the meter lacks this reading \(cause 14\)"),
}
# What is told after nothing good has come in time.
UNANSWERED = ("mute", "link", "noise")


@pytest.mark.parametrize("fault", METERS)
@together
def test_a_fault_of_the_meter_is_named(tmp_path, fault):
    meter, settings, words = METERS[fault]
    # Nothing but what DOCTOR asks goes over the line.
    settings = {**QUICK, "meter.0.interval": 0, **settings}
    if fault not in UNANSWERED:
        # A busy host is late at times, which is another fault.
        settings["iec102.answer_timeout"] = 3000
    with Lab(tmp_path, meter=meter, settings=settings, broker=False) as lab:
        lab.twin.start()
        lab.twin.wait_line("bytes of heap in use")
        assert "not read yet" in typed(lab, DOCTOR)
        answer = typed(lab, DOCTOR + ",ID00000")
        assert re.search("meter ID00000: FAULT " + words, answer), answer
        assert "\r\n  do: " in answer
        assert "99" not in answer.replace("ID00000", "")
        if fault != "link":
            assert re.search("FAULT " + words, typed(lab, DOCTOR)), "the state tells it afterwards"


@together
def test_a_line_set_wrong_is_found_by_the_probe(tmp_path):
    """A pty has no speed; the line of the simulator answers at any, which the probe must tell from silence."""
    with Lab(tmp_path, meter=("--drop", "3x"), settings={**QUICK, "meter.0.interval": 0}) as lab:
        lab.twin.start()
        lab.twin.wait_line("bytes of heap in use")
        answer = typed(lab, DOCTOR + ",ID00000")
        assert "FAULT the meter answers now and then only" in answer, answer


def _refusing_subscriptions():
    class Refusing(brokers.BadBroker):
        def _answer_all_but_publish(self, peer):
            while True:
                kind, body = brokers.read_packet(peer)
                if kind & 0xF0 == 0x80:
                    peer.sendall(b"\x90\x03" + body[:2] + b"\x80")
                elif kind & 0xF0 == 0x30 and kind & 6:
                    at = 2 + int.from_bytes(body[:2], "big")
                    peer.sendall(b"\x40\x02" + body[at : at + 2])

    return Refusing("no_puback")


BROKERS = {
    "dns": (None, "tcp://no-such-host.invalid:1883", "DNS: the name of the server is not known"),
    "port": (None, "tcp://127.0.0.1:%d" % brokers.free_port(), "TCP: the port is closed"),
    "silent": (lambda: brokers.BadBroker("silent"), "", "the broker is silent: no CONNACK"),
    "login": (lambda: brokers.BadBroker("refuse"), "", "login refused: not authorised"),
    "puback": (
        lambda: brokers.BadBroker("no_puback"),
        "",
        r"does not confirm records \(no PUBACK\)",
    ),
    "topic": (_refusing_subscriptions, "", "subscription refused: lector102/%s/AT" % IDENT),
}


@pytest.mark.parametrize("fault", BROKERS)
@together
def test_a_fault_of_the_broker_is_named(tmp_path, fault):
    make, url, words = BROKERS[fault]
    bad = make() if make else None
    settings = {"mqtt.broker": url or "tcp://127.0.0.1:%d" % bad.port, "mqtt.puback_timeout": 2}
    with Lab(tmp_path, settings=settings, broker=False) as lab:
        lab.twin.start()
        lab.twin.wait_line("bytes of heap in use")
        answer = ask_until(lab, DOCTOR + ",broker", words)
        assert re.search(words, answer) and "\r\n  do: " in answer, answer
    if bad:
        bad.close()


@together
def test_no_coverage_and_no_broker_set(tmp_path):
    with Lab(tmp_path, settings={"mqtt.enabled": False}, broker=False) as lab:
        (tmp_path / "no-coverage").touch()
        lab.twin.start()
        lab.twin.wait_line("bytes of heap in use")
        answer = typed(lab, DOCTOR)
        assert "broker: FAULT delivery is off\r\n  do: set mqtt.enabled on" in answer
        assert "network: not up yet" in answer


# --- the trace


@together
def test_the_trace_on_a_topic_shows_frames_and_no_password(tmp_path):
    settings = {"meter.0.password": 0x12345678, "meter.0.interval": 4, **GRANTED}
    with Lab(tmp_path, settings=settings, broker=True, meter=("--password", str(0x12345678))) as lab:
        lab.twin.start()
        lab.record()
        lab.at("AT^MTXTUNNEL=SETPARAM,iec102.trace,topic")
        text = ""
        deadline = patience.Limit(60)
        while "end of session" not in text and not deadline.passed():
            text += lab.next(30, TRACE)[1].decode() + "\n"
        assert re.search(r"port 1 > 104901004a16 \| link 1: request link status", text), text
        assert re.search(r"< 100b01000c16 \| link 1: link status", text)
        for direction, cause in ((">", "6 activation"), ("<", "7 confirmation")):
            found = r"%s 68[0-9a-f]{24}\*{10}16 .*password \(type 183\), cause %s" % (
                direction,
                cause,
            )
            assert re.search(found, text), text
        assert "78563412" not in text
        assert re.search(r"instantaneous values \(type 163\), cause 5 request", text)
        # Records go on meanwhile, and the trace ends.
        lab.record()
        lab.at("AT^MTXTUNNEL=SETPARAM,iec102.trace,off")
        time.sleep(1)
        while not lab.inbox.empty():
            lab.inbox.get()
        lab.record()
        assert not [topic for topic, _ in lab.inbox.queue if topic == TRACE]


@together
def test_the_trace_on_the_console(tmp_path):
    with Lab(tmp_path, settings={"iec102.trace": "console"}) as lab:
        lab.twin.start()
        lab.record()
        line = lab.twin.wait_line(r"port 1 < .*instantaneous values \(type 163\)")
        assert line.count("|") == 1
        lab.record()


def topics_until(lab, *wanted):
    """Topics of all that comes until something has come on each of the wanted ones."""
    seen = set()
    deadline = patience.Limit(60)
    while not seen.issuperset(wanted):
        assert not deadline.passed(), seen
        seen.add(lab.next()[0])
    return seen


@together
def test_a_trace_on_the_topic_of_commands_is_refused(tmp_path):
    with Lab(tmp_path, settings={"iec102.trace": "topic"}) as lab:
        lab.twin.start()
        lab.record()
        typed(lab, "AT^MTXTUNNEL=SETPARAM,device.mtxerr,on")
        answer = typed(lab, "AT^MTXTUNNEL=SETPARAM,iec102.trace_topic,lector102/[IMEI]/AT")
        assert "mqtt.at_topic: this is not allowed; allowed: a topic other than that of iec102.trace_topic" in answer
        assert answer.endswith("ERROR\r\n")
        # The frames go on where they went, and none of them to where commands come from.
        assert COMMANDS not in topics_until(lab, TRACE, LOGGER)


@together
def test_a_trace_on_what_proves_to_be_the_topic_of_commands_is_off(tmp_path):
    """Settings are looked at with the identity as far as it is known, and this one is known after them."""
    settings = {"iec102.trace": "topic", "iec102.trace_topic": COMMANDS}
    with Lab(tmp_path, settings=settings) as lab:
        lab.twin.start()
        lab.twin.wait_line("trace: iec102.trace_topic .* is no topic for it; the trace is off")
        lab.twin.wait_line("config: mqtt.at_topic: .* no commands are taken there")
        # What the first session had to trace would be out before the record of the second.
        assert COMMANDS not in topics_until(lab, LOGGER) | topics_until(lab, LOGGER)


@together
def test_the_trace_in_a_file_outlives_a_power_cut(tmp_path):
    with Lab(tmp_path, settings={"iec102.trace": "file"}) as lab:
        lab.twin.start()
        lab.record()
        lab.record()
        time.sleep(2)
        lab.twin.kill()
        image = (tmp_path / "flash.img").read_bytes()
        assert b"request link status" in image and b"instantaneous values (type 163)" in image
        lab.twin.start()
        lab.record()


@together
def test_the_trace_of_a_long_session_costs_no_record(tmp_path):
    """Closings of a year and the curve: the trace may leave frames out and says so, the records all come."""
    settings = {
        "iec102.trace": "topic",
        "meter.0.interval": 5,
        "meter.0.closing": True,
        "meter.0.closing_days": 400,
        "meter.0.curve": 60,
        "meter.0.curve_days": 5,
    }
    with Lab(tmp_path, settings=settings) as lab:
        lab.twin.start()
        kinds = {}
        deadline = patience.Limit(100)
        while len(kinds) < 3 and not deadline.passed():
            record = lab.record(60)
            kinds[record["TYPE"]] = kinds.get(record["TYPE"], 0) + 1
        assert len(kinds) == 3, (kinds, lab.twin.lines[-20:])
        assert not [line for line in lab.twin.lines if re.search("restarted|Traceback", line)]
