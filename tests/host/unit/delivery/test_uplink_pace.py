"""Sending at the pace of a modem: large payloads in steps, so that lwIP's memory does not run out."""

import errno
import random

import pytest

from firmware.delivery.mqtt import options
from firmware.delivery.mqtt import packets as module
from firmware.delivery.mqtt.packets import Guard, Stream
from firmware.net import tcp


class Lwip:
    """A socket with lwIP's small memory: what it has taken drains with time, what is too much is refused.

    With ENOMEM it is taken all the same, as was seen on an emulated Pico W: what PPP has no memory for goes out later.
    """

    def __init__(self, clock, room=6400, per_ms=9, code=errno.EAGAIN):
        self.clock, self.room, self.per_ms, self.code = clock, room, per_ms, code
        self.out = bytearray()
        self.held = self.refused = 0
        self.at = clock.ms
        self.marks = []

    def send(self, data):
        self.held = max(0, self.held - (self.clock.ms - self.at) * self.per_ms)
        self.at = self.clock.ms
        if self.held + len(data) > self.room:
            self.refused += 1
            if self.code in tcp.FULL:
                self.out += data
            raise OSError(self.code)
        self.held += len(data)
        self.out += data
        self.marks.append((self.clock.ms, len(data)))
        return len(data)


class Clock:
    ms = 1000

    def __call__(self):
        return self.ms


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(module, "ticks_ms", made)
    return made


def send(clock, wire, payloads, turn_ms=5):
    """Everything of `payloads` through a Stream; the longest time nothing was taken."""
    stream, guard = Stream(), Guard()
    stream.socket = wire
    longest = 0
    for payload in payloads:
        guard.write(b"\x32\x00")
        guard.write(payload)
        while not stream.flush(guard):
            clock.ms += turn_ms
            longest = max(longest, clock.ms - stream.blocked)
            assert clock.ms < 100000
    return longest


def test_twenty_times_1000_bytes_back_to_back_arrive_though_there_is_no_room(clock):
    wire = Lwip(clock)
    payloads = [random.Random(n).randbytes(1000) for n in range(20)]
    longest = send(clock, wire, payloads)
    assert bytes(wire.out) == b"".join(b"\x32\x00" + payload for payload in payloads)
    assert wire.refused > 0  # or this has tried nothing
    assert longest < 1000  # far from what counts as a broker that takes nothing


@pytest.mark.parametrize("code", tcp.FULL)
def test_what_may_have_been_taken_is_not_sent_again_and_the_next_connection_is_slower(clock, code):
    """The broker hung up at what was there twice, and at the same message again after each login."""
    stream, guard = Stream(), Guard()
    stream.socket = wire = Lwip(clock, code=code)
    payload = random.Random(1).randbytes(16384)
    pace = stream.step
    guard.write(b"\x32\x00")
    guard.write(payload)
    with pytest.raises(OSError):
        while not stream.flush(guard):
            clock.ms += 5
    assert (b"\x32\x00" + payload).startswith(wire.out) and len(wire.out) > 6000
    assert stream.step > pace


@pytest.mark.parametrize("delay", (20, 150, 300))
def test_behind_a_modem_no_more_of_a_large_payload_is_under_way_than_lwip_has_room_for(clock, delay):
    """Each piece stays there until its confirmation comes, `delay` ms after it has left at 115200 baud."""

    class Modem(Lwip):
        def send(self, data):
            left = max(self.clock.ms, self.marks[-1][0] if self.marks else 0) + (len(data) + 80) // 11
            self.marks.append((left, len(data)))
            held = sum(size for at, size in self.marks if at + delay > self.clock.ms)
            if held > 7 * 768:  # 8,000 bytes, less a frame of PPP
                raise OSError(errno.ENOMEM)
            self.out += data
            return len(data)

    stream, guard = Stream(), Guard()
    stream.socket, stream.step = Modem(clock), options.BEHIND_MODEM_MS
    payload = random.Random(1).randbytes(8192)
    guard.write(b"\x32\x00")
    guard.write(payload)
    start = clock.ms
    while not stream.flush(guard):
        clock.ms += 5
    assert bytes(stream.socket.out) == b"\x32\x00" + payload
    assert clock.ms - start < 1100


def test_a_large_payload_goes_out_in_steps(clock):
    wire = Lwip(clock, room=10**6)
    payload = random.Random(1).randbytes(16384)
    send(clock, wire, [payload], turn_ms=1)
    assert bytes(wire.out) == b"\x32\x00" + payload
    for at in range(1000, clock.ms, 50):
        # Never more in 50 ms than the UART's buffer holds beside what it sends meanwhile.
        assert sum(size for ms, size in wire.marks if at <= ms < at + 50) <= 8192


def test_small_records_wait_for_nothing(clock):
    wire = Lwip(clock, room=10**6)
    send(clock, wire, [bytes(330)] * 8)
    assert clock.ms == 1000


def test_other_errors_still_end_the_connection(clock):
    with pytest.raises(OSError):
        send(clock, Lwip(clock, room=10, code=errno.ECONNRESET), [bytes(1000)])
