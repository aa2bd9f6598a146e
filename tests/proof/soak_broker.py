"""A broker in memory for the soak, as much of MQTT 3.1.1 as the firmware speaks; it may be away."""

import socket
import struct

_CONNECT, _PUBLISH, _SUBSCRIBE, _PINGREQ, _DISCONNECT = 1, 3, 8, 12, 14
# Commands that wait for the device.
_MOST = 20


class Broker:
    """`up` False hangs up and refuses; `records`: hashes of the payloads that came; `say()` publishes a command."""

    def __init__(self):
        self._up = True
        self._session = None
        self._waiting = []
        self._number = 0
        self.records, self.connections, self.answers = set(), 0, 0

    @property
    def up(self):
        return self._up

    @up.setter
    def up(self, up):
        self._up = up
        if not up and self._session:
            self._session.gone = True
            self._session = None

    def say(self, topic, text):
        body = text.encode()
        self._number = self._number % 65535 + 1
        self._waiting.append(_publish(topic.encode(), body, self._number))
        del self._waiting[:-_MOST]
        self._hand_out()

    def _hand_out(self):
        if self._session and self._session.listens:
            self._session.out += b"".join(self._waiting)
            self._waiting.clear()

    def take(self, session, packet, body):
        """A whole packet of the device's."""
        kind = packet >> 4
        if kind == _CONNECT:
            self._session = session
            self.connections += 1
            session.out += b"\x20\x02\0\0"
        elif kind == _SUBSCRIBE:
            session.out += b"\x90\x03" + body[:2] + b"\x01"
            session.listens = True
            self._hand_out()
        elif kind == _PUBLISH:
            length = struct.unpack(">H", body[:2])[0]
            topic, at = body[2 : 2 + length], 2 + length
            if packet & 6:
                session.out += b"\x40\x02" + body[at : at + 2]
                at += 2
            if topic == b"atr":
                self.answers += 1
            else:
                self.records.add(hash(bytes(body[at:])))
        elif kind == _PINGREQ:
            session.out += b"\xd0\0"
        elif kind == _DISCONNECT:
            session.gone = True


def _publish(topic, payload, number):
    body = struct.pack(">H", len(topic)) + topic + struct.pack(">H", number) + payload
    length, head = len(body), bytearray([0x32])
    while length > 127:
        head.append(length & 127 | 128)
        length >>= 7
    return bytes(head) + bytes([length]) + body


class Session:
    """The device's socket; the other end is the broker."""

    def __init__(self, broker):
        self._broker = broker
        self._come = bytearray()
        self.out = bytearray()
        self.gone = self.listens = False

    def setblocking(self, flag):
        assert not flag

    def setsockopt(self, *_):
        pass

    def connect(self, address):
        if not self._broker.up:
            raise ConnectionRefusedError(111, "refused")

    def send(self, data):
        if self.gone:
            raise ConnectionResetError(104, "reset")
        self._come += data
        while len(self._come) > 1:
            length = shift = 0
            at = 1
            while at < len(self._come):
                length |= (self._come[at] & 127) << shift
                shift += 7
                at += 1
                if not self._come[at - 1] & 128:
                    break
            else:
                break
            if len(self._come) < at + length:
                break
            packet, body = self._come[0], bytes(self._come[at : at + length])
            del self._come[: at + length]
            self._broker.take(self, packet, body)
        return len(data)

    def recv_into(self, view):
        if not self.out:
            if self.gone:
                return 0
            raise BlockingIOError(11, "nothing")
        count = min(len(view), len(self.out))
        view[:count] = self.out[:count]
        del self.out[:count]
        return count

    def close(self):
        self.gone = True


class Link:
    """A network that is always there; its socket module leads to the broker."""

    SOCK_STREAM = socket.SOCK_STREAM

    def __init__(self, broker):
        sockets = type("Sockets", (), {})()
        sockets.SOCK_STREAM = socket.SOCK_STREAM
        sockets.getaddrinfo = lambda host, port, *_: [(0, 0, 0, "", (host, port))]
        sockets.socket = lambda: Session(broker)
        self.socket = sockets

    async def up(self, deadline_ms):
        return True

    def is_up(self):
        return True

    def suspect(self):
        pass

    def trouble(self):
        pass

    def status(self):
        return {"uplink": "host", "up": True}
