"""The parts of the uplink alone: guard, stream, session and publisher, without a network."""

import struct
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.core import log
from firmware.delivery.mqtt import login
from firmware.delivery.mqtt.packets import Guard, Pending, Stream
from firmware.delivery.mqtt.service import MqttService
from firmware.delivery.mqtt.session import Session
from firmware.delivery.publisher import Publisher
from tests.host.support import umqtt_versions, virtual_time
from tests.host.support.fake_log import FakeRing
from tests.host.support.uplink_peers import Link
from tools import patience


@pytest.fixture(params=umqtt_versions.VERSIONS)
def umqtt(request, tmp_path):
    return umqtt_versions.module(request.param, tmp_path)


# --- guard


def drained(guard, step=7):
    out = b""
    while guard.head() is not None:
        piece = bytes(guard.head()[:step])
        out += piece
        guard.out += len(piece)
    return out


def test_the_guard_copies_what_umqtt_reuses_and_refers_to_what_is_large():
    guard = Guard()
    head, payload = bytearray(b"abcd"), bytearray(1000)
    guard.write(head, 2)
    guard.write(payload)
    guard.write(b"end")
    assert not guard.room()
    head[0] = payload[-1] = 88
    assert drained(guard) == b"ab" + bytes(999) + b"Xend"
    assert guard.room()
    with pytest.raises(Pending):
        guard.read(1)
    guard.offer(memoryview(b"\x40\x02"))
    assert guard.read(2) == b"\x40\x02"
    for length in (1, -1):
        with pytest.raises(OSError):
            guard.read(length)


@given(
    st.lists(st.tuples(st.booleans(), st.integers(1, 2000), st.integers(0, 900)), min_size=1, max_size=12),
)
def test_what_went_in_comes_out_in_order_and_in_few_pieces(steps):
    guard, went, came, pieces = Guard(), b"", b"", 0
    for number, (large, size, sends) in enumerate(steps):
        data = bytes([number + 1]) * (size if large else size % 100 + 1)
        if not (guard.room() if large else guard.space(len(data))):
            came += drained(guard, 768)
        guard.write(data)
        went += data
        if sends and guard.head() is not None:
            piece = bytes(guard.head()[:sends])
            assert len(guard.head()) <= 768
            guard.out += len(piece)
            came += piece
    while guard.head() is not None:
        came += bytes(guard.head())
        pieces += 1
        guard.out += len(guard.head())
    assert came == went
    assert pieces <= 4


def test_a_record_is_one_segment(umqtt):
    """Each piece given to the socket is a segment with memory of its own in lwIP, and 46 bytes more on the line."""
    wire = Sink()
    pieces = []
    wire.send = lambda piece: pieces.append(bytes(piece)) or len(piece)
    session = session_on(umqtt, wire)
    for _ in range(2):
        session.publish(b"meters/1/values", bytes(340), 7)
    assert [len(piece) for piece in pieces] == [3 + 2 + 15 + 2 + 340] * 2


def test_the_guard_is_bounded():
    guard = Guard()
    guard.write(bytes(4000))
    with pytest.raises(OSError):
        guard.write(bytes(4000))
    assert guard.head() is not None  # what waits behind a large piece never takes its place
    with pytest.raises(OSError):
        for _ in range(1000):
            guard.write(b"\x40\x02\x00\x01")


def test_nothing_umqtt_does_to_its_socket_reaches_the_real_one():
    guard = Guard()
    sockets = login._Sockets(guard)
    assert sockets.socket() is guard
    guard.setblocking(True)
    guard.settimeout(None)
    guard.connect(sockets.getaddrinfo("h", 1)[0][-1])
    guard.write("é")
    guard.close()
    assert drained(guard) == "é".encode()


