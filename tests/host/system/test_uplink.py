"""The uplink against a real broker and against brokers that misbehave, with both versions of umqtt.simple."""

import asyncio
import socket
import struct
import threading

import pytest

from tests.host.support import brokers, umqtt_versions
from tests.host.support.fake_log import FakeRing
from tests.host.support.uplink_peers import BoardSocket, Listener, play, service
from tools import patience

pytestmark = pytest.mark.takes(25)


@pytest.fixture(params=umqtt_versions.VERSIONS)
def umqtt(request, tmp_path):
    BoardSocket.wiped = BoardSocket.open = 0
    return umqtt_versions.module(request.param, tmp_path)


@pytest.fixture
def broker():
    made = brokers.start_broker()
    yield made
    made.stop()


def test_records_arrive_in_order_and_are_acknowledged(umqtt, broker):
    ring = FakeRing(b"%d" % i for i in range(40))
    listener = Listener(broker.port)
    made = service(umqtt, broker.port, ring)
    play(made, lambda: len(ring.acked) == 40 and len(listener.payloads()) == 40)
    assert listener.payloads() == [b"%d" % i for i in range(40)]
    assert sorted(ring.acked) == list(range(1, 41)) and ring.flushes


def test_sixteen_kibibytes_go_through_a_socket_that_takes_little_at_a_time(umqtt, broker):
    big = bytes(i * 7 & 0xFF for i in range(16384))
    ring = FakeRing([big, b"after"])
    listener = Listener(broker.port)
    play(service(umqtt, broker.port, ring), lambda: len(listener.payloads()) == 2)
    assert listener.payloads() == [big, b"after"]


def test_a_restarted_broker_gets_everything(umqtt, broker):
    ring = FakeRing(b"%d" % i for i in range(300))
    listener = Listener(broker.port)
    made = service(umqtt, broker.port, ring)
    state = {}

    def confirmed():
        return brokers.confirmed(broker, listener, "t/é")

    over = threading.Event()

    def restart():
        broker.stop()
        broker.start()
        over.wait()  # a child dies with the thread that started it

    def done():
        if len(ring.acked) > 20 and "down" not in state:
            state["down"] = threading.Thread(target=restart)
            state["down"].start()
        complete = len(ring.acked) >= 300 and len(set(confirmed())) == 300
        return complete and made.status()["reconnects"] >= 1

    try:
        play(made, done, 60)
    finally:
        over.set()
    # Order is kept but for what was on the way: its repetition may follow.
    firsts = list(dict.fromkeys(confirmed()))
    assert firsts == [b"%d" % i for i in range(300)]


def test_commands_come_in_and_replies_go_out(umqtt, broker):
    listener = Listener(broker.port)
    made = service(
        umqtt,
        broker.port,
        FakeRing(),
        subscribe=["dev/AT"],
        online_topic="dev/ON",
        online="on",
        offline="off",
    )
    got, answers = [], []

    def done():
        if made.connected and not got:
            listener.client.publish("dev/AT", b"AT^MTXTUNNEL=VERSION", qos=1)
            got.append(None)
        message = made.next_message()
        if message:
            got.append(message)
            answers.append(asyncio.ensure_future(made.reply("dev/ATR", "OK")))
        return any(m.topic == "dev/ATR" and m.payload == b"OK" for m in list(listener.inbox.queue))

    play(made, done)
    assert got[1] == (b"dev/AT", b"AT^MTXTUNNEL=VERSION")
    assert any(m.topic == "dev/ON" and m.payload == b"on" for m in list(listener.inbox.queue))


def test_what_nobody_has_time_for_is_read_later_and_costs_no_connection(umqtt, broker):
    """Twenty commands at once got eight answers: twelve were acknowledged and thrown away."""
    listener = Listener(broker.port)
    ring = FakeRing()
    made = service(umqtt, broker.port, ring, subscribe=["dev/AT"], keepalive=1)
    sent, got, full = [], [], []

    def done():
        if made.connected and not sent:
            sent.extend(listener.client.publish("dev/AT", b"AT%d" % number, qos=1) for number in range(40))
        if len(made.messages) == 8 and not full:
            full.append(patience.Limit(3))  # longer than a PUBACK or the answer to a ping may take
            ring.records[1] = (1, 0, b"record")
        if full and full[0].passed():
            message = made.next_message()
            if message:
                got.append(message[1])
        return len(got) == 40 and len(listener.payloads()) == 1 and ring.acked

    play(made, done)
    assert got == [b"AT%d" % number for number in range(40)]
    status = made.status()
    assert status["overrun"] == 0 and status["reconnects"] == 0, status


@pytest.mark.parametrize("qos", [0, 1])
def test_many_commands_at_once_are_answered_at_once_and_records_go_on(umqtt, broker, qos):
    """The confirmations of answers stand behind the commands that wait: thirty commands got nine answers in 40 s."""
    listener = Listener(broker.port)
    ring = FakeRing([b"%d" % number for number in range(20)])
    made = service(umqtt, broker.port, ring, subscribe=["dev/AT"])
    sent, answering = [], []

    async def answer():
        while True:
            message = made.next_message()
            if message:
                await made.reply("dev/ATR", message[1])
            await asyncio.sleep(0.005)

    def answers():
        return [m.payload for m in list(listener.inbox.queue) if m.topic == "dev/ATR" and not m.dup]

    def done():
        if made.connected and not sent:
            sent.extend(listener.client.publish("dev/AT", b"AT%d" % number, qos=qos) for number in range(100))
            answering.append(asyncio.ensure_future(answer()))
        return len(answers()) == 100 and len(ring.acked) == 20

    play(made, done, 20)
    assert answers() == [b"AT%d" % number for number in range(100)]
    assert made.overrun == 0


