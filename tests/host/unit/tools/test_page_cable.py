"""The page over the cable: an answer between what the device says of itself, the trace, and a cable that is pulled."""

import queue

import pytest
import serial

from tools import patience
from tools.page import ways

OURS = "AT^MTXTUNNEL="


class Port:
    """A serial port whose device answers a line as `answers` says."""

    def __init__(self):
        self.answers, self.typed, self._come, self.gone = {}, [], queue.Queue(), False

    @property
    def in_waiting(self):
        return 0

    def read(self, count):
        if self.gone:
            raise serial.SerialException("device reports readiness to read but returned no data")
        try:
            return self._come.get(timeout=0.05) if count else b""
        except queue.Empty:
            return b""

    def come(self, text):
        for at in range(0, len(text), 7):
            self._come.put(text[at : at + 7].encode())

    def write(self, data):
        line = data.decode().strip("\r")
        self.typed.append(line)
        self.come("\r\n" + line + "\r\n")
        self.come(self.answers.get(line, ""))

    def flush(self):
        pass

    def close(self):
        pass


@pytest.fixture
def port(monkeypatch):
    made = Port()
    monkeypatch.setattr(ways.serial, "serial_for_url", lambda *args, **options: made)
    return made


@pytest.fixture
def cable(port):
    made = ways.Cable("/dev/none")
    yield made
    made.close()


def test_what_the_device_says_of_itself_is_no_part_of_an_answer(port, cable):
    port.answers[OURS + "GETLOG"] = (
        "depth: 3\r\n  123.456 I mqtt: connected\r\n  124.001 port 1 > 1049014a16 | link 1: reset\r\n"
        "... 7 frames not shown\r\nnewest: 9\r\n\r\nOK\r\n"
    )
    assert cable.ask("", OURS + "GETLOG") == (True, ["depth: 3", "newest: 9"], 0, "")
    assert cable.trace("") == ["  124.001 port 1 > 1049014a16 | link 1: reset", "... 7 frames not shown"]


def test_the_trace_is_heard_between_two_commands_and_an_answer_that_came_too_late_is_not_the_next(port, cable):
    port.come("  1.000 port 1 < 100b010c16 | link 1: status\r\nlate\r\nOK\r\n")
    assert patience.until(lambda: cable.trace("") and cable._lines.qsize() == 2, 20)
    port.answers[OURS + "VERSION"] = "lector102 1\r\n\r\nOK\r\n"
    assert cable.ask("", OURS + "VERSION").lines == ["lector102 1"]


def test_the_trace_is_bounded(port, cable):
    port.come("".join("%5d.000 port 1 > 1049014a16\r\n" % number for number in range(500)))
    assert patience.until(lambda: cable.trace("") and "  499." in cable.trace("")[-1], 20)
    assert len(cable.trace("")) == ways._KEPT


def test_settings_are_typed_line_by_line(port, cable):
    port.answers["END"] = "\r\nOK\r\n"
    assert cable.ask("", OURS + "SAVECONFIG\nmqtt.qos: 1\nlogger.order: lifo").ok
    assert port.typed == [OURS + "SAVECONFIG,TEXT", "mqtt.qos: 1", "logger.order: lifo", "END"]


def test_why_is_told(port, cable):
    port.answers[OURS + "X"] = '+MTXERR: 2,"there is no such command"\r\n\r\nERROR\r\n'
    assert cable.ask("", OURS + "X") == (False, [], 2, "there is no such command")


def test_a_cable_that_is_pulled_is_told_each_time(port, cable):
    port.gone = True
    for _ in range(2):
        with pytest.raises(ways.NoWay, match="the device went away"):
            cable.ask("", "AT")


def test_what_is_no_console_ends(port, cable, monkeypatch):
    monkeypatch.setattr(ways, "_LIMIT_S", 0.2)
    with pytest.raises(ways.NoWay, match="is it the device's console"):
        cable.ask("", "AT")