def test_without_the_guard_umqtt_wipes_a_boards_timeout(umqtt):
    """The trap that the guard is for; on a board the next read would wait for ever."""

    class Board:
        timeout = 5

        def read(self, count):
            return b"\x40"

        def setblocking(self, flag):
            self.timeout = None if flag else 0

    client = umqtt.MQTTClient(b"c", "h")
    client.sock = Board()
    assert client.wait_msg() == 0x40 and client.sock.timeout is None


# --- stream


class Wire:
    """A socket whose bytes come in given pieces."""

    def __init__(self, pieces):
        self.pieces = list(pieces)

    def recv_into(self, view):
        if not self.pieces:
            raise BlockingIOError(11, "again")
        count = min(len(view), len(self.pieces[0]))
        view[:count] = self.pieces[0][:count]
        rest = self.pieces[0][count:]
        if rest:
            self.pieces[0] = rest
        else:
            self.pieces.pop(0)
        return count

    def close(self):
        pass


def stream_of(pieces):
    stream = Stream()
    stream.socket = Wire(pieces)
    stream.read = stream.socket.recv_into
    return stream


def packet(kind, body):
    length, head = len(body), bytearray([kind])
    while True:
        head.append(length & 0x7F | (0x80 if length > 0x7F else 0))
        length >>= 7
        if not length:
            return bytes(head) + body


def heard(stream, most=30000):
    """What receive() gives until the wire is empty."""
    found = []
    for _ in range(most):
        got = stream.receive()
        if got is not None:
            found.append(bytes(got))
        elif not stream.socket.pieces:
            return found
    raise AssertionError("receive() makes no progress")


@given(
    bodies=st.lists(st.integers(0, 3000), min_size=1, max_size=6),
    cuts=st.lists(st.integers(1, 700), min_size=1, max_size=30),
)
def test_packets_come_whole_however_the_line_cuts_them(bodies, cuts):
    packets = [packet(0x30, bytes([n + 1]) * size) for n, size in enumerate(bodies)]
    data = b"".join(packets)
    pieces, at, turn = [], 0, 0
    while at < len(data):
        pieces.append(data[at : at + cuts[turn % len(cuts)]])
        at += len(pieces[-1])
        turn += 1
    assert heard(stream_of(pieces)) == [p[:1024] for p in packets]


@given(st.binary(max_size=300))
def test_arbitrary_bytes_end_in_packets_or_an_oserror(data):
    stream = stream_of([data] if data else [])
    try:
        for found in heard(stream):
            assert len(found) >= 2
    except OSError:
        pass


# --- session


class Clock:
    """Stands in for the ticks of stream and session."""

    def __init__(self, monkeypatch):
        self.ms = 0
        for name in ("mqtt.packets", "mqtt.session", "publisher", "mqtt.service", "mqtt.login"):
            monkeypatch.setattr("firmware.delivery.%s.ticks_ms" % name, lambda: self.ms)


class Sink(Wire):
    """A wire that takes up to `takes` bytes at a time and keeps them."""

    def __init__(self, takes=100000):
        super().__init__([])
        self.takes, self.out = takes, b""

    def send(self, piece):
        if not self.takes:
            raise BlockingIOError(11, "again")
        self.out += bytes(piece[: self.takes])
        return min(len(piece), self.takes)


def session_on(umqtt, wire, **settings):
    heard_messages = []
    session = Session(umqtt, lambda: None, lambda topic, text: heard_messages.append((topic, text)))
    session.on_acked = lambda cargo: None
    session.settings = dict({"host": "h", "port": 1, "client_id": "c", "keepalive": 60}, **settings)
    session.client = umqtt.MQTTClient(b"c", "h", 1)
    session.client.set_callback(session.arrived)
    session.client.sock = session.guard
    session.stream.socket = wire
    session.stream.read = wire.recv_into
    session.messages = heard_messages
    return session