def test_a_message_of_a_topic_nobody_asked_for_is_no_command(umqtt):
    made_broker = brokers.AckingBroker(flood=5)  # topic a/b
    made = service(umqtt, made_broker.port, FakeRing(), subscribe=["dev/AT"])
    play(made, lambda: made.status()["rejected"] == 5)
    assert made.next_message() is None and made.status()["reconnects"] == 0
    made_broker.close()


def test_an_oversize_message_is_passed_over_and_the_next_one_heard(umqtt, broker):
    listener = Listener(broker.port)
    made = service(umqtt, broker.port, FakeRing(), subscribe=["dev/AT"])
    sent, got = [], []

    def done():
        if made.connected and not sent:
            sent.append(listener.client.publish("dev/AT", b"x" * 5000, qos=1))
            sent.append(listener.client.publish("dev/AT", b"AT", qos=1))
        message = made.next_message()
        if message:
            got.append(message[1])
        return b"AT" in got

    play(made, done)
    assert got == [b"AT"] and made.status()["reconnects"] == 0


@pytest.mark.parametrize("mode", brokers.MODES)
def test_no_bad_broker_hangs_the_device_or_costs_a_record(umqtt, mode):
    bad = brokers.BadBroker(mode)
    # More than the socket buffers hold, so that a broker that does not read is felt.
    ring = FakeRing(bytes(16000) for _ in range(400 if mode == "stops_reading" else 3))
    extra = {"keepalive": 2, "qos": 1}
    made = service(umqtt, bad.port, ring, **extra)
    try:
        play(made, lambda: bad.connections >= 3, 40)
    finally:
        bad.close()
    assert ring.acked == [] and made.status()["last_error"]
    assert ring.flying == set()
    if mode == "refuse":
        assert "authorised" in made.status()["last_error"]


class Puppet:
    """A broker the test plays by hand: collects packet ids of PUBLISH, sends PUBACKs when told."""

    def __init__(self):
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self.pids = []
        self.peer = None
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        try:
            self.peer, _ = self._server.accept()
            brokers.read_packet(self.peer)
            self.peer.sendall(b"\x20\x02\x00\x00")
            while True:
                kind, body = brokers.read_packet(self.peer)
                if kind & 0xF0 == 0x30:
                    at = 2 + (body[0] << 8 | body[1])
                    self.pids.append(body[at] << 8 | body[at + 1])
        except OSError:
            return

    def puback(self, pid):
        self.peer.sendall(b"\x40\x02" + struct.pack("!H", pid))


def test_confirmations_out_of_order_and_of_nothing(umqtt):
    puppet = Puppet()
    ring = FakeRing(b"%d" % i for i in range(8))
    made = service(umqtt, puppet.port, ring, window=8, puback_ms=8000)
    step = []

    def done():
        if len(puppet.pids) == 8 and not step:
            step.append(True)
            puppet.puback(4711)
            for pid in (puppet.pids[i] for i in (7, 0, 3, 1, 2, 6, 5, 4)):
                puppet.puback(pid)
        return len(ring.acked) == 8

    play(made, done)
    assert ring.acked == [8, 1, 4, 2, 3, 7, 6, 5]


def test_the_window_is_never_exceeded(umqtt):
    puppet = Puppet()
    ring = FakeRing(b"%d" % i for i in range(20))
    made = service(umqtt, puppet.port, ring, window=3, puback_ms=8000)
    seen = []

    def done():
        if len(ring.acked) >= 10:
            return True
        waiting = len(puppet.pids) - len(ring.acked)
        seen.append(waiting)
        if waiting == 3:
            puppet.puback(puppet.pids[len(ring.acked)])
        return False

    play(made, done)
    assert max(seen) == 3


def test_packet_ids_never_reach_65536(umqtt):
    puppet = Puppet()
    ring = FakeRing(b"%d" % i for i in range(30))
    made = service(umqtt, puppet.port, ring, window=1, puback_ms=8000)
    state = {"acked": 0}

    def done():
        session = made.session
        if session.client and "set" not in state and puppet.pids:
            session.client.pid = 64990
            state["set"] = True
        if len(puppet.pids) > state["acked"]:
            puppet.puback(puppet.pids[state["acked"]])
            state["acked"] += 1
        return len(ring.acked) >= 28

    play(made, done)
    assert max(puppet.pids) <= 65535 and 1 in puppet.pids[2:]


def test_a_record_that_cannot_be_read_does_not_block_the_rest(umqtt, broker):
    ring = FakeRing(b"%d" % i for i in range(5))
    ring.damaged = {3}
    listener = Listener(broker.port)
    made = service(umqtt, broker.port, ring)
    play(made, lambda: len(ring.acked) == 5 and len(listener.payloads()) == 4)
    assert made.status()["dropped"] == 1
    assert listener.payloads() == [b"0", b"1", b"3", b"4"]
