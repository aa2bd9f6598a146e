"""CMUX: frames from public sources, arbitrary input, flow control, closing, and hours of traffic."""

import asyncio
import sys
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.net.modem import dial, prepare
from tests.host.support.virtual_modem import run_virtual
from tests.proof.cmux_day import carried, read
from tools.modem import hdlc
from tools.modem import mux as theirs
from tools.modem.engine import Modem

# Frames as Zephyr's test suite has them (tests/subsys/modem/modem_cmux/src/main.c, Apache 2.0),
# recorded
# with real modems; the first six are also in Quectel's MUX application note.
SABM = ("F9 03 3F 01 1C F9", "F9 07 3F 01 DE F9", "F9 0B 3F 01 59 F9")
UA = ("F9 03 73 01 D7 F9", "F9 07 73 01 15 F9", "F9 0B 73 01 92 F9")
DISC = ("F9 03 53 01 FD F9", "F9 07 53 01 3F F9", "F9 0B 53 01 B8 F9")
CLD = "F9 03 EF 05 C3 01 F2 F9"
CLD_ANSWER = "F9 03 EF 05 C1 01 F2 F9"
MSC_FROM_MODEM = "F9 01 FF 0B E3 07 0B 09 01 6C F9"
FCOFF = "F9 01 FF 05 63 01 86 F9"
FCON = "F9 01 FF 05 A3 01 86 F9"
AT_1 = ("F9 07 EF 05 41 54 30 F9", b"AT")
NEWLINE_2 = ("F9 0B EF 05 0D 0A B7 F9", b"\r\n")
CGDCONT_2 = (
    "F9 0B EF 43 41 54 2B 43 47 44 43 4F 4E 54 3D 31 2C 22 49 50 22 2C 22 74 72 61 63 6B 75 6E 69 74 2E 6D"
    " 32 6D 22 23 F9",
    b'AT+CGDCONT=1,"IP","trackunit.m2m"',
)
PPP_2 = (
    "F9 0B EF 25 7E FF 7D 23 C0 21 7D 22 7D 21 7D 20 7D 24 7D 3C 90 7E 8F F9",
    bytes.fromhex("7EFF7D23C0217D227D217D207D247D3C907E"),
)


class Wire:
    """A UART in memory: `rx` is what the modem has sent, `tx` what we have."""

    def __init__(self, portion=0):
        self.rx = bytearray()
        self.tx = bytearray()
        self.portion = portion

    def any(self):
        return len(self.rx)

    def readinto(self, buf, count):
        assert count <= min(len(buf), len(self.rx))
        buf[:count] = self.rx[:count]
        del self.rx[:count]
        return count or None

    def write(self, buf):
        data = bytes(buf)[: self.portion or None]
        self.tx += data
        return len(data)


def made(portion=0, n1=127):
    wire = Wire(portion)
    mux = prepare.make_mux(wire)
    dial.restart_mux(mux, n1)
    for dlci in range(3):
        mux.channels[dlci].open = True
    return wire, mux


def feed(wire, mux, text):
    wire.rx += bytes.fromhex(text)
    mux.poll()


def test_opening_sends_the_frames_of_the_standard():
    wire = Wire()
    mux = prepare.make_mux(wire)
    dial.restart_mux(mux, 127)

    async def main():
        task = asyncio.ensure_future(dial.open_mux(mux, 127, 1000))
        for dlci in range(3):
            await asyncio.sleep(0.05)
            assert bytes.fromhex(SABM[dlci]) in wire.tx
            wire.rx += bytes.fromhex(UA[dlci])
        assert await task

    run_virtual(main)
    # MSC for both channels: DTR and RTS on, flow allowed.
    assert bytes.fromhex("F9 03 EF 09 E3 05 07 0D FB F9") in wire.tx
    assert bytes.fromhex("F9 03 EF 09 E3 05 0B 0D FB F9") in wire.tx


