"""A board with everything around it: modem, meters, broker, and somebody who listens there."""

import json
import queue
import re
from pathlib import Path

import paho.mqtt.client as mqtt

from tools import patience
from tools.modem.process import ModemProcess
from tools.pico.board import Board
from tools.twin.device import MeterProcess, finish, spawn_modem

IDENT = "860000000000001"
# The name that the modem's network answers with an address; which one does not matter, all lead to this machine.
BROKER = "broker.test"
# Pins of a Pico W in firmware/boards/tables.py.
_POWER_KEY = 14
_ANSWER_END = re.compile(rb"(\A|\r\n)(OK|ERROR)\r\n\Z")


class Modem(ModemProcess):
    """`python -m tools.modem` on a port of loopback."""

    def __init__(self, *arguments):
        super().__init__(spawn_modem("--tcp", 0, "--control", 0, "--imei", IDENT, *arguments))
        self.port = int(self.words[1].partition(":")[2])

    def stop(self):
        finish(self.process)
        self.reader.join()


class Listener:
    """Subscribed to everything at the broker. `messages`: [(emulated seconds, topic, payload)]."""

    def __init__(self, port, now, name="rig"):
        self.messages = []
        ready = queue.Queue()
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, name, clean_session=False)
        self._client.on_connect = lambda client, *_: client.subscribe("#", 1)
        self._client.on_subscribe = lambda *_: ready.put(True)
        self._now = now
        self._client.on_message = self._take
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", port, keepalive=60)
        self._client.loop_start()
        patience.get(ready, 15)
        self.publish = self._client.publish

    def _take(self, _client, _data, got):
        if not got.retain:
            self.messages.append((self._now(), got.topic, got.payload))

    def of(self, topic, since=0):
        return [payload for _, at, payload in self.messages[since:] if at == topic]

    def stop(self):
        self._client.loop_stop()
        self._client.disconnect()


def settings(port, meters=1, **more):
    """What an installer would type, and `more` (names with __ for the point)."""
    values = {
        "device.imei": IDENT,
        "uplink.type": "modem",
        "uplink.apn": "internet",
        "mqtt.enabled": True,
        "mqtt.broker": "tcp://%s:%d" % (BROKER, port),
        "mqtt.at_topic": "lector102/[IMEI]/AT",
        "mqtt.atr_topic": "lector102/[IMEI]/ATR",
        "logger.enabled": True,
    }
    for index in range(meters):
        meter = {"enabled": True, "id": "ID%05d" % index, "link": index + 1, "password": index + 1, "interval": 1}
        values.update({"meter.%d.%s" % (index, name): value for name, value in meter.items()})
    values.update({name.replace("__", "."): value for name, value in more.items()})
    return values


class Rig:
    """`broker` has a port, and a pid where it is a process; it is stopped by whoever made it. `modem`, `meter`: more
    arguments of their simulators.
    """

    def __init__(self, folder, image, broker, *, meters=1, modem=(), meter=(), values=None, on_line=None, **deploy):
        self.folder = Path(folder)
        self._parts = []
        try:
            self._start(image, broker, meters, modem, meter, values, on_line, deploy)
        except BaseException:
            self.close()
            raise

    def _start(self, image, broker, meters, modem, meter, values, on_line, deploy):
        self.broker = broker
        self.modem = Modem("--profile", "sim7600", *modem)
        self._parts.append(self.modem.stop)
        self.meter = MeterProcess("--pty", "--meters", meters, "--password", 1, "--die-with-parent", *meter)
        self._parts.append(self.meter.stop)
        lines = ["--uart0", "tcp:%d" % self.modem.port, "--uart1", "tty:%s" % self.meter.path]
        keys = ["--control", self.modem.control, "--key", "power=%d" % _POWER_KEY]
        pids = self.modem.pid, self.meter.process.pid, getattr(broker, "pid", None)
        peers = ["--peer=%d" % pid for pid in pids if pid]
        self.board = Board(self.folder, image, *lines, *keys, *peers, on_line=on_line)
        self.board.deploy(settings(broker.port, meters, **(values or {})), **deploy)
        self._parts.append(self.board.off)
        self.listener = Listener(broker.port, lambda: self.board.now)
        self._parts.append(self.listener.stop)

    def topic(self, name):
        return "lector102/%s/%s" % (IDENT, name)

    def records(self, since=0):
        """The records (dict) that arrived, from message number `since` on."""
        return [json.loads(payload) for payload in self.listener.of(self.topic("LOGGER"), since)]

    def states(self, since=0):
        """What came on the topic that tells whether the device is online (dict)."""
        return [json.loads(payload) for payload in self.listener.of(self.topic("ONLINE"), since)]

    def online(self, seconds, since=0):
        """Wait until the device says that it is online; what it said (dict)."""

        def look():
            return [state for state in self.states(since) if state["STATE"] == "online"]

        return self.board.until(look, seconds, "online")[-1]

    def record(self, seconds, count=1, since=0):
        """Wait for so many records; the last one of them."""
        return self.board.until(lambda: self.records(since)[count - 1 : count], seconds, "%d record(s)" % count)[0]

    def at(self, line, seconds=60):
        """An AT command over MQTT; the answer as text, the pieces of a long one together. Raises BoardError."""
        topic, since = self.topic("ATR"), len(self.listener.messages)
        self.listener.publish(self.topic("AT"), line, qos=1)

        def look():
            answer = b"".join(self.listener.of(topic, since))
            return answer if _ANSWER_END.search(answer) else None

        return self.board.until(look, seconds, "the answer to " + line.split("\n")[0]).decode()

    def close(self):
        while self._parts:
            self._parts.pop()()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
