"""Settings for what the TITAN reference leaves open, on the twin."""

import os
import select

from tests.host.support.twin_lab import Lab
from tests.host.system.test_app_note import Installer
from tools import patience
from tools.twin.ptys import Bridge


def test_the_lines_of_an_answer_and_commands_in_tags_on_the_device(tmp_path):
    other = Bridge()
    settings = {"mqtt.lines": "lf", "port.2.at": True, "port.1.at": True}
    try:
        with Lab(tmp_path, settings=settings, interval=60) as lab:
            lab.twin.setup["ports"].append(other.device)
            lab.twin.start()
            lab.twin.wait_line("mqtt: connected")
            assert lab.at("AT") == "AT\n\nOK\n"
            lab.twin.wait_line("port 1 takes no commands: it is a meter's")
            fd = os.open(other.person, os.O_RDWR | os.O_NOCTTY)
            try:
                os.write(fd, b"noise<mtxtunnel>AT^MTXTUNNEL=REBOOT</mtxtunnel><MTXTUNNEL>AT</MTXTUNNEL>")
                heard, deadline = b"", patience.Limit(40)
                while not heard.endswith(b"</MTXTUNNEL>") and not deadline.passed():
                    if select.select([fd], [], [], 1)[0]:
                        heard += os.read(fd, 1000)
            finally:
                os.close(fd)
            assert heard == (
                b"<mtxtunnel>AT^MTXTUNNEL=REBOOT\r\n\r\nERROR\r\n</mtxtunnel><MTXTUNNEL>AT\r\n\r\nOK\r\n</MTXTUNNEL>"
            )
    finally:
        other.close()


def test_delivery_is_switched_on_and_off_without_a_restart(tmp_path):
    with Lab(tmp_path, settings={"mqtt.enabled": False}, interval=2) as lab:
        lab.twin.start()
        lab.twin.wait_line("bytes of heap in use")
        typed = Installer(lab.twin.console.person)
        try:
            assert "mqtt.state: off" in typed.type("AT^MTXTUNNEL=GETSTATUS,mqtt")
            assert typed.type("AT^MTXTUNNEL=SETPARAM,mqtt.enabled,on") == "\r\nOK\r\n"
            lab.twin.wait_line("mqtt: connected")
            assert lab.at("AT") == "AT\r\n\r\nOK\r\n"
            # It has been online now: a change that cuts it off is on trial, and here it is no accident.
            assert typed.type("AT^MTXTUNNEL=SETPARAM,mqtt.enabled,off") == "\r\nOK\r\n"
            deadline = patience.Limit(30)
            while "mqtt.state: off" not in typed.type("AT^MTXTUNNEL=GETSTATUS,mqtt"):
                assert not deadline.passed()
        finally:
            typed.close()
        assert lab.twin.starts == 1
