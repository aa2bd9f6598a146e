"""How the page's commands reach a device from here: over the cable's console, or through the broker.

A way has `name` ("cable", "broker"), `devices` (the names to choose from; the cable has one without a name) and
`ask(device, text) -> Answer` (tools/fleet/desk.py); it raises NoWay in words. `text` is what a message over MQTT
holds: a command, or SAVECONFIG with the lines of settings behind it.
"""

import re
import threading
import time

import serial

from tools import patience, ports
from tools.fleet import desk, link
from tools.fleet.desk import Answer

_OURS = "AT^MTXTUNNEL="
# What the firmware says of itself on its console, between the lines of an answer.
_OWN_LINE = re.compile(r"\s*\d+\.\d{3} [A-Z] ")
_ERROR = re.compile(r'\+MTXERR: (\d+),"(.*)"')
# A reading of many closings takes its time, and DOCTOR up to a minute.
_LIMIT_S = 130


class NoWay(Exception):
    """The device cannot be reached; the text says why and what to do."""


class Cable:
    """The console at the end of a cable. NoWay: there is no such port."""

    name = "cable"
    devices = ()

    def __init__(self, port, baud=115200):
        try:
            self._port = serial.serial_for_url(port, baud, timeout=0.2)
        except (OSError, serial.SerialException) as error:
            raise NoWay("no console at " + ports.trouble(port, error)) from None
        self._lock = threading.Lock()

    def ask(self, device, text):
        first, *more = text.replace("\r", "\n").strip("\n").split("\n")
        if more:
            # A person types settings so; what stands behind a command in one message is typed line by line.
            more = [*more, "END"]
            first += ",TEXT"
        with self._lock:
            try:
                self._port.reset_input_buffer()
                for line in (first, *more):
                    self._port.write(line.encode() + b"\r")
                    self._port.flush()
                return self._answer([first, *more])
            except (OSError, serial.SerialException) as error:
                raise NoWay("the device went away: %s" % error) from None

    def _answer(self, typed):
        limit, found = patience.Limit(_LIMIT_S), []
        typed = [line.strip().upper() for line in typed]
        rest = b""
        while not limit.passed():
            rest += self._port.read(1)
            rest += self._port.read(self._port.in_waiting)
            *lines, rest = rest.split(b"\n")
            for raw in lines:
                line = raw.decode("utf-8", "replace").strip("\r")
                if _OWN_LINE.match(line):
                    continue
                if line in ("OK", "ERROR"):
                    return _answer(line, found)
                if typed and (line.strip().upper() == typed[0] or _hidden(line, typed[0])):
                    del typed[0]
                elif line.strip():
                    found.append(line)
        raise NoWay("no answer within %d s: is it the device's console?" % _LIMIT_S)

    def close(self):
        self._port.close()


def _hidden(line, typed):
    """Whether a line repeats what was typed with a secret in it."""
    return "*" in line and line.strip().upper().rstrip("*")[:8] == typed[:8] and len(line.strip()) >= 8


def _answer(end, lines):
    code, why = 0, ""
    for line in lines:
        error = _ERROR.fullmatch(line.strip())
        if error:
            code, why = int(error[1]), error[2]
    return Answer(end == "OK", [line for line in lines if not _ERROR.fullmatch(line.strip())], code, why)


class Broker:
    """Devices behind a broker, with what MQTT may do there. `wanted`: their names; none: those that say ONLINE."""

    name = "broker"

    def __init__(self, args, wanted=(), look_s=3):
        try:
            self._desk = desk.Desk(args, "lector102-page")
        except (ValueError, link.LinkError) as error:
            raise NoWay(str(error)) from None
        self.devices = tuple(wanted)
        if not self.devices:
            self.devices = tuple(sorted(seen(args, look_s)))
        if not self.devices:
            self._desk.close()
            raise NoWay("no device says ONLINE at this broker; DEVICE= names one")
        self._locks = {each: threading.Lock() for each in self.devices}

    def ask(self, device, text):
        if device not in self._locks:
            raise NoWay("there is no device %s here" % device[:40])
        with self._locks[device]:
            try:
                return self._desk.ask(device, text, _LIMIT_S)
            except desk.NoAnswer as error:
                raise NoWay("%s: %s. Is the device online, and mqtt.at_topic set?" % (device, error)) from None

    def close(self):
        self._desk.close()


def seen(args, seconds):
    """The names of the devices whose retained online topic is at the broker."""
    topic, found = link.Filter(link.STATES[0]), set()

    def take(_client, _data, message):
        if message.payload:
            found.add(topic.device(message.topic))

    client = link.client(args, "lector102-look-%d" % (time.time_ns() % 10**9))
    client.on_connect = lambda made, *_: made.subscribe(topic.subscription, 1)
    client.on_message = take
    link.connect(client, args)
    client.loop_start()
    time.sleep(seconds)
    client.disconnect()
    client.loop_stop()
    return found