@pytest.mark.parametrize(("dlci", "frame", "data"), [(1, *AT_1), (2, *NEWLINE_2), (2, *CGDCONT_2), (2, *PPP_2)])
def test_data_frames_in_and_out(dlci, frame, data):
    wire, mux = made()
    feed(wire, mux, frame)
    assert read(mux.channels[dlci]) == data
    assert mux.channels[dlci].write(data) == len(data)
    assert bytes(wire.tx) == bytes.fromhex(frame)


def test_close_down_and_its_answer():
    async def main():
        wire, mux = made()
        task = asyncio.ensure_future(dial.close_mux(mux, 1000))
        await asyncio.sleep(0.05)
        assert bytes(wire.tx) == bytes.fromhex(CLD)
        wire.rx += bytes.fromhex(CLD_ANSWER)
        await task
        assert mux.dead

    run_virtual(main)


def test_the_modem_ends_it():
    wire, mux = made()
    feed(wire, mux, DISC[1])
    assert mux.dead
    # A response of the initiator carries C/R 0 (5.2.1.2).
    assert bytes(wire.tx) == theirs.frame(1, 0x73, command=True)


def test_signals_and_flow_control_of_the_modem():
    wire, mux = made()
    feed(wire, mux, MSC_FROM_MODEM)
    assert not mux.channels[1].halted
    # Answered with the same content as a response.
    assert wire.tx[4:9] == bytes.fromhex("E1 07 0B 09 01")
    channel = mux.channels[1]
    halt = theirs.frame(0, 0xEF, bytes((0xE3, 5, 1 << 2 | 3, 0x0F)), command=True)
    feed(wire, mux, halt.hex())
    assert channel.write(b"x") == 0 and mux.channels[2].write(b"x") == 1
    feed(wire, mux, FCOFF)
    assert mux.channels[2].write(b"x") == 0
    feed(wire, mux, FCON)
    go = theirs.frame(0, 0xEF, bytes((0xE3, 5, 1 << 2 | 3, 0x0D)), command=True)
    feed(wire, mux, go.hex())
    assert channel.write(b"x") == 1


def test_our_flow_control_loses_nothing():
    """A reader that sleeps: the modem is told to stop before the ring is full, and to go on."""
    wire, mux = made()
    channel = mux.channels[1]
    sent = bytes(range(256)) * 40
    at, halted, got = 0, False, b""
    while len(got) < len(sent):
        if b"\xe3\x05\x07\x0f" in wire.tx:
            halted, wire.tx = True, bytearray()
        if b"\xe3\x05\x07\x0d" in wire.tx:
            halted, wire.tx = False, bytearray()
        if not halted and at < len(sent):
            wire.rx += theirs.frame(1, 0xEF, sent[at : at + 100], command=True)
            at += 100
        else:
            got += read(channel, 200)
        mux.poll()
    assert got == sent
    assert channel.lost == 0


def test_parameter_negotiation_test_and_unknown_messages_are_answered():
    for message, answer in (
        (
            "83 11 01 F0 07 0A 7F 00 03 02",
            "81 11 01 F0 07 0A 7F 00 03 02",
        ),  # PN: accepted as proposed
        ("23 05 61 62", "21 05 61 62"),  # test
        ("93 01", None),
        ("53 01", "11 03 53"),  # remote line status: not supported
    ):
        wire, mux = made()
        feed(wire, mux, theirs.frame(0, 0xEF, bytes.fromhex(message), command=True).hex())
        if answer:
            assert bytes.fromhex(answer) in wire.tx


def test_data_for_a_channel_that_does_not_exist_is_refused():
    wire, mux = made()
    feed(wire, mux, theirs.frame(9, 0xEF, b"x", command=True).hex())
    assert wire.tx[2] == 0x1F  # DM


def test_ui_frames_have_their_data_checked():
    wire, mux = made()
    frame = theirs.frame(2, 0x03, b"hello", command=True)
    feed(wire, mux, frame.hex())
    assert read(mux.channels[2]) == b"hello"
    broken = bytearray(frame)
    broken[6] ^= 1
    feed(wire, mux, broken.hex())
    assert read(mux.channels[2]) == b""
    assert mux.bad


