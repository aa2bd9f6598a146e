"""A line over the air in virtual time: the stand-in for lwIP, PPP, the network of the simulated modem, a broker.

Real packets with real headers; each PPP frame is counted as it goes over the line, both ways, by what it is for. The
other end confirms each segment by itself, as Linux does to one who is silent for long: nothing is saved there.
"""

import collections
import ssl
import types
from unittest import mock

from tools.lwip.stack import Stack
from tools.modem import hdlc, tcp
from tools.modem.peer import IP, Peer

_LATENCY_S = 0.1
_STEP_S = 0.05
_TCP, _DNS, _NTP = 6, 53, 123
_PINGS = (b"\xc0\0", b"\xd0\0")
UP, DOWN = 0, 1


class _Ear:
    """The server's socket, as tools/modem/tcp.py uses one; with TLS where `seal` makes an end of it (_air_tls.py)."""

    def __init__(self, session, seal, said):
        self.session = session
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
    """`now()` in seconds, `wait(seconds)` makes them pass: what a board waits for in C. `server()` makes the other end
    of a connection (as soak_broker.Session), `share(way, come)` takes a whole message out of the bytes that have come
    that way and gives {what for: bytes}, {}: there is none.

    `bytes`: what for -> bytes of frames; `ip` those of the packets alone; `segments` of TCP that had data.
    """

    def __init__(self, now, wait, server, share, seal=None):
        self.now, self.wait = now, wait
        self.seals = bool(seal)
        self.bytes = collections.Counter()
        self.ip = self.segments = self.pings = 0
        self.moved_at = now()
        self._ear = lambda: _Ear(server(), seal, self.said)
        self._shares = share
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
        """A context in which the network's connections lead to the server."""
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
        found = self._shares(way, come)
        while found:
            self.bytes.update(found)
            found = self._shares(way, come)
