"""Brokers for tests: a real one, and one that misbehaves on purpose."""

import os
import queue
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from tests.host.support import programs, tcp_servers
from tools import patience
from tools.twin.broker import EmbeddedBroker
from tools.twin.device import finish, spawn

# What a broker that misbehaves may do; see BadBroker.
MODES = (
    "silent",
    "stall",
    "half_packet",
    "half_close",
    "no_puback",
    "refuse",
    "stops_reading",
    "garbage",
)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def mosquitto_path():
    """Mosquitto, or None; where all has to be there (CI) a missing one is an error.

    LECTOR_EMBEDDED=1 runs the tests against the embedded broker though Mosquitto is there.
    """
    if os.environ.get("LECTOR_EMBEDDED"):
        return None
    found = programs.find("mosquitto")
    if not found and programs.all_there():
        raise AssertionError("Mosquitto is not installed; CI must not go on without it")
    return found


class Mosquitto:
    """A Mosquitto of its own; `stop()` and `start()` keep the port."""

    def __init__(self, port=None):
        self.port = port or free_port()
        self._folder = tempfile.TemporaryDirectory()
        self._config = Path(self._folder.name) / "mosquitto.conf"
        self._config.write_text(
            "listener %d 127.0.0.1\nallow_anonymous true\nuser root\n"
            # Who was subscribed before a restart still gets what comes before he is back.
            "persistence true\npersistence_location %s/\nmax_queued_messages 0\n" % (self.port, self._folder.name)
        )
        self._process = None
        self.start()

    def start(self):
        command = [programs.find("mosquitto"), "-c", str(self._config)]
        self._process = spawn(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = patience.Limit(15)
        while not deadline.passed():
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise AssertionError("Mosquitto does not listen on port %d" % self.port)

    @property
    def pid(self):
        return self._process.pid

    def stop(self):
        finish(self._process)


class Embedded:
    """amqtt with the same face.

    It keeps nothing over a restart, neither what it has confirmed nor who listens: `taken` is what it has confirmed.
    """

    def __init__(self, port=None):
        self.port = port or free_port()
        self.taken = []
        self.start()

    def start(self):
        self._broker = EmbeddedBroker(self.port, lambda *message: self.taken.append(message)).start()

    def stop(self):
        self._broker.stop()


def confirmed(broker, listener, topic):
    """What `broker` has confirmed on `topic`, over restarts: a real one gives it to `listener` in the end."""
    if isinstance(broker, Embedded):
        return [payload for name, payload in list(broker.taken) if name == topic]
    return [message.payload for message in list(listener.inbox.queue) if message.topic == topic]


def start_broker(port=None):
    return Mosquitto(port) if mosquitto_path() else Embedded(port)


def read_packet(peer):
    """One MQTT packet from a socket as (first byte, body); OSError at the end."""

    def take(count):
        data = b""
        while len(data) < count:
            piece = peer.recv(count - len(data))
            if not piece:
                raise OSError("closed")
            data += piece
        return data

    kind = take(1)[0]
    length = shift = 0
    while True:
        byte = take(1)[0]
        length |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return kind, take(length)


class BadBroker:
    """Accepts MQTT connections and then does what `mode` says; counts connections.

    silent: no CONNACK. stall: CONNACK, then nothing. half_packet: CONNACK and half of a PUBLISH. half_close: CONNACK,
    then its sending side is shut. no_puback: answers everything but PUBLISH. refuse: CONNACK with code 5.
    stops_reading: CONNACK, then reads nothing. garbage: CONNACK, then bytes that are no MQTT. forbids: each SUBSCRIBE
    is answered with failure, as Mosquitto does where its access list says so.
    """

    def __init__(self, mode):
        self.mode = mode
        self.connections = 0
        self._open = []
        self._server = tcp_servers.serve(self._talk, apart=True)
        self.port = self._server.getsockname()[1]

    def _talk(self, peer):
        self.connections += 1
        self._open.append(peer)
        try:
            read_packet(peer)
            if self.mode == "silent":
                time.sleep(3600)
            if self.mode == "refuse":
                peer.sendall(b"\x20\x02\x00\x05")
                return
            if self.mode == "stops_reading":
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            peer.sendall(b"\x20\x02\x00\x00")
            if self.mode == "half_packet":
                peer.sendall(b"\x30\x40\x00\x03a/b")
            elif self.mode == "half_close":
                peer.shutdown(socket.SHUT_WR)
            elif self.mode == "garbage":
                peer.sendall(b"\xff" * 64)
            if self.mode in ("no_puback", "forbids"):
                self._answer_all_but_publish(peer)
            time.sleep(3600)
        except OSError:
            return

    def _answer_all_but_publish(self, peer):
        while True:
            kind, body = read_packet(peer)
            if kind == 0xC0:
                peer.sendall(b"\xd0\x00")
            elif kind & 0xF0 == 0x80:
                peer.sendall(b"\x90\x03" + body[:2] + (b"\x80" if self.mode == "forbids" else b"\x01"))

    def close(self):
        self._server.close()
        for peer in self._open:
            peer.close()


class AckingBroker:
    """A broker in a few lines that does its duty in its own way; `records` has (packet id, payload) as they came.

    `group`: PUBACKs are held back until so many are due, then sent last first. `drop_after`: each connection is cut
    after so many PUBLISH. `pace`: bytes read from the socket each 10 ms. `flood`: QoS 1 messages sent after CONNACK.
    """

    def __init__(self, group=1, drop_after=0, pace=0, flood=0):
        self.group, self.drop_after, self.pace, self.flood = group, drop_after, pace, flood
        self.records = []
        self.pubacks = 0
        self.connections = 0
        self._server = tcp_servers.serve(self._talk, apart=True)
        if pace:
            self._server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.port = self._server.getsockname()[1]

    def _talk(self, peer):
        self.connections += 1
        try:
            with peer:
                self._converse(_Paced(peer, self.pace) if self.pace else peer, peer)
        except OSError:
            return

    def _converse(self, source, peer):
        due = []
        published = 0
        while True:
            kind, body = read_packet(source)
            if kind == 0x10:
                peer.sendall(b"\x20\x02\x00\x00")
                for number in range(1, self.flood + 1):
                    peer.sendall(b"\x32\x09\x00\x03a/b" + number.to_bytes(2, "big") + b"hi")
            elif kind == 0xC0:
                peer.sendall(b"\xd0\x00")
            elif kind == 0x40:
                self.pubacks += 1
            elif kind & 0xF0 == 0x80:
                peer.sendall(b"\x90\x03" + body[:2] + b"\x01")
            elif kind & 0xF0 == 0x30:
                at = 2 + int.from_bytes(body[:2], "big")
                self.records.append((int.from_bytes(body[at : at + 2], "big"), body[at + 2 :]))
                due.append(body[at : at + 2])
                published += 1
                if published == self.drop_after:
                    return
                if len(due) >= self.group:
                    peer.sendall(b"".join(b"\x40\x02" + pid for pid in reversed(due)))
                    due.clear()

    def close(self):
        self._server.close()


class OddBroker:
    """A broker with the manners of some in the field, each by its name; `published` has (topic, payload) as they came.

    `retained`: {topic: payload} given to whoever subscribes. `hang_up`: topics whose SUBSCRIBE ends the connection
    (RabbitMQ where the right is missing); `forbidden`: those whose PUBLISH does (RabbitMQ, AWS IoT). `flood`: [(topic,
    payload)] sent at once behind the SUBACK of that topic; `early`: before it. `twice`: each of its messages comes
    again with DUP. `late`: PUBACKs are held back until so many are due, then sent last first. `drip`: everything
    leaves one byte at a time. `acked` are the packet ids of its messages that were confirmed.
    """

    def __init__(
        self, retained=(), hang_up=(), flood=(), early=False, twice=False, late=1, drip=False, forbidden=(), port=0
    ):
        self.retained, self.hang_up, self.flood = dict(retained), tuple(hang_up), list(flood)
        self.forbidden = tuple(forbidden)
        self.early, self.twice, self.late, self.drip = early, twice, late, drip
        self.published, self.subscribed, self.acked = [], [], []
        self.connections = 0
        self._number = 0
        self._server = tcp_servers.serve(self._talk, apart=True, port=port)
        self.port = self._server.getsockname()[1]

    def _talk(self, peer):
        self.connections += 1
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            with peer:
                self._converse(peer)
        except OSError:
            return

    def _send(self, peer, data):
        for at in range(0, len(data), 1 if self.drip else len(data)):
            peer.sendall(data[at : at + (1 if self.drip else len(data))])
            if self.drip:
                time.sleep(0.0001)

    def _message(self, peer, topic, payload, retain=0):
        name = topic.encode()
        for dup in (0, 8) if self.twice else (0,):
            if not dup:
                self._number += 1
            body = len(name).to_bytes(2, "big") + name + self._number.to_bytes(2, "big") + payload
            length, left = b"", len(body)
            while True:
                left, byte = left >> 7, left & 0x7F
                length += bytes((byte | (0x80 if left else 0),))
                if not left:
                    break
            self._send(peer, bytes((0x32 | dup | retain,)) + length + body)

    def _converse(self, peer):
        due = []
        while True:
            kind, body = read_packet(peer)
            if kind == 0x10:
                self._send(peer, b"\x20\x02\x00\x00")
            elif kind == 0xC0:
                self._send(peer, b"\xd0\x00")
            elif kind == 0xE0:
                return
            elif kind == 0x40:
                self.acked.append(int.from_bytes(body[:2], "big"))
            elif kind & 0xF0 == 0x80:
                topic = body[4 : 4 + int.from_bytes(body[2:4], "big")].decode()
                if topic in self.hang_up:
                    return
                self._subscribe(peer, topic, b"\x90\x03" + body[:2] + b"\x01")
            elif kind & 0xF0 == 0x30:
                self._published(peer, kind, body, due)

    def _subscribe(self, peer, topic, answer):
        self.subscribed.append(topic)
        if not self.early:
            self._send(peer, answer)
        if topic in self.retained:
            self._message(peer, topic, self.retained[topic], 1)
        for name, payload in [each for each in self.flood if each[0] == topic]:
            self._message(peer, name, payload)
        if self.early:
            self._send(peer, answer)

    def _published(self, peer, kind, body, due):
        at = 2 + int.from_bytes(body[:2], "big")
        if body[2:at].decode() in self.forbidden:
            raise OSError("hung up")
        quality = kind >> 1 & 3
        self.published.append((body[2:at].decode(), body[at + (2 if quality else 0) :]))
        if quality:
            due.append(body[at : at + 2])
        if len(due) >= self.late:
            self._send(peer, b"".join(b"\x40\x02" + pid for pid in reversed(due)))
            due.clear()

    def payloads(self, topic):
        return [payload for name, payload in list(self.published) if name == topic]

    def close(self):
        self._server.close()


class _Paced:
    """The reading side of a socket, `pace` bytes each 10 ms."""

    def __init__(self, peer, pace):
        self._peer, self._pace = peer, pace

    def recv(self, count):
        if count > 16:
            time.sleep(0.01)
        return self._peer.recv(min(count, self._pace))


class Proxy:
    """A TCP line to `port` on this machine that adds `delay` seconds each way; `cut()` ends every connection.

    `shakes`: a connection takes the time of its handshake, too, before what is sent first goes on its way.
    """

    def __init__(self, port, delay=0.0, shakes=False):
        self._target, self._delay = port, delay
        self._shakes = shakes
        self._ends = []
        self._server = tcp_servers.serve(self._join)
        self.port = self._server.getsockname()[1]

    def _join(self, near):
        try:
            far = socket.create_connection(("127.0.0.1", self._target), 5)
        except OSError:
            near.close()
            return
        for end in (near, far):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._ends += [near, far]
        for source, sink in ((near, far), (far, near)):
            waiting = queue.Queue()
            first = time.monotonic() + 3 * self._delay if self._shakes and source is near else 0
            threading.Thread(target=self._read, args=(source, waiting, first), daemon=True).start()
            threading.Thread(target=self._write, args=(sink, waiting), daemon=True).start()

    def _read(self, source, waiting, first):
        data = b"?"
        while data:
            try:
                data = source.recv(65536)
            except OSError:
                data = b""
            waiting.put((max(time.monotonic() + self._delay, first), data))

    def _write(self, sink, waiting):
        try:
            while True:
                due, data = waiting.get()
                time.sleep(max(0, due - time.monotonic()))
                if not data:
                    sink.shutdown(socket.SHUT_WR)
                    return
                sink.sendall(data)
        except OSError:
            return

    def cut(self):
        ends, self._ends = self._ends, []
        tcp_servers.end(*ends)

    def close(self):
        self._server.close()
        self.cut()
