"""What a broker sends: a connection from its login on, until it ends in an error of the broker's."""

import asyncio
import socket
import struct
import tempfile
from pathlib import Path

from firmware.core import log
from firmware.delivery.mqtt.service import MqttService
from tests.host.support import umqtt_versions
from tests.host.support.fake_log import FakeRing
from tests.host.support.virtual_time import VirtualLoop
from tests.proof.fuzz.mutator import Mutator

COUNT, SAMPLE, HEAP = 100_000, 300, 200_000
_TOPICS = ("a/AT", "b/AT")
_RECORDS = [b'{"n":%d}' % number + b"x" * (number % 3 * 400) for number in range(12)]
# Calls of the socket for one connection; virtual seconds until it has ended; bytes of what is kept of a message.
_CALLS, _LONGEST_S, _MESSAGE = 8000, 60, 4096


def packet(first, body=b""):
    """One packet with a right length."""
    length, head = len(body), bytearray([first])
    while length > 127:
        head.append(length & 127 | 128)
        length >>= 7
    return bytes(head) + bytes([length]) + body


def publish(topic, payload, flags=0, number=0):
    body = struct.pack(">H", len(topic)) + topic + (struct.pack(">H", number) if flags & 6 else b"") + payload
    return packet(0x30 | flags, body)


def seeds():
    """Bodies with their first bytes, of each packet that comes from a broker."""
    command = b"AT^MTXTUNNEL=GETSTATUS"
    return [
        packet(0x20, b"\0\0"), packet(0x20, b"\1\0"), packet(0x20, b"\0\5"), packet(0x90, b"\0\1\1"),
        packet(0x90, b"\0\2\x80"), packet(0xD0), packet(0xB0, b"\0\1"), packet(0xE0), packet(0x62, b"\0\1"),
        packet(0x90, b"\0\1\0\1\2"), *(packet(0x40, struct.pack(">H", number)) for number in range(1, 16)),
        publish(b"a/AT", command), publish(b"a/AT", command, 2, 7), publish(b"b/AT", command * 70, 2, 8),
        publish(b"a/AT", command, 3, 9), publish(b"a/AT", command, 4, 9), publish(b"other", b"x"),
        publish(b"a/AT", b"x" * 5000, 2, 10), publish(b"a/AT", b""), publish(b"", b"x"),
        publish(b"a/AT", command, 10, 7),
    ]  # fmt: skip


class _Socket:
    """A broker that says `pieces` one after the other, then hangs up or falls silent."""

    def __init__(self, given):
        self.pieces, self._silent = list(given[0]), given[1]
        self.calls = self.out = 0

    def _call(self):
        self.calls += 1
        assert self.calls < _CALLS

    def setblocking(self, flag):
        assert not flag

    def setsockopt(self, *_):
        pass

    def connect(self, address):
        pass

    def send(self, data):
        self._call()
        if self.calls % 5 == 4:
            raise BlockingIOError(11, "full")
        self.out += min(len(data), 200)
        return min(len(data), 200)

    def recv_into(self, view):
        self._call()
        if not self.pieces:
            if self._silent:
                raise BlockingIOError(11, "nothing")
            return 0
        if self.calls % 3 == 2:
            raise BlockingIOError(11, "not yet")
        piece = self.pieces.pop(0)
        count = min(len(piece), len(view))
        view[:count] = piece[:count]
        if count < len(piece):
            self.pieces.insert(0, piece[count:])
        return count

    def close(self):
        pass


class _Sockets:
    """The link's socket module: one socket."""

    SOCK_STREAM = socket.SOCK_STREAM

    def __init__(self, wire):
        self.socket = lambda: wire

    def getaddrinfo(self, *_):
        return [(0, 0, 0, "", ("h", 1))]


class Target:
    """An input is (pieces, whether the broker falls silent then, QoS)."""

    def __init__(self, generator):
        self._mutator = Mutator(generator, seeds(), (b"\xff\xff\xff\x7f", b"\x40\x02", b"\0", b"\x80" * 4), 6000)
        self._loop = VirtualLoop(1795000000)
        self._sink, log.sink = log.sink, lambda text: None
        self._umqtt = []
        for version in umqtt_versions.VERSIONS:
            with tempfile.TemporaryDirectory() as folder:
                self._umqtt.append(umqtt_versions.module(version, Path(folder)))

    def close(self):
        log.sink = self._sink
        self._loop.close()

    def make(self):
        mutator = self._mutator
        pieces = [b"\x20\x02\0\0", b"\x90\x03\0\1\1", b"\x90\x03\0\2\1"]
        pieces += [mutator.one_of(mutator.seeds) for _ in range(mutator.below(16))]
        for _ in range(1 + mutator.below(4)):
            at = mutator.below(len(pieces)) if mutator.below(6) == 0 else len(pieces) - 1
            kind = mutator.below(3)
            if kind == 0:
                # Its length is right all the same.
                whole = pieces[at]
                pieces[at] = packet((whole or b"\0")[0], mutator.make(whole[2:]))
            else:
                pieces[at] = mutator.make(pieces[at], long=kind == 1)
            pieces.append(mutator.one_of(mutator.seeds))
        if mutator.below(2):
            whole = b"".join(pieces)
            size = mutator.one_of((1, 7, 300, 3000)) if len(whole) < 1000 else 700
            pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
        return [piece for piece in pieces if piece], mutator.below(12) == 0, mutator.below(2)

    def run(self, given):
        self._loop._limit_us = self._loop._us + _LONGEST_S * 1_000_000
        wire, ring = _Socket(given), FakeRing(_RECORDS)
        settings = {
            "host": "h", "port": 1, "client_id": "c", "qos": given[2], "window": 8, "keepalive": 4, "connect_ms": 1500,
            "answer_ms": 700, "puback_ms": 700, "subscribe": _TOPICS, "online_topic": "o", "online": "1",
            "offline": "0",
        }  # fmt: skip
        module = self._mutator.one_of(self._umqtt)
        made = MqttService(module, settings, ring, _Carrier(wire), lambda kind: "t", lambda: None)
        made._pause = _no_pause
        self._loop.run_until_complete(_served(made))
        assert made.why and made.session.stream.socket is None
        assert sorted(set(ring.acked)) == sorted(ring.acked) and set(ring.acked) <= set(ring.records)
        assert not ring.flying - set(ring.acked)
        assert wire.out < 40_000
        return "error %d" % made.why[0]


class _Carrier:
    """A network that is always there."""

    def __init__(self, wire):
        self.socket = _Sockets(wire)

    def is_up(self):
        return True

    def suspect(self):
        pass


async def _served(made):
    """One connection, with somebody who takes the commands that come."""
    attempt = asyncio.ensure_future(made._attempt())
    while not attempt.done():
        assert len(made.messages) <= 8
        message = made.next_message()
        if message:
            assert message[0].decode() in _TOPICS and len(message[1]) <= _MESSAGE
        await asyncio.wait((attempt,), timeout=0.2)
    await attempt


async def _no_pause(ms):
    """The next attempt is nobody's business here."""
