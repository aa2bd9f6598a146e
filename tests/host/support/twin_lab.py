"""A laboratory for end-to-end tests: the real firmware, a simulated meter on a pty and a real broker.

`Lab` starts and stops each part on its own, and keeps every record that reached the broker.
"""

import json
import queue

import paho.mqtt.client as mqtt

from tests.host.support import brokers
from tools import patience
from tools.twin.device import MeterProcess, Twin

IDENT = "860000000000001"
LOGGER = "lector102/%s/LOGGER" % IDENT


def meter_settings(index=0, **values):
    """Settings of one meter as an installer would type them; link address and password count from 1."""
    row = {
        "enabled": True,
        "id": "ID%05d" % index,
        "link": index + 1,
        "password": index + 1,
        "interval": 2,
    }
    row.update(values)
    return {"meter.%d.%s" % (index, name): value for name, value in row.items()}


class Lab:
    """Meter, broker, firmware; all parts end with `close()`."""

    def __init__(self, folder, *, meter=(), settings=None, meters=1, interval=2, broker=True, **twin):
        self.folder = folder
        self.broker = brokers.start_broker() if broker else None
        self.port = self.broker.port if broker else brokers.free_port()
        self.meter = MeterProcess("--pty", "--meters", meters, "--password", 1, *meter)
        values = {
            "mqtt.enabled": True,
            "mqtt.broker": "tcp://127.0.0.1:%d" % self.port,
            "mqtt.at_topic": "lector102/[IMEI]/AT",
            "mqtt.atr_topic": "lector102/[IMEI]/ATR",
            "logger.enabled": True,
        }
        for index in range(meters):
            values.update(meter_settings(index, interval=interval))
        values.update(settings or {})
        self.twin = Twin(folder, [self.meter.path], values, ident=IDENT, **twin)
        self.inbox = queue.Queue()
        self.records = []
        self.client = None
        if broker:
            self.listen()

    def listen(self):
        """Subscribe to everything; returns once the broker has confirmed it."""
        ready = queue.Queue()
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, "lab", clean_session=False)
        self.client.on_connect = lambda c, *_: c.subscribe("#", 1)
        self.client.on_subscribe = lambda *_: ready.put(True)
        self.client.on_message = lambda _c, _u, m: self.inbox.put((m.topic, m.payload))
        self.client.reconnect_delay_set(1, 1)
        self.client.connect("127.0.0.1", self.port, keepalive=20)
        self.client.loop_start()
        patience.get(ready, 15)

    def start_broker(self):
        """Start the broker that was left out or stopped, on the same port, and listen to it."""
        if self.broker:
            self.broker.start()
        else:
            self.broker = brokers.start_broker(self.port)
        if not self.client:
            self.listen()

    def next(self, seconds=30, topic=None):
        """The next (topic, payload) from the broker, of `topic` if given; fails with the firmware's words."""
        deadline = patience.Limit(seconds)
        while True:
            try:
                found = patience.get(self.inbox, deadline.left())
            except queue.Empty:
                tail = "\n".join(self.twin.lines[-25:])
                raise AssertionError("nothing from the broker in %d s:\n%s" % (seconds, tail)) from None
            if topic is None or found[0] == topic:
                return found

    def record(self, seconds=30):
        """The next delivered record as a dict."""
        record = json.loads(self.next(seconds, LOGGER)[1])
        self.records.append(record)
        return record

    def collect(self, seconds):
        """Every record that arrives within `seconds`."""
        deadline = patience.Limit(seconds)
        while not deadline.passed():
            try:
                topic, payload = patience.get(self.inbox, deadline.left())
            except queue.Empty:
                break
            if topic == LOGGER:
                self.records.append(json.loads(payload))
        return self.records

    def at(self, line, seconds=20):
        """Send an AT line over MQTT and return the answer as text."""
        self.client.publish("lector102/%s/AT" % IDENT, line, qos=1)
        return self.next(seconds, "lector102/%s/ATR" % IDENT)[1].decode()

    def close(self):
        self.twin.close()
        self.meter.stop()
        if self.client:
            self.client.loop_stop()
        if self.broker:
            self.broker.stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