def test_ppp_gets_what_it_wants_from_a_channel():
    wire, mux = made()
    channel = mux.channels[1]
    calls = []
    channel.irq(calls.append, channel.IRQ_RXIDLE)
    feed(wire, mux, AT_1[0])
    assert not calls  # nothing is run from here: PPP is polled by hand
    assert channel.any() == 2
    assert channel.ioctl(3, 5) == 5
    buf = bytearray(8)
    assert channel.readinto(buf) == 2 and channel.readinto(buf) is None
    assert channel.ioctl(3, 5) == 4
    assert channel.ends_with(b"AT") and not channel.ends_with(b"NO")
    dial.restart_mux(mux, 127)
    assert not channel.ends_with(b"AT")


@given(
    st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(min_size=1, max_size=400)), max_size=12),
    st.data(),
)
@settings(max_examples=120)
def test_whatever_is_sent_arrives_in_any_portions(messages, data):
    """Out through ours into theirs' parser, and back."""
    wire, mux = made(portion=data.draw(st.integers(0, 40)), n1=data.draw(st.sampled_from([31, 127])))
    expected, got = {1: b"", 2: b""}, {1: b"", 2: b""}
    stream = b""
    for dlci, payload in messages:
        stream += b"".join(
            theirs.frame(dlci, 0xEF, payload[at : at + 200], command=True) for at in range(0, len(payload), 200)
        )
        expected[dlci] += payload
    while stream:
        size = data.draw(st.integers(1, 300))
        wire.rx += stream[:size]
        stream = stream[size:]
        mux.poll()
        for dlci in (1, 2):
            got[dlci] += read(mux.channels[dlci])
    assert got == expected
    assert mux.bad == 0
    # And what we send is understood there.
    sent = {1: b"", 2: b""}
    for dlci, payload in messages:
        while payload:
            count = mux.channels[dlci].write(payload)
            sent[dlci] += payload[:count]
            payload = payload[count:]
            mux.poll()
    for _ in range(3000):
        mux.poll()
    assert decoded(bytes(wire.tx)) == sent


def decoded(stream):
    """What the simulator's parser makes of a stream: data per channel."""
    modem = Modem("generic", now=lambda: 0.0)
    modem.powered = True
    found = {1: b"", 2: b""}
    other = theirs.Mux(modem, 127)
    modem.mux = other
    other._frame = lambda dlci, kind, info: found.__setitem__(dlci, found.get(dlci, b"") + info)
    other.receive(stream)
    assert other.bad == 0
    found.pop(0, None)
    return found


@given(st.binary(max_size=600), st.integers(1, 200))
@settings(max_examples=150)
def test_noise_neither_breaks_it_nor_hides_what_follows(noise, size):
    wire, mux = made()
    wire.rx += noise
    mux.poll()
    for dlci in (1, 2):
        read(mux.channels[dlci])
    if mux.dead:
        return  # the noise happened to be a good DISC
    # A frame that the noise began may swallow some of what follows, but not for long.
    frame = theirs.frame(2, 0xEF, b"A" * 20, command=True)
    for _ in range(80):
        wire.rx += frame
        mux.poll()
    assert read(mux.channels[2]).endswith(b"A" * 20)


@pytest.mark.parametrize("seed", (1, 2))
def test_hours_of_ppp_traffic_with_commands_on_the_other_channel_loses_no_byte(seed):
    """A sample of tests/proof/cmux_day.py; all that a day has is in it."""
    found = carried(seed, 3 * 3600)
    assert found["commands"] == 360 and found["short writes"] > 5000
    assert found["up"] > 500000 and found["down"] > 500000


class Ring:
    """micropython.RingIO."""

    def __init__(self, size):
        self.size = size
        self.data = bytearray()

    def any(self):
        return len(self.data)

    def write(self, buf):
        count = min(len(buf), self.size - len(self.data))
        self.data += buf[:count]
        return count

    def read(self, count=None):
        count = len(self.data) if count is None else count
        found, self.data = bytes(self.data[:count]), self.data[count:]
        return found or None

    def readinto(self, buf):
        found = self.read(len(buf)) or b""
        buf[: len(found)] = found
        return len(found) or None


