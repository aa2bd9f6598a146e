"""A line over the air in virtual time: the stand-in for lwIP, PPP, the network of the simulated modem, a broker.

Real packets with real headers; each PPP frame is counted as it goes over the line, both ways, by what it is for. The
other end confirms each segment by itself, as Linux does to one who is silent for long: nothing is saved there.
"""

import collections
import errno
import ssl
import types
from unittest import mock

from tests.proof import soak_broker
from tools.lwip.stack import Stack
from tools.modem import hdlc, tcp
from tools.modem.peer import IP, Peer

_LATENCY_S = 0.1
_STEP_S = 0.05
_TCP, _DNS, _NTP = 6, 53, 123
_PINGS = (b"\xc0\0", b"\xd0\0")
_PUBLISH = 3
UP, DOWN = 0, 1


class _Ear:
    """The broker's socket, as tools/modem/tcp.py uses one; with TLS where `seal` makes an end of it (_air_tls.py)."""

    def __init__(self, broker, seal, said):
        self.session = soak_broker.Session(broker)
        self._seal, self._said = seal and seal(), said

    def setblocking(self, flag):
        """It never waits."""

    def connect(self, address):
        self.session.connect(address)

    def getsockopt(self, *_):
        return 0

    def send(self, data):
        if not self._seal:
            return self.session.send(bytes(data))
        self._seal.come.write(bytes(data))
        try:
            while True:
                self.session.send(self._seal.tls.read(4096))
        except ssl.SSLWantReadError:
            return len(data)

    def waits(self):
        return self.session.out or self.session.gone or (self._seal and self._seal.go.pending)

    def recv(self, count):
        found = bytearray(count)
        if not self._seal:
            return bytes(found[: self.session.recv_into(found)])
        if self.session.out:
            plain = bytes(found[: self.session.recv_into(found)])
            self._said(DOWN, plain)
            self._seal.tls.write(plain)
        return self._seal.go.read(count)

    def shutdown(self, _):
        self.session.gone = True

    def close(self):
        self.session.close()


class Air:
    """`now()` in seconds, `wait(seconds)` makes them pass: what a board waits for in C.

    `bytes`: what for -> bytes of frames; `ip` those of the packets alone; `segments` of TCP that had data.
    """

    def __init__(self, now, wait, broker, seal=None):
        self.now, self.wait = now, wait
        self.seals = bool(seal)
        self.bytes = collections.Counter()
        self.ip = self.segments = self.pings = 0
        self.moved_at = now()
        self._ear = lambda: _Ear(broker, seal, self.said)
        self._way = collections.deque()  # (when it is there, who gets it, frame)
        self._ping = False
        self._come = bytearray(), bytearray()
        self._last = [b"", b""]
        self._seen = set()
        self.stack = Stack(self._up, now)
        self.peer = Peer(self._down, {}, now, lambda *_: None)
        self.stack.ppp.create()
        self.stack.ppp.connect(0, "", "")
        self.until(lambda: self.peer.state_name() == "up" and self.stack._up)

    def reached(self):
        """A context in which the network's connections lead to the broker."""
        ears = types.SimpleNamespace(socket=self._ear, SOL_SOCKET=1, SO_ERROR=4, SHUT_WR=1)
        return mock.patch.object(tcp, "socket", ears)

    def until(self, done):
        """Somebody waits in C."""
        while not done():
            self.wait(_STEP_S)
            self.run()

    def _up(self, frame):
        self._go(UP, self.peer.receive, frame)
        return True

    def _down(self, frame):
        self._go(DOWN, self.stack.ppp.input, frame)

    def _go(self, way, who, frame):
        self.moved_at = self.now()
        self._count(way, frame)
        self._way.append((self.now() + _LATENCY_S, who, frame))

    def run(self):
        """Deliver what is due."""
        while self._way and self._way[0][0] <= self.now():
            _, who, frame = self._way.popleft()
            who(frame)
            self._serve()
        self.stack.ppp.timers()
        self.stack.tick()
        self.peer.tick()
        self._serve()

    def _serve(self):
        for flow in list(self.peer.network.flows.values()):
            if flow.wants_write():
                flow.writable()
            if flow.connected and flow.wants_read() and flow.socket.waits():
                flow.readable()

    def quiet(self):
        """Whether nothing has moved for a while."""
        return not self._way and self.now() - self.moved_at > 2

    # --- what it is for

    def _count(self, way, frame):
        ((protocol, packet),) = hdlc.Decoder().feed(frame)
        if protocol != IP:
            self.bytes["PPP"] += len(frame)
            return
        self.ip += len(packet)
        head = (packet[0] & 15) * 4
        ports = {int.from_bytes(packet[head + at : head + at + 2], "big") for at in (0, 2)}
        if packet[9] != _TCP:
            self.bytes["DNS" if _DNS in ports else "NTP" if _NTP in ports else "other"] += len(frame)
            return
        data = packet[head + (packet[head + 12] >> 4) * 4 :]
        place = way, packet[head : head + 8]  # ports and sequence number
        if not data or place in self._seen:
            self.bytes["pings" if self._ping else "TCP/IP"] += len(frame)
            return
        self._seen.add(place)
        self.segments += 1
        self._ping = (self._last[way] if self.seals else data) in _PINGS
        if self._ping:
            self.bytes["pings"] += len(frame)
            self.pings += way == UP
            return
        self.bytes["TCP/IP"] += len(frame) - len(data)
        if self.seals:
            self.bytes["TLS"] += len(data)
        else:
            self._share(way, data)

    def said(self, way, data):
        """What goes out under TLS next, before it is sealed."""
        self._last[way] = data
        if data not in _PINGS:
            self.bytes["TLS"] -= len(data)
            self._share(way, data)

    def _share(self, way, data):
        come = self._come[way]
        come += data
        while self._packet(come):
            pass

    def _packet(self, come):
        """Share a whole packet out into payload and MQTT; False: there is none."""
        length = shift = 0
        at = 1
        while at < len(come):
            length |= (come[at] & 127) << shift
            shift += 7
            at += 1
            if not come[at - 1] & 128:
                break
        else:
            return False
        if len(come) < at + length:
            return False
        payload = 0
        if come[0] >> 4 == _PUBLISH:
            topic = int.from_bytes(come[at : at + 2], "big")
            payload = length - 2 - topic - (2 if come[0] & 6 else 0)
        self.bytes["payload"] += payload
        self.bytes["MQTT"] += at + length - payload
        del come[: at + length]
        return True


