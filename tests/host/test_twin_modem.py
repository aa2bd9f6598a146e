"""The whole device behind a modem: MicroPython reads the meter, dials and delivers, whatever happens.

It has 288 KiB here, as much as about 144 KiB of a board (a Pico W has 160 KiB left beside the modem's UART buffers,
platform facts 3b): the stand-ins for PPP, its sockets and the pins, which no board has, take 20 KiB of it.
"""

import json
import re
import time

import pytest

from tests.host.modem_rig import QUICK, Simulator
from tests.host.twinlab import IDENT, Lab

ONLINE = "lector102/%s/ONLINE" % IDENT


@pytest.fixture
def online(tmp_path):
    made = []

    def start(*options, **settings):
        modem = Simulator(tmp_path, "--scale", "0.1", *options)
        values = {"uplink.type": "modem", "uplink.apn": "internet", **settings}
        link = {"pty": modem.pty, "control": modem.control, "timing": QUICK}
        lab = Lab(tmp_path, settings=values, interval=2, heap="288k", modem=link)
        made.extend((lab, modem))
        lab.twin.start()
        return lab, modem

    yield start
    for part in made:
        part.close()


def state(lab, seconds=60):
    return json.loads(lab.next(seconds, ONLINE)[1])


def test_the_device_dials_delivers_and_tells_of_its_network(online):
    lab, _ = online("--running", "--profile", "sim7600")
    told = state(lab)
    assert told["STATE"] == "online" and told["UPLINK"] == "modem", told
    for name in ("OPERATOR", "TECHNOLOGY", "SIGNAL", "IP", "CONNECTS", "MEASURES"):
        assert name in told, told
    for _ in range(3):
        lab.record()
    answer = lab.at("AT^MTXTUNNEL=GETSTATUS,link")
    for words in ("link.operator: ", "link.signal: -", "link.ip: ", "link.technology: ", "link.measures.redial: 0"):
        assert words in answer, answer
    # The modem answers while the data flows beside it (CMUX).
    assert re.search(r"\+CSQ: \d+,\d+\r\n\r\nOK\r\n$", lab.at("AT+CSQ")), lab.twin.lines[-5:]
    assert not [line for line in lab.twin.lines if "MemoryError" in line or "starts again" in line]


FAULTS = {
    "carrier lost": "drop-carrier",
    "multiplexer forgotten": "forget-mux",
    "spontaneous restart": "restart",
    "dead carrier": "fault swallow",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_meter_is_read_meanwhile_and_nothing_is_lost(online, fault):
    lab, modem = online("--running", "--profile", "ec25", **{"mqtt.puback_timeout": 5, "uplink.model": "ec25"})
    lab.record(60)
    modem.tell(FAULTS[fault])
    lab.twin.wait_line("mqtt: connection lost", 60)
    read = sum("instant read in" in line for line in lab.twin.lines)
    if "fault" in FAULTS[fault]:
        modem.tell("fault swallow off")
    lab.twin.wait_line("(?s)modem: online.*", 60)
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        lab.collect(1)
        now = sum("instant read in" in line for line in lab.twin.lines)
        if now > read + 2 and len({r["TS"] for r in lab.records}) >= now - 1:
            break
    times = list(dict.fromkeys(r["TS"] for r in lab.records))
    assert now > read + 2, "\n".join(lab.twin.lines[-30:])
    assert len(times) >= now - 1 and times == sorted(times), "\n".join(lab.twin.lines[-40:])


def test_a_short_message_from_an_allowed_number_runs_a_command(online):
    settings = {"sms.enabled": True, "sms.phones": "+34600111222", "sms.alias": "WHO>AT^MTXTUNNEL=VERSION|X>AT"}
    lab, modem = online("--running", "--profile", "sim7600", **settings)
    lab.record(60)
    modem.tell("sms +34600111222 who")
    lab.twin.wait_line("sms: .34600111222: AT.MTXTUNNEL", 30)
    modem.tell("sms +34999999999 mtx at^mtxtunnel=reboot")
    lab.twin.wait_line("sms: refused: .34999999999", 30)
    deadline = time.monotonic() + 20
    while "lector102" not in modem.tell("state") and time.monotonic() < deadline:
        time.sleep(0.2)
    assert "lector102 0." in modem.tell("state"), modem.tell("state")


def test_short_messages_are_nothing_by_default(online):
    lab, modem = online("--running", "--profile", "sim7600")
    lab.record(60)
    modem.tell("sms +34600111222 mtx at^mtxtunnel=reboot")
    lab.record()
    lab.record()
    assert not [line for line in lab.twin.lines if "restart" in line or " sms:" in line]
