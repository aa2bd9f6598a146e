"""A line that loses, spoils, delays, cuts and adds: right or an error, and always in time."""

from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.core import compat
from firmware.iec102 import errors, timetag
from firmware.iec102.master import LinkAddress, Master
from tests.host.support import virtual_time
from tests.host.support.fake_ports import StationMeter, TinyMeter

TOTALS = bytes.fromhex("a30105010000c0301e88000000000034a608000000000000000000637517002490bf0311")
RANGE = bytes.fromhex("00001c031100001d0311")
HOURS = 12
SESSION_MS = 40000


def hour(i):
    """Increment `100 + i` labelled i:00."""
    return bytes.fromhex("0b010501000b01") + bytes((100 + i, 0, 0, 0, 0, 0, i, 0x5C, 3, 0x11))


def new_meter():
    curve = [bytes.fromhex("7b010701000b0101") + RANGE]
    curve += [hour(i) for i in range(1, HOURS + 1)]
    curve += [bytes.fromhex("7b010a01000b0101") + RANGE]
    return TinyMeter({123: curve, 162: [TOTALS]})


RIGHT = [8920624] + [100 + i for i in range(1, HOURS + 1)] + [8920624]


async def session(master, address):
    """Read once, a stream, once more; the values in order."""
    got = []

    async def totals():
        answer = await master.read(162, objects=(192,))
        got.append(answer.objects[0]["totals"][0]["value"])

    span = {
        "first": 1,
        "last": 1,
        "start": timetag.decode_a(RANGE),
        "end": timetag.decode_a(RANGE, 5),
    }
    try:
        await master.open(address)
        await totals()
        await master.stream(123, 11, (span,), lambda a: got.append(a.objects[0]["value"]))
        await totals()
    finally:
        await master.close()
    return got


# One fault of one frame. A single wrong byte is always noticed by the checksum, so is a cut; two
# wrong bytes may cancel each other out, which no master can notice: that is not among them.
fault = st.one_of(
    st.none(),
    st.none(),
    st.just(("lose",)),
    st.tuples(st.just("spoil"), st.integers(0, 300), st.integers(1, 255)),
    st.tuples(st.just("cut"), st.integers(1, 60)),
    st.tuples(st.just("behead"), st.integers(1, 60)),
    st.tuples(st.just("before"), st.binary(min_size=1, max_size=20)),
    st.tuples(st.just("after"), st.binary(min_size=1, max_size=20)),
    st.tuples(st.just("delay"), st.integers(1, 3000)),
    st.tuples(st.just("split"), st.integers(1, 30), st.integers(1, 150)),
)


def line_with(faults, echo_of=None):
    """A way of the line that treats frame after frame as the list says, then is good for ever."""
    plan = iter(faults)

    def way(data):
        what = next(plan, None)
        kind = what and what[0]
        if kind == "lose":
            return []
        if kind == "spoil":
            at = what[1] % len(data)
            data = data[:at] + bytes((data[at] ^ what[2],)) + data[at + 1 :]
        elif kind == "cut":
            data = data[: -what[1]]
        elif kind == "behead":
            data = data[what[1] :]
        elif kind == "before":
            data = what[1] + data
        elif kind == "after":
            data += what[1]
        elif kind == "delay":
            return [(what[1], data)]
        elif kind == "split":
            return [(0, data[: what[1]]), (what[2], data[what[1] :])]
        return [(0, data)] if data else []

    return way


def frames_only(receive):
    """The station behind a line: it answers whole good frames and nothing else, as a real one."""

    def serve(data):
        for at in range(len(data)):
            n = 6 if data[at] == 0x10 else data[at + 1] + 6 if at + 1 < len(data) else 0
            frame = data[at : at + n]
            if len(frame) != n or n < 6 or frame[-1] != 0x16:
                continue
            body = frame[1:-2] if data[at] == 0x10 else frame[4:-2]
            if data[at] in (0x10, 0x68) and sum(body) & 255 == frame[-2]:
                return receive(frame)
        return b""

    return serve


@settings(max_examples=300)
@given(st.lists(fault, max_size=40), st.lists(fault, max_size=40))
def test_right_or_an_error_in_time_and_the_next_session_is_clean(outward, homeward):
    meter = new_meter()
    station = StationMeter(frames_only(meter.receive), line_with(outward), line_with(homeward))
    address = LinkAddress(1, 1, 1, answer_ms=500, busy_ms=3000, session_ms=SESSION_MS)

    async def main():
        master = Master(station.port)
        for _ in range(60):
            began = compat.ticks_ms()
            try:
                got = await session(master, address)
            except errors.Iec102Error:
                got = None
            took = compat.ticks_ms() - began
            assert took <= SESSION_MS + 5000, "a session took %d ms" % took
            if got is not None:
                assert got == RIGHT
                if next(line, None) is None:
                    return master
        raise AssertionError("no session came through on a line that is good by now")

    line = iter(())
    master = virtual_time.run(main(), limit_s=4000)
    assert sum(master.errors.values()) <= 60


@settings(max_examples=100)
@given(st.binary(max_size=400), st.integers(0, 30))
def test_any_bytes_at_any_moment(junk, when):
    """A meter that says `junk` in place of one of its answers."""
    meter = new_meter()
    count = iter(range(10**6))
    station = StationMeter(meter.receive, to_master=lambda d: [(0, junk if next(count) == when else d)])
    address = LinkAddress(1, 1, 1, answer_ms=500, session_ms=SESSION_MS)

    async def main():
        return await session(Master(station.port), address)

    assert virtual_time.run(main(), limit_s=100) == RIGHT