def test_a_confirmation_confirms_its_own_message_only(umqtt):
    """One of a packet id that is not on the way, as brokers send for what an earlier session published."""
    wire = Sink()
    session = session_on(umqtt, wire)
    done = []
    session.on_acked = done.append
    for cargo in (7, 8):
        session.publish(b"t", b"record", cargo)
    first, second = sorted(session.flying)
    wire.pieces = [b"\x40\x02" + struct.pack(">H", number) for number in (second + 9, 0, second)]
    for _ in range(3):
        session.turn()
    assert done == [8] and list(session.flying) == [first]


def test_a_message_is_acknowledged_and_a_large_one_passed_over(umqtt):
    wire = Sink()
    session = session_on(umqtt, wire)
    wire.pieces = [
        packet(0x32, b"\x00\x03a/b\x00\x07hello"),
        packet(0x32, b"\x00\x03a/b\x01\x02" + bytes(5000)),
        packet(0x30, b"\x00\x03a/bqos 0"),
    ]
    for _ in range(12):
        session.turn()
    assert session.messages == [(b"a/b", b"hello"), (b"a/b", b"qos 0")]
    assert wire.out == b"\x40\x02\x00\x07\x40\x02\x01\x02"
    assert session.rejected == 1


def test_a_retained_command_is_not_carried_out_and_the_audit_log_knows(umqtt):
    """Whoever publishes REBOOT with retain would have a device that restarts at each connection."""
    wire = Sink()
    session = session_on(umqtt, wire)
    wire.pieces = [
        packet(0x33, b"\x00\x03a/b\x00\x07AT^MTXTUNNEL=REBOOT"),
        packet(0x31, b"\x00\x03a/bAT^MTXTUNNEL=REBOOT"),
        packet(0x3B, b"\x00\x03a/b\x00\x09AT^MTXTUNNEL=REBOOT"),
        *(packet(0x33, body) for body in (b"", b"\x00", b"\x00\x09a", b"\xff\xffa", b"\x00\x01a\x01")),
        packet(0x32, b"\x00\x03a/b\x00\x08fresh"),
    ]
    for _ in range(12):
        session.turn()
    assert session.messages == [(b"a/b", b"fresh")] and session.rejected == 8
    # Acknowledged all the same: a broker gives what is not acknowledged again.
    assert wire.out == b"\x40\x02\x00\x07\x40\x02\x00\x09\x40\x02\x00\x08"
    assert [said[:-1] for said in log.notes] == [("mqtt", "retain")] * 8


def test_broken_messages_are_counted_and_do_no_harm(umqtt):
    wire = Sink()
    session = session_on(umqtt, wire)
    wire.pieces = [
        packet(0x30, b"\x00"),
        packet(0x32, b"\x00\x09a"),
        packet(0x34, b"\x00\x01a\0\1"),
    ]
    wire.pieces.append(packet(0x30, b"\x00\x01afine"))
    session.turn()
    session.turn()
    assert session.messages[-1] == (b"a", b"fine") and session.rejected == 3


@given(data=st.binary(min_size=2, max_size=120))
def test_any_packet_ends_in_an_oserror_at_most(data, tmp_path_factory):
    module = umqtt_versions.module("1.3.4", tmp_path_factory.mktemp("umqtt"))
    session = session_on(module, Sink())
    try:
        session.handle(memoryview(packet(data[0], data[1:])))
    except OSError:
        pass


def test_deadlines(umqtt, monkeypatch):
    clock = Clock(monkeypatch)
    session = session_on(umqtt, Sink(), puback_ms=20000)
    session.stream.last_rx = session.stream.last_tx = 0
    session.publish(b"t", b"x", 1)
    clock.ms = 20000
    session.turn()
    clock.ms = 20001
    with pytest.raises(OSError, match="no PUBACK"):
        session.turn()