class Sockets:
    """The module socket of a board on this Air. `blocks`: as a socket does without setblocking()."""

    AF_INET, SOCK_STREAM, SOCK_DGRAM, IPPROTO_TCP, TCP_NODELAY = 2, 1, 2, 6, 1

    def __init__(self, air, blocks=False):
        self.air, self.blocks = air, blocks

    def getaddrinfo(self, host, port, *_):
        found = []
        self.air.until(lambda: found.append(self.air.stack.lookup(host)) or found[-1] is not None)
        if not isinstance(found[-1], bytes):
            raise OSError(found[-1])
        return [(2, 1, 0, "", (found[-1], port))]

    def socket(self, family=2, kind=1, *_):
        return _Socket(self.air, kind == self.SOCK_STREAM, self.blocks)


class _Socket:
    def __init__(self, air, stream, blocks):
        self._air, self._stack, self._stream, self._blocks = air, air.stack, stream, blocks
        self._pcb = self._stack.tcp() if stream else self._stack.udp()

    def setblocking(self, flag):
        self._blocks = flag

    def settimeout(self, seconds):
        """It has time."""

    def setsockopt(self, *option):
        self._pcb.no_delay = True

    def connect(self, address):
        self._peer = address
        if not self._stream:
            return
        code = self._stack.connect(self._pcb, address)
        if not code and self._blocks:
            self._air.until(lambda: self._stack.connected(self._pcb))
        if code or self._stack.connected(self._pcb) != 1:
            raise OSError(-code or errno.EINPROGRESS)

    def send(self, data):
        if not self._stream:
            return self._checked(self._stack.sendto(self._pcb, bytes(data), self._peer))
        return self._checked(self._stack.send(self._pcb, bytes(data)))

    def recv(self, count):
        if self._stream:
            return self._checked(self._stack.recv(self._pcb, count))
        if not self._pcb.inbox:
            raise OSError(errno.EAGAIN)
        return self._pcb.inbox.pop(0)[0][:count]

    def _checked(self, found):
        if isinstance(found, int) and found < 0:
            raise OSError(-found)
        return found

    def recv_into(self, view):
        found = self.recv(len(view))
        view[: len(found)] = found
        return len(found)

    def close(self):
        if self._pcb:
            self._stack.close(self._pcb)
        self._pcb = None

    # as umqtt.simple has it

    def write(self, data, length=None):
        data = bytes(data)[:length]
        while data:
            try:
                data = data[self.send(data) :]
            except OSError:
                self._air.until(lambda: self._stack.events(self._pcb, 4))

    def read(self, count):
        found = b""
        while len(found) < count:
            try:
                found += self.recv(count - len(found))
            except OSError:
                if not self._blocks:
                    return found or None
                self._air.until(lambda: self._stack.events(self._pcb, 1))
        return found
