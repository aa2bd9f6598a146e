"""The stand-in for lwIP: as unkind as the real one (tools/lwip), against the simulator's network."""

import select

import pytest

from tools.lwip import errors, local, ppp
from tools.lwip.calls import Calls
from tools.modem import hdlc
from tools.modem.peer import LCP, Peer


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class Line:
    """Both ends of a line: PPP's stream here, the network there. `room`: how much is taken at once."""

    IRQ_RXIDLE = 4

    def __init__(self, clock, **options):
        self.clock = clock
        self.rx = bytearray()
        self.dead = False
        self.room = None
        self.frames = []
        self.handlers = []
        self.peer = Peer(self._from_peer, options, clock, lambda *_: None)

    def _from_peer(self, data):
        if not self.dead:
            self.rx += data

    def any(self):
        return len(self.rx)

    def readinto(self, buf, count=-1):
        count = min(len(buf), len(self.rx))
        buf[:count] = self.rx[:count]
        del self.rx[:count]
        return count or None

    def write(self, data):
        count = len(data) if self.room is None else min(len(data), self.room)
        if self.room is not None:
            self.room -= count
        self.frames.append(bytes(data[:count]))
        if not self.dead:
            self.peer.receive(bytes(data[:count]))
        return count

    def irq(self, handler=None, trigger=0):
        self.handlers.append(handler)


class World:
    def __init__(self, **options):
        self.clock = Clock()
        self.line = Line(self.clock, **options)
        self.chip = local.Chip(self.clock)
        self.ppp = self.chip.ppp(self.line)

    def turn(self, seconds=0.05):
        self.clock.now += seconds
        readers, writers = self.line.peer.network.sockets()
        ready, writable, _ = select.select(readers, writers, [], 0.002)
        self.line.peer.network.ready(ready, writable)
        self.line.peer.tick()
        self.ppp.poll()

    def until(self, condition, turns=400):
        for _ in range(turns):
            if condition():
                return
            self.turn()
        raise AssertionError("not within %d turns; status %d" % (turns, self.ppp.status()))

    def up(self):
        self.ppp.connect()
        self.until(self.ppp.isconnected)
        return self

    def call(self, *words):
        return self.chip.call(*words)[0]

    def dial(self, port):
        handle = self.call(b"t")
        assert self.call(b"c", handle, bytes((10, 0, 2, 2)) + port.to_bytes(2, "big")) == 0
        return handle


WAYS = [
    ("", 0, None, None), ("pap:me:pw", 1, "me", "pw"), ("chap:me:pw", 2, "me", "pw"), ("pap:me:pw", 2, "me", "pw"),
]  # fmt: skip


@pytest.mark.parametrize(("auth", "security", "user", "key"), WAYS)
def test_it_negotiates(auth, security, user, key):
    world = World(auth=auth)
    assert world.ppp.status() == 0 and not world.ppp.isconnected()
    world.ppp.connect(security=security, user=user, key=key)
    assert world.line.handlers
    with pytest.raises(OSError):
        world.ppp.connect()
    world.until(world.ppp.isconnected)
    assert world.ppp.ipconfig("addr4")[0] == "10.0.2.15" and world.ppp.ipconfig("dns") == "10.0.2.3"
    assert world.line.peer.state_name() == "up"


def test_a_refused_password_is_an_error_and_a_new_object_may_try():
    world = World(auth="chap:me:pw")
    world.ppp.connect(security=2, user="me", key="no")
    world.until(lambda: world.ppp.status() < 0)
    assert world.ppp.status() == -7
    world.ppp.__del__()
    assert world.ppp.status() == 0
    world.chip.ppp(world.line).connect()


def test_a_dead_carrier_changes_nothing_and_the_block_comes_back_at_once():
    world = World().up()
    world.line.dead = True
    for _ in range(200):
        world.turn()
    assert world.ppp.isconnected()
    world.ppp.config(stream=None)
    world.ppp.__del__()
    assert world.ppp.status() == 0


def test_disconnecting_on_a_dead_carrier_takes_two_time_outs_of_timers():
    world = World().up()
    world.line.dead = True
    world.ppp.disconnect()
    for _ in range(400):
        world.turn()
    assert world.ppp.status() == 4  # 20 s later: the interface is down, and with it the timers
    world.ppp.__del__()
    assert world.ppp.status() == 4  # ERR_INPROGRESS
    start = world.clock.now
    world.until(lambda: world.call(b"H") or world.ppp.status() == 0, 2000)
    assert world.clock.now - start < 13


def test_dropping_the_object_while_it_says_goodbye_loses_the_only_block():
    world = World().up()
    world.line.dead = True
    world.ppp.disconnect()
    second = world.chip.ppp(world.line)
    with pytest.raises(OSError, match="pppos_create failed"):
        second.connect()


def test_an_irq_that_raises_in_the_collector_loses_the_block():
    world = World().up()

    def irq(handler=None, trigger=0):
        raise MemoryError("memory allocation failed, heap is locked")

    world.line.irq = irq
    second = world.chip.ppp(Line(world.clock))
    with pytest.raises(OSError, match="pppos_create failed"):
        second.connect()
    assert world.chip.owner is None


def test_without_a_stream_nothing_is_read_and_nothing_called():
    world = World().up()
    world.ppp.config(stream=None)
    called = len(world.line.handlers)
    world.line.rx[:] = b"for somebody else"
    world.ppp.poll()
    assert world.line.rx == b"for somebody else" and world.line.handlers[-1] is None
    world.line.rx.clear()
    world.ppp.config(stream=world.line)
    assert len(world.line.handlers) == called + 1 and world.ppp.isconnected()
    assert world.ppp.config() is world.line


def test_the_other_end_hangs_up_and_the_state_says_nothing_of_it():
    world = World().up()
    world.line.rx += hdlc.encode(LCP, b"\x05\x01\x00\x04")
    for _ in range(300):
        world.turn()
    assert world.ppp.status() == 4
    world.ppp.config(stream=None)
    world.ppp.__del__()
    world.until(lambda: world.call(b"H") or world.ppp.status() == 0, 300)


@pytest.mark.parametrize("what", ("write", "poll"))
def test_what_would_crash_the_chip_ends_the_process(what):
    world = World().up()
    write = world.line.write

    def broken(data):
        if what == "poll":
            world.ppp.poll()
            return write(data)
        raise MemoryError("heap is locked")

    world.line.write = broken
    with pytest.raises(SystemExit):
        world.dial(9)


def test_there_are_five_control_blocks_of_each_kind():
    calls = Calls(Clock())
    for op in (b"u",):
        assert all(calls.call(op, 0, b"")[0] > 0 for _ in range(5))
        assert calls.call(op, 0, b"")[0] == -errors.ENOMEM


def test_sockets_come_and_go_for_ever():
    calls = Calls(Clock())
    for _ in range(600):
        handle = calls.call(b"u", 0, b"")[0]
        assert 0 < handle < 256
        calls.call(b"x", handle, b"")


def test_a_name_is_found_by_the_network_s_server_and_given_up_without():
    world = World().up()
    found = []
    world.until(lambda: found.append(world.chip.call(b"l", 0, b"broker.example")) or found[-1][0])
    assert found[-1] == (1, bytes((10, 0, 2, 2)))
    assert world.chip.call(b"l", 0, b"192.0.2.7") == (1, bytes((192, 0, 2, 7)))
    world.line.dead = True
    world.until(lambda: world.call(b"l", 0, b"other.example") == -2, 600)


def test_the_phases_are_lwip_s():
    assert ppp.DEAD < ppp.ESTABLISH < ppp.RUNNING < ppp.TERMINATE
