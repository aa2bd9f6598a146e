"""The simulator's PPP peer as a client sees it."""

import hashlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.modem import hdlc
from tools.modem.net import checksum, dns_answer, ntp_answer
from tools.modem.peer import CHAP, HIM, IP, IPCP, LCP, ME, PAP, Peer, options_of, pack_options


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class Client:
    """A PPP client made by hand: what it sends is written down here byte for byte, no shared state
    machine.
    """

    def __init__(self, **options):
        self.clock = Clock()
        self.got = []
        self.closed = []
        self._decoder = hdlc.Decoder()
        self.peer = Peer(self._take, options, self.clock, lambda *_: None)
        self.peer.on_closed = lambda: self.closed.append(True)

    def _take(self, data):
        self.got += self._decoder.feed(data)

    def send(self, protocol, payload):
        self.peer.receive(hdlc.encode(protocol, payload))

    def packet(self, protocol, code, ident, body=b""):
        self.send(protocol, struct.pack("!BBH", code, ident, 4 + len(body)) + body)

    def take(self, protocol):
        """The packets of one protocol since the last call: (code, identifier, body)."""
        found = [p for kind, p in self.got if kind == protocol]
        self.got = [(kind, p) for kind, p in self.got if kind != protocol]
        return [(p[0], p[1], p[4 : struct.unpack("!H", p[2:4])[0]]) for p in found]

    def tick(self, seconds=0.1):
        self.clock.now += seconds
        self.peer.tick()

    def lcp(self):
        """LCP up in both directions; the peer's options."""
        self.tick()
        ((code, ident, body),) = self.take(LCP)
        assert code == 1
        self.packet(LCP, 2, ident, body)
        self.packet(LCP, 1, 1, pack_options([(2, bytes(4)), (5, b"abcd")]))
        assert self.take(LCP) == [(2, 1, pack_options([(2, bytes(4)), (5, b"abcd")]))]
        return dict(options_of(body))

    def ipcp(self):
        """Address by way of a Nak, as lwIP asks for it."""
        self.packet(IPCP, 1, 1, pack_options([(3, bytes(4)), (129, bytes(4)), (131, bytes(4))]))
        answers = self.take(IPCP)
        nak = [body for code, _, body in answers if code == 3][0]
        self.packet(IPCP, 1, 2, nak)
        for code, ident, body in answers + self.take(IPCP):
            if code == 1:
                assert options_of(body) == [(3, ME)]
                self.packet(IPCP, 2, ident, body)
        return dict(options_of(nak))


def up(**options):
    client = Client(**options)
    client.lcp()
    assert client.ipcp()[3] == HIM
    assert client.peer.state_name() == "up"
    client.got.clear()
    return client


def test_address_and_dns_come_by_negotiation():
    client = Client()
    offered = client.lcp()
    assert 3 not in offered
    assert client.ipcp() == {3: HIM, 129: bytes((10, 0, 2, 3)), 131: bytes((10, 0, 2, 3))}


@pytest.mark.parametrize(("password", "state"), [(b"secret", "ipcp"), (b"wrong", "auth")])
def test_pap(password, state):
    client = Client(auth="pap:me:secret")
    assert client.lcp()[3] == b"\xc0\x23"
    client.packet(PAP, 1, 7, b"\x02me" + bytes((len(password),)) + password)
    assert client.take(PAP)[0][:2] == ((2 if state == "ipcp" else 3), 7)
    assert client.peer.state_name() == state
    assert any(code == 5 for code, _, _ in client.take(LCP)) == (state == "auth")


@pytest.mark.parametrize(("secret", "state"), [(b"secret", "ipcp"), (b"wrong", "auth")])
def test_chap_with_md5(secret, state):
    client = Client(auth="chap:me:secret")
    assert client.lcp()[3] == b"\xc2\x23\x05"
    ((code, ident, body),) = client.take(CHAP)
    assert code == 1
    challenge = body[1 : 1 + body[0]]
    digest = hashlib.md5(bytes((ident,)) + secret + challenge).digest()
    client.packet(CHAP, 2, ident, b"\x10" + digest + b"me")
    assert client.take(CHAP)[0][0] == (3 if state == "ipcp" else 4)
    assert client.peer.state_name() == state


def test_echo_unknown_options_unknown_protocols_and_the_end():
    client = up()
    client.packet(LCP, 9, 5, b"abcdpayload")
    code, ident, body = client.take(LCP)[0]
    assert (code, ident, body[4:]) == (10, 5, b"payload")
    client.packet(LCP, 1, 6, pack_options([(99, b"x"), (5, b"abcd")]))
    assert client.take(LCP) == [(4, 6, pack_options([(99, b"x")]))]
    client.packet(0x80FD, 1, 1, b"")
    assert client.take(LCP)[0][0] == 8
    client.packet(LCP, 77, 8, b"")
    assert client.take(LCP)[0][0] == 7
    client.packet(LCP, 5, 9)
    assert client.take(LCP) == [(6, 9, b"")]
    assert client.closed


def test_requests_are_repeated_until_answered_but_not_for_ever():
    client = Client()
    for _ in range(200):
        client.tick(1)
    assert 5 < len(client.take(LCP)) < 15


@given(st.binary(max_size=200))
def test_framing_brings_back_what_was_put_in(payload):
    decoder = hdlc.Decoder()
    stream = hdlc.encode(IP, payload) + hdlc.encode(LCP, payload, 0)
    assert list(decoder.feed(stream)) == [(IP, payload), (LCP, payload)]


@given(st.binary(max_size=300))
def test_no_bytes_break_the_peer(noise):
    client = Client(auth="chap:a:b")
    client.peer.receive(noise)
    for protocol in (LCP, PAP, CHAP, IPCP, IP):
        client.peer.receive(hdlc.encode(protocol, noise[:60]))
    client.tick()


# a small IP host on top --------------------------------------------------------------------------


def ip_packet(protocol, payload, dst=b"\x08\x08\x08\x08"):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 1, 0, 64, protocol, 0, HIM, dst)
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def ip_got(client, protocol):
    """Payloads of the IP packets that came, their header checksums verified."""
    found = []
    for kind, packet in client.got:
        if kind == IP:
            assert checksum(packet[:20]) == 0
            if packet[9] == protocol:
                found.append(packet[20:])
    client.got.clear()
    return found


def test_ping_is_answered():
    client = up()
    body = b"\x08\x00\x00\x00\x12\x34\x00\x01data"
    client.send(IP, ip_packet(1, body[:2] + struct.pack("!H", checksum(body)) + body[4:]))
    (answer,) = ip_got(client, 1)
    assert answer[0] == 0 and checksum(answer) == 0 and answer[4:] == body[4:]


def test_dns_and_ntp_are_answered_here():
    client = up()
    query = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x06broker\x00\x00\x01\x00\x01"
    client.send(IP, ip_packet(17, struct.pack("!HHHH", 5000, 53, 8 + len(query), 0) + query))
    (answer,) = ip_got(client, 17)
    assert answer[8:10] == b"\x12\x34" and answer.endswith(ME)
    assert dns_answer(query[:-4] + b"\x00\x1c\x00\x01")[6:8] == b"\0\0"  # AAAA: nothing
    assert ntp_answer(bytes(48), 0)[40:44] == struct.pack("!I", 2208988800)
    assert dns_answer(b"short") is None and ntp_answer(b"short", 0) is None