def test_a_quiet_line_is_asked_after_half_the_keepalive_and_given_up_without_an_answer(umqtt, monkeypatch):
    clock = Clock(monkeypatch)
    wire = Sink()
    session = session_on(umqtt, wire)
    session.stream.last_rx = session.stream.last_tx = 0
    clock.ms = 30000
    session.turn()
    assert session.guard.head() is None
    clock.ms = 30001
    session.turn()
    session.turn()
    assert wire.out == b"\xc0\x00"
    clock.ms = 30001 + 20001
    with pytest.raises(OSError, match="ping"):
        session.turn()


def test_an_answered_ping_keeps_the_line(umqtt, monkeypatch):
    clock = Clock(monkeypatch)
    wire = Sink()
    session = session_on(umqtt, wire)
    session.stream.last_rx = session.stream.last_tx = 0
    for clock.ms in range(0, 600000, 1000):
        session.turn()
        if wire.out:
            wire.pieces.append(b"\xd0\x00")
            wire.out = b""
    assert session.stream.last_rx > 550000


def test_a_socket_that_takes_nothing_is_given_up(umqtt, monkeypatch):
    clock = Clock(monkeypatch)
    session = session_on(umqtt, Sink(takes=0), puback_ms=20000)
    session.stream.last_rx = session.stream.last_tx = 0
    session.publish(b"t", bytes(16000), None, 0)
    clock.ms = 20001
    with pytest.raises(OSError, match="takes nothing"):
        session.turn()


@pytest.mark.parametrize("number", [11, 119])
def test_a_socket_without_room_means_later(umqtt, number):
    wire = Sink(takes=100)
    session = session_on(umqtt, wire)
    take, refusals = wire.send, [0]

    def full(piece):
        if refusals[0] % 3 < 2:
            refusals[0] += 1
            raise OSError(number, "no room")
        refusals[0] += 1
        return take(piece)

    wire.send = full
    session.publish(b"t", b"x" * 2000, None, 0)
    deadline = patience.Limit(30)  # its steps keep 5 ms of each other
    while not wire.out.endswith(b"x" * 2000):
        assert not deadline.passed()
        session.turn()
        time.sleep(0.001)
    assert refusals[0] > 40


def test_a_broker_that_sends_without_reading_does_not_fill_the_memory(umqtt):
    wire = Sink(takes=0)
    session = session_on(umqtt, wire)
    wire.pieces = [packet(0x32, b"\x00\x01a\x00\x01hello")] * 5000
    for _ in range(500):
        session.turn()
    assert len(wire.pieces) > 4000
    wire.takes = 1000
    for _ in range(1500):
        session.turn()
    assert not wire.pieces and len(session.messages) == 5000
    assert wire.out == b"\x40\x02\x00\x01" * 5000


def test_what_was_confirmed_before_the_broker_hung_up_counts(umqtt):
    wire = Sink()
    session = session_on(umqtt, wire)
    acked = []
    session.on_acked = acked.append
    session.publish(b"t", b"x", "cargo")
    wire.pieces = [b"\x40\x02\x00\x01"]

    def refuse(piece):
        raise ConnectionResetError(104, "reset")

    wire.send = refuse
    session.publish(b"t", b"y", "more")
    session.turn()
    assert acked == ["cargo"]
    with pytest.raises(OSError):
        session.turn()


def test_packet_ids_in_use_are_not_given_again(umqtt):
    session = session_on(umqtt, Sink())
    session.flying = {1: (0, 0), 2: (0, 0), 4: (0, 0)}
    session.client.pid = 65000
    for _ in range(3):
        session.publish(b"t", b"x", None)
    assert sorted(session.flying) == [1, 2, 3, 4, 5, 6]


def test_a_user_without_a_password_and_text_that_is_not_ascii(umqtt):
    client = login._client(
        umqtt,
        {"client_id": "é", "host": "h", "port": 1, "keepalive": 60, "user": "ü", "password": None},
    )
    session = session_on(umqtt, Sink())
    session.client = client
    client.set_callback(session.arrived)
    login._connect(session)
    assert drained(session.guard).endswith(b"\x00\x02\xc3\xa9\x00\x02\xc3\xbc\x00\x00")


