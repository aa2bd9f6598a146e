"""What simulated devices send: each over a connection of its own, at most eight messages on the way.

What is not confirmed when a connection ends is sent again as a new message, as the firmware does.
"""

import random
import selectors
import time
from collections import OrderedDict
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt

from tools import patience

WINDOW = 8


class Sender:
    """The sending of one device: `source` gives (UTC, topic, payload); `confirmed`: how many the broker has."""

    def __init__(self, device, url, source):
        self.device = device
        self.confirmed = self.repeats = 0
        self.done = False
        self._url = urlsplit(url)
        self._source = iter(source)
        self._again = []  # sent before the last connection ended, not confirmed
        self._flying = OrderedDict()
        self._ended = False
        self.client = None
        self.up = False
        self.due = 0.0

    def open(self):
        """A new connection; OSError."""
        made = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, self.device.imei)
        topic = self.device.topic.replace("LOGGER", "ONLINE")
        made.will_set(topic, self.device.online("offline"), 1, True)
        made.on_connect = self._connected
        made.on_publish = self._published
        made.on_disconnect = self._gone
        made.max_inflight_messages_set(WINDOW + 1)
        self.client = made
        made.connect(self._url.hostname, self._url.port or 1883, 60)

    def _connected(self, client, _data, _flags, reason, _properties):
        if not reason.is_failure:
            self.up = True
            client.publish(self.device.topic.replace("LOGGER", "ONLINE"), self.device.online(), 1, True)

    def _published(self, _client, _data, mid, _reason, _properties):
        if self._flying.pop(mid, None):
            self.confirmed += 1

    def _gone(self, *_):
        self.lost()

    def lost(self):
        """The connection has ended: what flew is sent again."""
        if self.client is None:
            return
        self.repeats += len(self._flying)
        self._again = list(self._flying.values()) + self._again
        self._flying.clear()
        self.client, self.up = None, False
        self.due = time.monotonic() + random.uniform(0.2, 1.5)

    def feed(self):
        """Send what may be on the way."""
        while self.up and len(self._flying) < WINDOW and not self._ended:
            item = self._again.pop(0) if self._again else next(self._source, None)
            if item is None:
                self._ended = True
                break
            client = self.client
            sent = client.publish(item[1], item[2], 1)
            if self.client is client:
                self._flying[sent.mid] = item
            else:  # the connection ended under it
                self._again.append(item)
        if self._again:
            self._ended = False
        self.done = self._ended and not self._flying and not self._again


class Senders:
    """Many of them in one thread: `run()` until all have been confirmed, or `stop` says so."""

    def __init__(self, senders):
        self.senders = senders

    @property
    def confirmed(self):
        return sum(each.confirmed for each in self.senders)

    @property
    def repeats(self):
        return sum(each.repeats for each in self.senders)

    def run(self, seconds=3600, each_turn=lambda: None):
        """TimeoutError when it takes longer. `each_turn()` is called now and then."""
        limit = patience.Limit(seconds)
        left = list(self.senders)
        misc = 0.0
        while left:
            if limit.passed():
                raise TimeoutError("%d devices have not delivered in %d s" % (len(left), seconds))
            each_turn()
            now = time.monotonic()
            self._turn(left, now)
            if now - misc > 1:
                misc = now
                for each in left:
                    if each.client and each.client.loop_misc() != mqtt.MQTT_ERR_SUCCESS:
                        each.lost()
            for each in [each for each in left if each.done]:
                left.remove(each)
                if each.client:
                    # A goodbye that is none: the online topic keeps what it has.
                    each.client.on_disconnect = None
                    each.client.disconnect()
                    each.client = None

    def _turn(self, left, now):
        with selectors.DefaultSelector() as selector:
            for each in left:
                if each.client is None and now >= each.due:
                    try:
                        each.open()
                    except OSError:
                        each.lost()
                each.feed()
                sock = each.client and each.client.socket()
                if sock:
                    wants = selectors.EVENT_READ | (selectors.EVENT_WRITE * bool(each.client.want_write()))
                    selector.register(sock, wants, each)
                elif each.client:
                    each.lost()
            for key, events in selector.select(0.05):
                each = key.data
                client = each.client
                if (client and events & selectors.EVENT_READ and client.loop_read(64) != mqtt.MQTT_ERR_SUCCESS) or (
                    client and events & selectors.EVENT_WRITE and client.loop_write() != mqtt.MQTT_ERR_SUCCESS
                ):
                    each.lost()
