"""Who the uplink meets in tests: a link that is there, a listener, and how they are played."""

import asyncio
import queue
import socket
import threading
import time

import paho.mqtt.client as mqtt

from firmware.delivery.mqtt.service import MqttService
from tools import patience

QUICK = {"connect_ms": 1500, "answer_ms": 700, "puback_ms": 700, "keepalive": 60}


class BoardSocket:
    """A socket with a board's manners: `setblocking(True)` wipes the timeout for good, and is remembered."""

    wiped = 0
    open = 0

    def __init__(self):
        self._socket = socket.socket()
        BoardSocket.open += 1

    def setblocking(self, flag):
        BoardSocket.wiped += bool(flag)
        self._socket.setblocking(flag)

    def settimeout(self, seconds):
        self._socket.settimeout(seconds)

    def setsockopt(self, *option):
        self._socket.setsockopt(*option)

    def connect(self, address):
        self._socket.connect(address)

    def recv_into(self, view):
        return self._socket.recv_into(view)

    def send(self, data):
        # lwIP takes what fits its send buffer, never more.
        return self._socket.send(memoryview(data)[:536])

    def close(self):
        BoardSocket.open -= 1
        self._socket.close()


class Link:
    """A network that is always there."""

    def __init__(self):
        self.suspected = 0

        class Sockets:
            SOCK_STREAM = socket.SOCK_STREAM
            getaddrinfo = staticmethod(socket.getaddrinfo)
            socket = BoardSocket

        self.socket = Sockets

    def is_up(self):
        return True

    async def up(self, deadline_ms):
        return True

    def suspect(self):
        self.suspected += 1


def service(umqtt, port, ring, **extra):
    settings = {"host": "127.0.0.1", "port": port, "client_id": "dévice", "qos": 1, "window": 8}
    settings.update(QUICK)
    settings.update(extra)
    made = MqttService(umqtt, settings, ring, Link(), lambda kind: "t/é", lambda: None)
    made._backoff = 20
    return made


def play(made, done, seconds=30):
    """Run the service until `done()`; a ticker beside it shows that the loop was never held up."""
    gaps = []

    async def main():
        task = asyncio.create_task(made.run())
        limit, last = patience.Limit(seconds), patience.own_seconds()
        while not done() and not task.done() and not limit.passed():
            await asyncio.sleep(0.01)
            gaps.append(patience.own_seconds() - last)
            last = patience.own_seconds()
            made._backoff = min(made._backoff, 50)
        if task.done():
            task.result()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())
    assert done(), made.status()
    # A blocking wait would last a deadline, 700 ms at least.
    assert max(gaps) < 0.6
    assert BoardSocket.wiped == 0
    assert BoardSocket.open == 0


class Listener:
    """Hears everything a broker passes on; `topic` is the one of the records."""

    def __init__(self, port, topic="t/é"):
        self.topic = topic
        self.inbox = queue.Queue()
        ready = threading.Event()
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, "listener", clean_session=False)
        self.client.on_connect = lambda c, *_: c.subscribe("#", 1)
        self.client.on_subscribe = lambda *_: ready.set()
        self.client.on_message = lambda _c, _u, m: self.inbox.put(m)
        self.client.reconnect_delay_set(1, 1)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert patience.until(ready.is_set, 10)

    def all(self):
        return [(m.topic, m.payload) for m in list(self.inbox.queue)]

    def payloads(self):
        return [payload for topic, payload in self.all() if topic == self.topic]

    def published(self):
        """How many records the broker took; what it sent again to this listener is left out."""
        return sum(m.topic == self.topic and not m.dup for m in list(self.inbox.queue))

    def wait(self, condition, seconds=40):
        deadline = patience.Limit(seconds)
        while not condition():
            assert not deadline.passed(), self.all()[-5:]
            time.sleep(0.02)