# --- publisher


class Line:
    """A session that takes everything; `confirm()` acknowledges what is on the way."""

    def __init__(self):
        self.flying, self.out, self.pid, self.on_acked, self.banned = {}, [], 0, None, []

    def room(self):
        return True

    def publish(self, topic, payload, cargo, qos, retain=False):
        self.pid += 1
        self.flying[self.pid] = (cargo, 0)
        self.out.append(bytes(payload))

    def confirm(self, count=100):
        for pid in sorted(self.flying)[:count]:
            self.on_acked(self.flying.pop(pid)[0])


def test_replies_and_records_do_not_starve_each_other():
    line, ring = Line(), FakeRing(b"%d" % i for i in range(20))
    publisher = Publisher(line, ring, lambda kind: "t")

    async def main():
        for number in range(6):
            await publisher.reply("r", "reply %d" % number)
        await publisher.send({"window": 8, "qos": 1})

    virtual_time.run(main())
    assert line.out[:4] == [b"reply 0", b"0", b"reply 1", b"1"]
    # A full window of unconfirmed messages leaves two places for replies, and no more.
    assert line.out[-3:] == [b"3", b"reply 4", b"reply 5"] and len(line.flying) == 8 + 2


def test_replies_on_the_way_are_sent_again_first_and_in_order():
    line, ring = Line(), FakeRing()
    publisher = Publisher(line, ring, lambda kind: "t")

    async def main():
        for number in range(3):
            await publisher.reply("r", "reply %d" % number)
        await publisher.send({})
        line.confirm(1)
        publisher.lost()
        line.flying.clear()
        line.out.clear()
        await publisher.send({})

    virtual_time.run(main())
    assert line.out == [b"reply 1", b"reply 2"]
    line.confirm()
    assert not publisher.replies_wait()


def test_a_log_that_refuses_acknowledgements_keeps_the_window_taken(monkeypatch):
    clock = Clock(monkeypatch)
    line, ring = Line(), FakeRing(b"%d" % i for i in range(20))
    publisher = Publisher(line, ring, lambda kind: "t")
    real = ring.ack

    def refuse(seq):
        raise OSError(28, "no space")

    async def turn():
        await publisher.note_acks()
        await publisher.send({"window": 4})
        line.confirm()

    async def main():
        ring.ack = refuse
        for _ in range(5):
            await turn()
        assert len(line.out) == 4
        ring.ack = real
        await turn()
        assert ring.acked == []
        clock.ms += 1001
        for _ in range(8):
            await turn()

    virtual_time.run(main())
    assert ring.acked == list(range(1, 21)) and len(line.out) == 20


def test_a_connection_that_confirms_nothing_leaves_half_as_many_on_the_way():
    """lwIP forgets at a reset what has come: a broker that hangs up after some would never get any further."""
    line, ring = Line(), FakeRing(b"%d" % i for i in range(60))
    publisher = Publisher(line, ring, lambda kind: "t")
    line.on_acked = publisher.acked
    window, sent = {"window": 8}, []

    async def connection(confirmed=0):
        line.out.clear()
        await publisher.send(window)
        sent.append(len(line.out))
        line.confirm(confirmed)
        await publisher.note_acks()
        await publisher.send(window)
        line.flying.clear()
        publisher.lost()

    async def main():
        for _ in range(6):
            await connection()
        assert sent == [8, 4, 2, 1, 1, 1]
        publisher.lost()  # a login that was refused has sent nothing: that says nothing of the window
        await connection(1)
        for _ in range(8):
            await connection(2)

    virtual_time.run(main())
    assert sent[6:] == [1, 2, 4, 6, 8, 8, 8, 8, 8]


