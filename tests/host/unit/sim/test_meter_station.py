"""The simulated meter's side of the protocol: link layer, every answer, every refusal, in virtual time."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.iec102 import asdu as codec
from tests.host.support.meter_reader import (
    ACK,
    DATA,
    NACK,
    NO_DATA,
    NOW,
    ZONE,
    Reader,
    curve,
    fixed,
    meter_of,
    opened,
    span,
    split,
    station,
    tag,
    variable,
)
from tools.meter.model import Meter
from tools.meter.station import Station

# --- the link


def test_the_dialogue_of_the_protocol_reference():
    """Protocol reference 7: link 1, point 1, password 1."""
    made = station(meter_of())
    for question, answer in (
        ("104901004a16", "100b01000c16"),
        ("104001004116", "100001000116"),
        ("680d0d68730100b70106010000010000003416", "100001000116"),
        ("105b01005c16", "680d0d68080100b7010701000001000000ca16"),
    ):
        assert [a.hex() for a in made.receive(bytes.fromhex(question))] == [answer]


def test_a_session_without_any_opening_of_the_link():
    """Protocol reference 2.3: the Actaris answered scripts that began with 183."""
    reader = Reader.of(station(meter_of()))
    assert reader.user_data(reader.request(183, objects=[{"password": 1}])) == ACK
    assert codec.decode(reader.poll()[1]).cause == 7


def test_frames_that_concern_nobody_are_ignored():
    made = station()
    good = fixed(0x49)
    assert made.receive(fixed(0x49, 2)) == []
    assert made.receive(fixed(0x0B)) == []  # PRM = 0: another meter's answer, or an echo of ours
    assert made.receive(bytes((good[0], good[1], good[2], good[3], good[4] ^ 1, good[5]))) == []
    assert made.receive(b"\x10\x49") == []
    assert made.waiting()
    assert made.receive(good[2:]) == [fixed(0x0B)]


def test_noise_before_a_frame_and_a_false_start():
    made = station()
    assert made.receive(b"\xff\xff\x10\x10\x00" + fixed(0x49)) == [fixed(0x0B)]
    # A false start that claims the frame behind it: the silence after it gives the claim up.
    assert made.receive(b"\x68\x20\x20\x68" + fixed(0x49)) == []
    assert made.waiting()
    assert made.silence() == [fixed(0x0B)]


@pytest.mark.parametrize("control", [0x41, 0x44, 0x48, 0x74, 0x7F])
def test_unknown_functions_get_a_nack(control):
    assert station().receive(fixed(control)) == [fixed(NACK)]


def test_there_is_no_class_1_data():
    reader, made = opened()
    reader.user_data(reader.request(100))
    assert made.receive(fixed(reader._next(0x4A))) == [fixed(NO_DATA)]
    # The class 2 data is still there.
    assert codec.decode(reader.poll()[1]).type == 71


def test_a_poll_without_a_request_says_no_data():
    reader, _ = opened()
    assert reader.poll() == (NO_DATA, None)


def test_a_request_that_is_no_asdu_gets_a_nack():
    reader, _ = opened()
    assert reader.user_data(bytes((162, 3, 5, 1, 0, 0, 192))) == NACK
    assert reader.user_data(bytes((122, 1, 6, 1, 0, 11, 1))) == NACK


def test_a_repetition_gets_the_same_answer_and_is_not_executed_again():
    meter = Meter(2, lambda: NOW)
    reader, made = opened(meter)
    executed = made.executed
    order = variable(reader._next(0x43), reader.request(181, objects=[{"time": tag("2026-06-15 12:30S")}]))
    first = made.receive(order)
    ahead = meter.clock() - NOW
    assert made.receive(order) == first == [fixed(ACK)]
    assert made.executed == executed + 1 and made.repeated == 1
    assert meter.clock() - NOW == ahead == 570
    poll = fixed(reader._next(0x4B))
    assert made.receive(poll) == made.receive(poll)
    assert made.repeated == 2


def test_a_repeated_poll_does_not_advance_a_stream():
    reader, made = opened()
    reader.user_data(reader.request(123, 11, span("2026-06-14 00:00", "2026-06-14 05:00", first=1, last=1)))
    frames = []
    for _ in range(7):
        poll = fixed(reader._next(0x4B))
        frames.append(made.receive(poll)[0])
        assert made.receive(poll) == [frames[-1]]
    assert len(set(frames)) == 7
    assert codec.decode(split(frames[-1])[2]).cause == 10


def test_link_status_between_polls_changes_nothing():
    reader, made = opened()
    reader.user_data(reader.request(100))
    assert reader.status() == fixed(0x0B)
    assert codec.decode(reader.poll()[1]).type == 71
    assert reader.status() == fixed(0x0B)
    assert reader.poll() == (NO_DATA, None)


def test_a_reset_forgets_the_request_and_the_fcb():
    reader, made = opened()
    reader.user_data(reader.request(100))
    assert reader.reset() == fixed(ACK)
    assert reader.poll() == (NO_DATA, None)


def test_a_new_request_takes_the_place_of_an_unfinished_stream():
    reader, _ = opened()
    reader.user_data(reader.request(123, 11, span("2026-06-01 00:00", "2026-06-10 00:00", first=1, last=8)))
    reader.poll()
    reader.poll()
    assert [a.type for a in reader.ask(100)] == [71]


def test_a_bad_request_ends_what_was_under_way():
    reader, made = opened()
    reader.user_data(reader.request(123, 11, totals("2026-06-01 00:00", "2026-06-10 00:00")))
    reader.poll()
    assert reader.user_data(bytes((122, 1, 6, 1, 0, 11, 1))) == NACK
    assert reader.poll() == (NO_DATA, None)
    # Neither does an answer that was held back while the meter was busy come later.
    made.busy = 2
    reader.user_data(reader.request(100))
    assert reader.poll()[0] == NO_DATA
    made.busy = 0
    assert [a.type for a in reader.ask(103)] == [72]


def test_busy_says_no_data_before_each_answer():
    reader, made = opened()
    made.busy = 3
    request = reader.request(123, 11, span("2026-06-14 00:00", "2026-06-14 02:00", first=1, last=1))
    assert reader.user_data(request) == ACK
    functions = [reader.poll()[0] for _ in range(16)]
    assert functions == [NO_DATA, NO_DATA, NO_DATA, DATA] * 4


def test_an_unplugged_meter_is_silent():
    made = station()
    made.plugged = False
    assert made.receive(fixed(0x49)) == []
    made.plugged = True
    assert made.receive(fixed(0x49)) == [fixed(0x0B)]


# --- the session


@pytest.mark.parametrize("way", ["negative", "nack", "silent"])
def test_a_wrong_password(way):
    made = station(wrong_password=way)
    reader = Reader.of(made)
    reader.reset()
    answer = reader.user_data(reader.request(183, objects=[{"password": 2}]))
    assert answer == {"negative": ACK, "nack": NACK, "silent": None}[way]
    if way == "negative":
        refused = codec.decode(reader.poll()[1])
        assert (refused.type, refused.cause, refused.negative) == (183, 7, True)
        assert refused.objects == [{"password": 2}]
    assert not made.open


@pytest.mark.parametrize("way", ["nack", "refuse", "silent", "allow"])
def test_a_request_before_the_session(way):
    reader = Reader.of(station(meter_of(), before_session=way))
    reader.reset()
    answer = reader.user_data(reader.request(100))
    assert answer == {"nack": NACK, "refuse": ACK, "silent": None, "allow": ACK}[way]
    if way in ("refuse", "allow"):
        found = codec.decode(reader.poll()[1])
        assert (found.type, found.cause) == {"refuse": (100, 13), "allow": (71, 5)}[way]


def test_a_session_ends_with_187():
    reader, made = opened()
    answers = reader.ask(187)
    assert [(a.type, a.cause, a.vsq) for a in answers] == [(187, 7, 0)]
    assert reader.user_data(reader.request(100)) == NACK


def test_silence_ends_a_session():
    clock = [0]
    made = Station(meter_of(), session_s=120, ticks=lambda: clock[0])
    reader = Reader.of(made)
    reader.login()
    clock[0] += 120
    assert reader.user_data(reader.request(100)) == ACK
    clock[0] += 121
    assert reader.user_data(reader.request(100)) == NACK


def test_a_session_leaves_its_events():
    meter = Meter(2, lambda: NOW)
    reader, _ = opened(meter)
    reader.ask(187)
    assert [e[1:] for e in meter.events.of(129, NOW, NOW)] == [(18, 2, 1), (18, 2, 0)]


# --- anything at all

TIMES = st.builds(
    lambda fields: bytes((fields[0], fields[1], fields[2], fields[3], fields[4])),
    st.tuples(*[st.integers(0, 255)] * 5)
    | st.tuples(
        st.integers(0, 59),
        st.integers(0, 23),
        st.integers(1, 28),
        st.integers(1, 12),
        st.integers(20, 28),
    ),
)
BODIES = {
    **dict.fromkeys((102, 134), st.tuples(TIMES, TIMES).map(b"".join)),
    **dict.fromkeys((122, 123), st.tuples(st.binary(min_size=2, max_size=2), TIMES, TIMES).map(b"".join)),
    **dict.fromkeys(
        (189, 190),
        st.tuples(st.sampled_from((b"\x09", b"\x0a", b"\x0b")), TIMES, TIMES).map(b"".join),
    ),
    181: st.tuples(st.binary(min_size=2, max_size=2), TIMES).map(b"".join),
    **dict.fromkeys((100, 103, 133, 141, 144, 147, 182, 187), st.just(b"")),
}
RECORDS = {
    **dict.fromkeys((133, 134, 144, 147, 150), (134, 135, 136)),
    **dict.fromkeys((122, 123, 189, 190), (11, 12, 21)),
    102: (52, 53, 129, 131),
}
REQUESTS = st.sampled_from((*sorted(BODIES), 133, 181, 181)).flatmap(
    lambda type: st.tuples(st.just(type), st.sampled_from(RECORDS.get(type, (0,))) | st.integers(0, 255), BODIES[type])
) | st.tuples(st.integers(0, 255), st.integers(0, 255), st.binary(max_size=40))


@given(st.lists(REQUESTS, min_size=1, max_size=6), st.integers(-100, 100))
@settings(max_examples=300)
def test_no_request_brings_it_down(requests, drift):
    """Its clock may have been set anywhere before: every answer is a good frame."""
    now = [NOW]
    reader, _ = opened(Meter(2, lambda: now[0], drift_ppm=drift, installed=(2025, 12, 1)), session_s=10**9)
    for type, record, body in requests:
        now[0] += 4000
        count = len(body) if type in (150, 156, 162) else 1
        asdu = bytes((type, count, 6, 1, 0, record)) + body
        if reader.user_data(asdu) == NACK:
            continue
        for _ in range(5):
            control, answer = reader.poll()
            if control == NO_DATA:
                break
            codec.decode(answer) if answer[0] in codec.TYPES else answer
    assert reader.login().cause == 7


EVER = ("2000-01-01 00:00", "2127-12-31 00:00")


@pytest.mark.parametrize("date", ["2000-01-01 00:00", "2021-12-31 23:00", "2025-12-10 00:00", "2127-12-31 23:59"])
def test_a_clock_set_to_any_date(date):
    now = [NOW]
    reader, _ = opened(Meter(2, lambda: now[0]), session_s=10**9)
    assert reader.ask(181, objects=[{"time": tag(date)}])[0].cause == 7
    now[0] += 3600
    assert reader.ask(103)[0].type == 72
    assert len(reader.data(133, 134)) == 7
    for type, record, more in ((134, 134, {}), (102, 53, {}), (122, 21, {"first": 1, "last": 6})):
        answers = reader.ask(type, record, span(*EVER, **more))
        assert answers[-1].cause in (10, 13, 18)


@given(st.lists(st.binary(max_size=300), max_size=10))
@settings(max_examples=100)
def test_no_bytes_bring_it_down(pieces):
    made = station(meter_of())
    for piece in pieces:
        for answer in made.receive(piece):
            split(answer)
    made.silence()
    assert made.receive(fixed(0x49)) == [fixed(0x0B)]


# --- refusals

RANGE = span("2026-06-14 00:00", "2026-06-14 05:00")
TOTALS = span("2026-06-14 00:00", "2026-06-14 05:00", first=1, last=8)


def totals(start, end, first=1, last=8):
    return span(start, end, first=first, last=last)


@pytest.mark.parametrize(
    ("cause", "request_"),
    [
        (13, (122, 13, TOTALS)),
        (13, (134, 137, RANGE)),
        (13, (133, 138, ())),
        (13, (102, 55, span("2026-06-14 00:00", "2026-06-14 00:01"))),
        (14, (158, 0, ())),
        (14, (137, 134, ())),
        (15, (122, 99, TOTALS)),
        (15, (190, 99, span("2026-06-14 00:00", "2026-06-14 05:00", address=9))),
        (15, (102, 77, RANGE)),
        (15, (134, 11, RANGE)),
        (15, (133, 0, ())),
        (15, (144, 11, ())),
        (15, (147, 11, ())),
        (15, (150, 11, (193,))),
        (17, (162, 0, (192, 195))),
        (17, (156, 0, (202,))),
        (17, (150, 134, (192,))),
        (17, (122, 11, totals("2026-06-14 00:00", "2026-06-14 05:00", 1, 9))),
        (17, (123, 11, totals("2026-06-14 00:00", "2026-06-14 05:00", 0, 1))),
        (17, (189, 11, span("2026-06-14 00:00", "2026-06-14 05:00", address=12))),
        (18, (122, 11, totals("2026-06-14 05:00", "2026-06-14 00:00"))),
        (18, (122, 11, totals("2027-06-14 00:00", "2027-06-15 00:00"))),
        (18, (123, 12, totals("2020-06-14 00:00", "2020-06-15 00:00"))),
        (18, (123, 11, totals("2026-06-14 00:00", "2026-06-14 00:59"))),
        (18, (190, 12, span("2026-00-00 00:00", "2026-06-14 05:00", address=9))),
        (18, (134, 134, span("2026-06-02 00:00", "2026-06-10 00:00"))),
        (18, (102, 52, span("2026-06-14 05:00", "2026-06-14 00:00"))),
        (18, (134, 134, span("2026-06-14 05:00", "2026-05-14 00:00"))),
        (18, (102, 52, span("2026-02-30 00:00", "2026-06-10 00:00"))),
        (18, (181, 0, [{"time": tag("2026-06-31 00:00")}])),
        (18, (181, 0, ())),
    ],
)
def test_refusals(cause, request_):
    reader, made = opened()
    type, record, objects = request_
    asdu = bytes(reader_asdu(reader, type, record, objects))
    assert reader.user_data(asdu) == ACK
    control, answer = reader.poll()
    assert control == DATA
    # Mirrored byte for byte, the cause apart, and P/N = 0 (protocol reference 3.1).
    assert answer == asdu[:2] + bytes((cause,)) + asdu[3:]
    assert reader.poll() == (NO_DATA, None)
    # The session goes on.
    assert reader.ask(100)[0].type == 71
    assert made.refused == 1


def reader_asdu(reader, type, record, objects):
    """The bytes of a request, of types the codec does not know too."""
    if type not in codec.TYPES:
        return bytes((type, 0, 5, 1, 0, record))
    buf = bytearray(300)
    return buf[: codec.encode(reader.request(type, record, objects), buf)]


@pytest.mark.parametrize("type", [100, 133, 162, 183])
def test_a_wrong_measuring_point(type):
    reader, _ = opened()
    objects = {162: (192,), 183: [{"password": 1}]}.get(type, ())
    assert reader.refusal(type, 134, objects, point=2) == 16


@pytest.mark.parametrize("type", [190, 189, 162, 103, 181])
def test_types_that_are_switched_off(type):
    reader, _ = opened(no_types=(type,))
    objects = {
        190: span("2026-06-14 00:00", "2026-06-14 05:00", address=9),
        162: (192,),
        181: [{"time": tag("2026-06-14 00:00S")}],
    }
    objects[189] = objects[190]
    assert reader.refusal(type, 11, objects.get(type, ())) == 14


def test_a_range_without_events_may_end_at_once():
    reader, _ = opened(no_events="end")
    assert reader.data(102, 55, span("2026-06-14 00:00", "2026-06-14 00:01")) == []


# --- speed


def test_ten_days_of_three_meters_add_up():
    """Virtual time: 960 quarter-hour reads of three meters, session by session, then their curve."""
    begin = ZONE.to_utc(2026, 5, 1, 0, 0, 0)
    now = [begin]
    readers = [Reader.of(Station(Meter(seed, lambda: now[0]), seed, 1, 1)) for seed in (1, 2, 3)]
    reads = [[] for _ in readers]
    for quarter in range(10 * 96):
        now[0] = begin + quarter * 900
        for reader, kept in zip(readers, reads, strict=True):
            reader.login()
            kept.append(reader.ask(162, objects=(192, 193, 194))[0].objects[0]["totals"][0]["value"])
            reader.ask(187)
    now[0] += 900
    for reader, kept in zip(readers, reads, strict=True):
        reader.login()
        increments = curve(reader, 123, 12, "2026-05-01 00:00", "2026-05-11 00:00", 1, 1)
        assert len(increments) == len(kept)
        total = kept[0]
        for asdu, shown in zip(increments, kept[1:], strict=False):
            total += asdu.objects[0]["value"]
            assert total == shown