def unpacked(wire):
    """The data in the frames that were sent since the last call."""
    data, wire.tx = bytes(wire.tx), bytearray()
    got, at = b"", 0
    while at < len(data):
        assert data[at] == data[at + 5 + (data[at + 3] >> 1)] == 0xF9
        got += data[at + 4 : at + 4 + (data[at + 3] >> 1)]
        at += 6 + (data[at + 3] >> 1)
    return got


def test_what_ppp_sends_in_an_interrupt_waits_for_the_next_turn(monkeypatch):
    monkeypatch.setitem(sys.modules, "micropython", SimpleNamespace(RingIO=Ring))
    wire, mux = made()
    channel = mux.channels[1]
    wire.tx = bytearray()
    sent = bytes(range(256)) * 29
    # The Mux may be anywhere: not even its buffer is touched.
    assert channel.write(sent) == len(sent) and channel.write(b"more") == 0
    assert not wire.tx
    got = b""
    while channel.buffer.any():
        mux.poll()
        got += unpacked(wire)
    assert got == sent
    channel.write(b"of the call that is over")
    dial.restart_mux(mux, 31)
    mux.poll()
    assert not wire.tx


# lwIP's timers ---------------------------------------------------------------------------------------


def _interrupted(at):
    """What channel 1 was given, and what it sent, when lwIP writes before the `at`-th step; None: it has fewer."""
    wire = Wire(portion=100)
    mux = prepare.make_mux(wire)
    data = mux.channels[1]
    data.buffer = Ring(4096)
    dial.restart_mux(mux, 31)
    for channel in (0, 1, 2):
        mux.channels[channel].open = True
    wire.rx += bytes.fromhex(AT_1[0]) + bytes.fromhex(MSC_FROM_MODEM) + bytes.fromhex(CGDCONT_2[0])
    sent = [b"first" * 20, b"second" * 30]
    data.write(sent[0])
    steps = 0

    def step(frame, event, _):
        nonlocal steps
        if "/firmware/net/modem/" not in frame.f_code.co_filename:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            steps += 1
            if steps == at:
                sys.settrace(None)
                frame.f_trace = None
                assert data.write(sent[1]) == len(sent[1])
        return step

    before = sys.gettrace()
    sys.settrace(step)
    try:
        mux.poll()
        mux.signal(mux.channels[2])
        mux.poll()
    finally:
        sys.settrace(before)
    if steps < at:
        return None, None
    for _ in range(10):
        mux.poll()
    return b"".join(sent), b"".join(info for dlci, control, info in parsed(wire.tx) if dlci == 1 and control == 0xEF)


def parsed(stream):
    """(DLCI, control, information) of each frame; a byte that is in none is an error."""
    at = 0
    while at < len(stream):
        assert stream[at] == 0xF9, at
        size, head = stream[at + 3] >> 1, 4
        if not stream[at + 3] & 1:
            size, head = size | stream[at + 4] << 7, 5
        end = at + head + size + 2
        assert stream[end - 1] == 0xF9, at
        yield stream[at + 1] >> 2, stream[at + 2] & ~0x10, bytes(stream[at + head : at + head + size])
        at = end


def test_lwip_may_write_between_any_two_steps_of_the_multiplexer():
    at = 1
    while True:
        wanted, got = _interrupted(at)
        if wanted is None:
            break
        assert got == wanted, at
        at += 1
    assert at > 300


def test_the_queue_holds_what_lwip_sends_at_once():
    """6,400 bytes of JSON in segments of 800, each with the headers of TCP, IP and PPP, and a question for a name."""
    text = b'{"ID":"0123456789","VALUES":[{"A":1,"B":2},{"A":3,"B":4}]}' * 120
    burst = b"".join(hdlc.encode(0x21, bytes(40) + text[at : at + 800], 0) for at in range(0, 6400, 800))
    burst += hdlc.encode(0x21, bytes(28) + b"a-name-of-a-broker.example.org", 0)
    assert len(burst) <= prepare._QUEUE
