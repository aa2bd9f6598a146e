"""How the page's commands reach a device from here: over the cable's console, or through the broker.

A way has `name` ("cable", "broker"), `devices` (the names to choose from; the cable has one without a name),
`ask(device, text) -> Answer` (tools/fleet/desk.py), which raises NoWay in words, and `trace(device)`, the last lines
of the trace. `text` is what a message over MQTT holds: a command, or SAVECONFIG with the lines of settings behind it.
"""

import queue
import re
import threading
import time
from collections import deque

import serial

from tools import patience, ports
from tools.fleet import desk, link
from tools.fleet.desk import Answer

_OURS = "AT^MTXTUNNEL="
# What the firmware says of itself on its console, between the lines of an answer.
_OWN_LINE = re.compile(r"\s*\d+\.\d{3} [A-Z] ")
# A frame on a meter's line with its meaning, or how many were left out (firmware/meters/frame_trace.py).
_TRACE_LINE = re.compile(r"\s*\d+\.\d{3} \S.* [<>] |\.\.\. \d+ frames not shown")
# The topic of a trace may be changed: it is asked for so often.
_TOPIC_S = 60
# Lines of the trace that are kept for the page.
_KEPT = 400
_ERROR = re.compile(r'\+MTXERR: (\d+),"(.*)"')
# A reading of many closings takes its time, and DOCTOR up to a minute.
_LIMIT_S = 130
# It may come while the device is still on its way to the new broker; a person tries it again then.
_CONFIRM_S = 10
_GONE = "the device went away: %s"


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
        self._lines = queue.Queue()  # of answers; an OSError: the device went away
        self._trace = deque(maxlen=_KEPT)
        self._ended = False
        self._thread = threading.Thread(target=self._listen, name="console", daemon=True)
        self._thread.start()

    def _listen(self):
        """Everything that comes, at once: the device says things of itself between two answers, too."""
        rest = b""
        while not self._ended:
            try:
                rest += self._port.read(1)
                rest += self._port.read(self._port.in_waiting)
            except (OSError, serial.SerialException) as error:
                self._lines.put(error)
                return
            *lines, rest = rest.split(b"\n")
            for raw in lines:
                line = raw.decode("utf-8", "replace").strip("\r")
                if _TRACE_LINE.match(line):
                    self._trace.append(line)
                elif not _OWN_LINE.match(line):
                    self._lines.put(line)

    def trace(self, device):
        return list(self._trace)

    def ask(self, device, text):
        first, *more = text.replace("\r", "\n").strip("\n").split("\n")
        if more:
            # A person types settings so; what stands behind a command in one message is typed line by line.
            more = [*more, "END"]
            first += ",TEXT"
        with self._lock:
            while not self._lines.empty():
                self._next(0)
            try:
                for line in (first, *more):
                    self._port.write(line.encode() + b"\r")
                    self._port.flush()
            except (OSError, serial.SerialException) as error:
                raise NoWay(_GONE % error) from None
            return self._answer([first, *more])

    def _next(self, seconds):
        """The next line of an answer. queue.Empty, NoWay."""
        line = self._lines.get(timeout=seconds) if seconds else self._lines.get_nowait()
        if not isinstance(line, str):
            self._lines.put(line)  # for whoever asks next
            raise NoWay(_GONE % line)
        return line

    def _answer(self, typed):
        limit, found = patience.Limit(_LIMIT_S), []
        typed = [line.strip().upper() for line in typed]
        while not limit.passed():
            try:
                line = self._next(0.5)
            except queue.Empty:
                continue
            if line in ("OK", "ERROR"):
                return _answer(line, found)
            if typed and (line.strip().upper() == typed[0] or _hidden(line, typed[0])):
                del typed[0]
            elif line.strip():
                found.append(line)
        raise NoWay("no answer within %d s: is it the device's console?" % _LIMIT_S)

    def close(self):
        self._ended = True
        self._thread.join(5)
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
        self._traces = {}  # device -> (topic, its last lines, how long that is the topic)

    def ask(self, device, text):
        if device not in self._locks:
            raise NoWay("there is no device %s here" % device[:40])
        with self._locks[device]:
            try:
                return self._desk.ask(device, text, _CONFIRM_S if text.startswith(_OURS + "CONFIRM") else _LIMIT_S)
            except desk.NoAnswer as error:
                raise NoWay("%s: %s. Is the device online, and mqtt.at_topic set?" % (device, error)) from None

    def trace(self, device):
        """What has come on the device's topic of the trace since this was asked first."""
        topic, lines, limit = self._traces.get(device, ("", (), None))
        if limit is None or limit.passed():
            answer = self.ask(device, _OURS + "GETPARAM,iec102.trace_topic")
            now = answer.lines[0].replace("[IMEI]", device) if answer.ok and answer.lines else ""
            if now != topic:
                lines = deque(maxlen=_KEPT)
                self._desk.listen(topic, None)
                self._desk.listen(now, lambda data: lines.extend(data.decode("utf-8", "replace").splitlines()))
            self._traces[device] = now, lines, patience.Limit(_TOPIC_S)
        return list(lines)

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
