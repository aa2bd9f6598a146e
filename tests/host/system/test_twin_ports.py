"""The device's two serial ports: meters on both, one of them silent; AT commands in tags on one."""

import json
import os
import select

import pytest

from tests.host.support.twin_lab import IDENT, Lab, meter_settings
from tools import micropython, patience
from tools.twin.device import MeterProcess
from tools.twin.ptys import Bridge

pytestmark = pytest.mark.takes(25)


@pytest.mark.timeout(240)
def test_eight_meters_on_two_ports_and_a_silent_one(tmp_path):
    settings = {"iec102.answer_timeout": 300, "iec102.retries": 1, "port.2.enabled": True}
    for index in range(4, 8):
        settings.update(meter_settings(index, interval=6, link=index - 3, password=index - 3, port=2))
    settings["meter.7.link"] = 99  # nobody has that
    second = MeterProcess("--pty", "--meters", 4, "--password", 1)
    try:
        with Lab(tmp_path / "t", meters=4, interval=6, settings=settings, heap=micropython.SMALL_AND_3_KB) as lab:
            lab.twin.setup["ports"].append(second.path)
            lab.twin.start()
            want = {"ID%05d" % index for index in range(7)}
            times = {name: set() for name in want}
            deadline = patience.Limit(150)
            while any(len(found) < 3 for found in times.values()):
                assert not deadline.passed(), (times, lab.twin.lines[-20:])
                record = lab.record(60)
                if record["TYPE"] == "IEC102":
                    times[record["ID"]].add(record["TS"])
            lab.twin.wait_line("ID00007: NoAnswerError", 30)
    finally:
        second.stop()


def test_commands_in_tags_on_a_port_without_a_meter(tmp_path):
    tagged = Bridge()
    settings = {"port.2.at": True, "port.2.commands": "view"}
    with Lab(tmp_path, settings=settings) as lab:
        lab.twin.setup["ports"].append(tagged.device)
        lab.twin.start()
        lab.twin.wait_line("port 2: 9600 baud 8N1: commands in tags")
        fd = os.open(tagged.person, os.O_RDWR | os.O_NOCTTY)
        try:
            os.write(fd, b"noise <MTXTunnel>AT^MTXTUNNEL=VERSION</mtxtunnel> ")
            os.write(fd, b"<mtxtunnel>AT^MTXTUNNEL=REBOOT</mtxtunnel>")
            heard = b""
            deadline = patience.Limit(30)
            while heard.lower().count(b"</mtxtunnel>") < 2 and not deadline.passed():
                if select.select([fd], [], [], 1)[0]:
                    heard += os.read(fd, 1000)
        finally:
            os.close(fd)
            tagged.close()
        first, second = heard.split(b"</MTXTunnel>")
        assert first.startswith(b"<MTXTunnel>AT^MTXTUNNEL=VERSION\r\nlector102 ") and first.endswith(b"\r\n\r\nOK\r\n")
        # This port may look only.
        assert second.startswith(b"<mtxtunnel>AT^MTXTUNNEL=REBOOT\r\n\r\nERROR\r\n"), heard


def test_a_port_with_a_meter_takes_no_commands_and_says_so(tmp_path):
    with Lab(tmp_path, settings={"port.1.at": True}) as lab:
        lab.twin.start()
        lab.twin.wait_line("port 1 takes no commands: it is a meter's")
        lab.record()


def test_energies_of_the_current_tariff_instead_of_object_192(tmp_path):
    with Lab(tmp_path, settings={"iec102.totals": "tariff"}) as lab:
        lab.twin.start()
        record = lab.record()
        lab.client.publish("lector102/%s/AT" % IDENT, "AT^MTXTUNNEL=SETIEC102_TAVC,ID00000", qos=1)
        lab.next(20, "lector102/%s/ATR" % IDENT)
        deadline = patience.Limit(30)
        answer = ""
        while '"TAVC":' not in answer and not deadline.passed():
            answer = lab.at("AT^MTXTUNNEL=GETIEC102_TAVC,ID00000")
        total = json.loads(answer.split("\r\n")[1])["TAVC"][0]
        assert total["DO"] == 20
        # The meter counts on between the two.
        for key, name in (("VABA", "EaA"), ("VABRI", "EaRi"), ("VABRC", "EaRc")):
            assert 0 <= total[name] - record[key] <= 5, (record, total)