def test_notes_of_a_slow_flash_are_made_when_nothing_is_on_the_way(monkeypatch):
    clock = Clock(monkeypatch)
    notes = {}
    # (milliseconds of a note that erases: every fourth one; whether the board says so beforehand)
    for cost, deaf in ((0, False), (50, False), (50, True)):
        line, ring = Line(), FakeRing(b"%d" % i for i in range(80))
        publisher = Publisher(line, ring, lambda kind: "t", deaf=deaf)
        line.on_acked = publisher.acked
        clock.ms += 60000  # it takes a while to get online

        def flush(line=line, ring=ring, cost=cost, deaf=deaf):
            ring.flushes += 1
            if ring.flushes % 4 == 0:
                clock.ms += cost
            # The first one that erases shows how slow it is, and is one too many.
            assert not line.flying or (not deaf and (not cost or ring.flushes <= 4))

        async def main(line=line, ring=ring, publisher=publisher):
            while len(ring.acked) < 80:
                if not line.flying:
                    clock.ms += 60000
                await publisher.note_acks(quiet=True)
                await publisher.send({"window": 8})
                clock.ms += 10
                line.confirm(1)
            return ring.flushes

        ring.flush = flush
        notes[cost, deaf] = virtual_time.run(main())
        assert ring.acked == list(range(1, 81))
        assert len(line.out) == 80
    assert notes[0, False] >= 79
    assert notes[50, False] <= 15
    assert notes[50, True] <= 12


def test_a_confirmation_that_does_not_come_holds_no_note_for_long(monkeypatch):
    clock = Clock(monkeypatch)
    line, ring = Line(), FakeRing(b"%d" % i for i in range(4))
    publisher = Publisher(line, ring, lambda kind: "t")
    line.on_acked = publisher.acked

    def flush():
        clock.ms += 50

    ring.flush = flush

    async def main():
        await publisher.send({"window": 4})
        line.confirm(1)
        await publisher.note_acks(quiet=True)
        line.confirm(1)
        await publisher.note_acks(quiet=True)
        assert ring.acked == [1]
        clock.ms += 2000
        await publisher.note_acks(quiet=True)
        assert ring.acked == [1, 2]

    virtual_time.run(main())


def test_nothing_is_acknowledged_before_its_confirmation():
    line, ring = Line(), FakeRing(b"%d" % i for i in range(5))
    publisher = Publisher(line, ring, lambda kind: "t")

    async def main():
        await publisher.send({})
        await publisher.note_acks()
        assert ring.acked == []
        line.confirm(2)
        publisher.lost()  # confirmed, but not noted: repeated rather than lost
        assert ring.acked == [] and ring.flying == set()

    virtual_time.run(main())


def test_records_without_a_topic_or_with_one_too_long_wait_and_those_behind_them_go():
    for topic in (None, "", "x" * 251):
        line, ring = Line(), FakeRing(b"%d" % i for i in range(3))
        ring.records[2] = (9, 0, b"goes")
        publisher = Publisher(line, ring, lambda kind, topic=topic: "t" if kind == 9 else topic)

        async def main(publisher=publisher, line=line):
            await publisher.send({})
            line.confirm()
            await publisher.note_acks()

        virtual_time.run(main())
        assert ring.acked == [2] and publisher.dropped == 0 and line.out == [b"goes"]
        publisher._topic_for = lambda kind: "t"
        ring.release(0)
        virtual_time.run(main())
        assert line.out == [b"goes", b"0", b"2"] and ring.acked == [2, 1, 3]


# --- service


def test_waits_grow_to_five_minutes_and_differ_between_devices():
    waits = {}
    for jitter in (1, 500):
        made = MqttService(None, {}, FakeRing(), Link(), None, None, jitter=jitter)
        waits[jitter] = [made._next_wait() for _ in range(12)]
    for found in waits.values():
        for step, wait in zip([1000 * 2**n for n in range(9)] + [300000] * 3, found):
            assert min(step, 300000) <= wait < min(step, 300000) * 1.5
    assert all(a != b for a, b in zip(*waits.values()))
