"""The master against dialogues byte for byte and against a meter that misbehaves in one way at a
time.
"""

import json
from pathlib import Path

import pytest

from firmware.core import compat
from firmware.iec102 import errors, timetag
from firmware.iec102.master import LinkAddress, Master
from tests.host.support import virtual_time
from tests.host.support.fake_ports import (
    MemoryPort,
    ScriptedMeter,
    StationMeter,
    TinyMeter,
    fixed,
    variable,
)

STATUS = (bytes.fromhex("104901004a16"), bytes.fromhex("100b01000c16"))
RESET = (bytes.fromhex("104001004116"), bytes.fromhex("100001000116"))
ACK = bytes.fromhex("100001000116")
POLL_0 = bytes.fromhex("105b01005c16")
POLL_1 = bytes.fromhex("107b01007c16")
PASSWORD = (
    (bytes.fromhex("680d0d68730100b70106010000010000003416"), ACK),
    (POLL_0, bytes.fromhex("680d0d68080100b7010701000001000000ca16")),
)
OPENING = (STATUS, RESET) + PASSWORD
GOODBYE = bytes.fromhex("bb0006010000")
TOTALS = bytes.fromhex("a30105010000c0301e88000000000034a608000000000000000000637517002490bf0311")

# 24 hourly increments would be the whole day; these are the ones that were captured.
HOURS = [
    "681414680801000b010501000b016c0000000000815c03118416",
    "681414680801000b010501000b01700000000000835c03118a16",
    "681414680801000b010501000b01790000000000885c03119816",
    "681414680801000b010501000b01930000000000895c0311b316",
    "681414680801000b010501000b017a0000000000807d0311b216",
]
HOURS = [bytes.fromhex(text) for text in HOURS]


VECTORS = json.loads((Path(__file__).resolve().parents[2] / "support" / "data" / "vectors.json").read_text())


def tag(text):
    raw = bytes.fromhex(text)
    return timetag.decode_b(raw) if len(raw) == 7 else timetag.decode_a(raw)


def address(**options):
    options.setdefault("answer_ms", 500)
    return LinkAddress(1, 1, 1, **options)


def goodbye(fcb, link=1):
    """Request, acknowledgement, poll and answer of the end of a session; `fcb` of the request."""
    first, second = (0x73, 0x5B) if fcb else (0x53, 0x7B)
    return (
        (variable(first, GOODBYE, link), fixed(0, link)),
        (fixed(second, link), variable(0x08, GOODBYE[:2] + b"\x07" + GOODBYE[3:], link)),
    )


def play(script, work, where=None, paced=False):
    """Run `work(master)` between open and close against `script`.

    Every byte of the master must fit.
    """
    meter = ScriptedMeter(script, paced=paced)

    async def main():
        master = Master(meter.port)
        await master.open(where or address())
        result = await work(master)
        await master.close()
        return result

    result = virtual_time.run(main(), limit_s=600)
    assert meter.wrong is None
    assert meter.done
    return result


# --- dialogues (protocol reference 7 and its vectors), byte for byte


def dialogue(name):
    """(frame of the master, answer) pairs of a dialogue of the vectors."""
    frames = {f["id"]: f for f in VECTORS["frames"]}
    (found,) = [d["frames"] for d in VECTORS["dialogues"] if d["name"].startswith(name)]
    raw = [bytes.fromhex(frames[i]["hex"]) for i in found]
    return tuple(zip(raw[::2], raw[1::2]))


def test_instantaneous_read_as_captured():
    async def work(master):
        return await master.read(162, objects=(192,))

    script = (STATUS, RESET) + dialogue("ICRA instantaneous") + goodbye(1)
    answer = play(script, work)
    assert answer.type == 163
    assert [t["value"] for t in answer.objects[0]["totals"]] == [8920624, 0, 566836, 0, 0, 1537379]


def test_load_curve_as_captured_with_the_meter_busy_in_the_middle():
    ask = bytes.fromhex("681515687301007b010601000b010100001c031100001d031165") + b"\x16"
    confirm = bytes.fromhex("681515680801007b010701000b010100001c031100001d0311fb16")
    end = bytes.fromhex("681515680801007b010a01000b010100001c031100001d0311fe16")
    busy = bytes.fromhex("100901000a16")
    script = OPENING + (
        (ask, ACK),
        (POLL_0, confirm),
        (POLL_1, HOURS[0]),
        (POLL_0, HOURS[1]),
        (POLL_1, busy),
        (POLL_0, busy),
        (POLL_1, HOURS[2]),
        (POLL_0, HOURS[3]),
        (POLL_1, HOURS[4]),
        (POLL_0, end),
    )

    async def work(master):
        got = []
        what = [{"first": 1, "last": 1, "start": tag("00001c0311"), "end": tag("00001d0311")}]
        count = await master.stream(123, 11, what, got.append)
        return count, [(a.objects[0]["value"], a.time.hour) for a in got]

    count, got = play(script + goodbye(1), work)
    assert count == 5
    assert got == [(108, 1), (112, 3), (121, 8), (147, 9), (122, 0)]


def test_absolute_totals_with_a_second_status_as_documented():
    end = bytes.fromhex("6815156808581b7a010a01000b0108010012090900001309095f16")
    script = dialogue("CIEMAT opening") + ((bytes.fromhex("105b581bce16"), end),)

    async def work(master):
        got = []
        what = [{"first": 1, "last": 8, "start": tag("0100120909"), "end": tag("0000130909")}]
        assert await master.stream(122, 11, what, got.append) == 1
        return got[0]

    where = LinkAddress(7000, 1, 7)
    where.second_status = True
    answer = play(script + goodbye(1, 7000), work, where)
    assert [o["value"] for o in answer.objects][:2] == [280, 204654]


def test_a_refused_period_as_captured():
    ask = variable(0x73, bytes.fromhex("7b010601000b010100000103110000200311"))
    refusal = bytes.fromhex("681515680801007b011201000b010100000103110000200311ee16")
    script = OPENING + ((ask, ACK), (POLL_0, refusal))

    async def work(master):
        what = [{"first": 1, "last": 1, "start": tag("0000010311"), "end": tag("0000200311")}]
        with pytest.raises(errors.NotAvailableError) as caught:
            await master.stream(123, 11, what, None)
        return caught.value

    refused = play(script + goodbye(1), work)
    assert refused.cause == 18
    assert "period" in str(refused)


def test_months_of_captured_hours_in_one_stream():
    """All hourly frames that were captured, FCB alternating to the last."""
    hours = [bytes.fromhex(text) for text in VECTORS["bulk_hourly"]["hex"]]
    body = bytes.fromhex("010100000105100000030910")
    head = bytes.fromhex("7b010001000b")

    def mirror(cause):
        return head[:2] + bytes((cause,)) + head[3:] + body

    script = [*OPENING, (variable(0x73, mirror(6)), ACK)]
    script.append((POLL_0, variable(0x08, mirror(7))))
    for i, frame in enumerate(hours):
        script.append((POLL_0 if i & 1 else POLL_1, frame))
    script.append((POLL_0 if len(hours) & 1 else POLL_1, variable(0x08, mirror(10))))
    total = 0

    def add(asdu):
        nonlocal total
        total += asdu.objects[0]["value"]

    async def work(master):
        what = {"first": 1, "last": 1, "start": tag(body[2:7].hex()), "end": tag(body[7:].hex())}
        return await master.stream(123, 11, (what,), add)

    assert play(script + list(goodbye(len(hours) & 1)), work) == len(hours)
    assert total == sum(int.from_bytes(h[14:18], "little") for h in hours)


# --- repetition and FCB


def outcome(meter, work=None, where=None, **line):
    """(result or error, master, port, ms) of open, `work`, close against a station."""
    station = StationMeter(meter.receive, **line)

    async def main():
        master = Master(station.port)
        try:
            await master.open(where or address())
            result = await (work or read_totals)(master)
        except errors.Iec102Error as error:
            result = error
        await master.close()
        return result, master, compat.ticks_ms()

    result, master, ms = virtual_time.run(main(), limit_s=600)
    return result, master, station.port, ms


async def read_totals(master):
    return (await master.read(162, objects=(192,))).objects[0]["totals"][0]["value"]


def fcb_of(frame):
    control = frame[1] if frame[0] == 0x10 else frame[4]
    return (control & 0x20) >> 5 if control & 0x10 else None


def lose(*numbers):
    """A line that loses the frames with these numbers (from 0)."""
    count = iter(range(10**6))
    return lambda data: [] if next(count) in numbers else [(0, data)]


def test_fcb_starts_at_one_and_alternates_over_both_functions():
    meter = TinyMeter({162: [TOTALS]})
    value, master, line, _ = outcome(meter)
    assert value == 8920624
    assert [fcb_of(f) for f in line.sent] == [None, None, 1, 0, 1, 0, 1, 0]
    assert master.errors == {}


@pytest.mark.parametrize("way", ["to_meter", "to_master"])
@pytest.mark.parametrize("lost", range(8))
def test_a_lost_frame_is_repeated_with_the_same_fcb(way, lost):
    meter = TinyMeter({162: [TOTALS]})
    value, master, line, ms = outcome(meter, **{way: lose(lost)})
    assert value == 8920624
    if lost == 6 or lost == 7:
        return  # the goodbye is said once
    assert line.sent[lost] == line.sent[lost + 1]
    # Back in step through a status request; a repeated status is one itself.
    assert len(line.sent) == (10 if lost else 9)
    assert lost == 0 or line.sent[lost + 2] == STATUS[0]
    assert master.link.repeats == 1
    assert ms < 1500
    # A repetition is not executed twice.
    assert [a[0] for a in meter.executed] == [183, 162, 187]


def test_a_spoilt_answer_is_asked_for_again_after_silence():
    count = iter(range(100))

    def spoil(data):
        if next(count) == 5:
            return [(0, data[:9] + bytes((data[9] ^ 4,)) + data[10:])]
        return [(0, data)]

    value, master, line, ms = outcome(TinyMeter({162: [TOTALS]}), to_master=spoil)
    assert value == 8920624
    assert line.sent[5] == line.sent[6]
    # The answer after 20 ms, a gap of 200 ms instead of the whole answer time, 33 bit times.
    assert 223 <= line.sent_at[6] - line.sent_at[5] <= 230


def test_good_frames_follow_without_a_pause():
    meter = TinyMeter({162: [TOTALS]})
    _, _, line, ms = outcome(meter, answer_ms=0)
    assert ms <= 10  # the drain before the very first session only
    _, _, line, ms = outcome(meter, answer_ms=0, where=address(turnaround_ms=50))
    assert 8 * 50 <= ms <= 8 * 50 + 20


def test_answers_that_are_late_do_not_get_the_exchange_out_of_step():
    """Every answer comes after the repetition went out, so everything arrives twice."""
    meter = TinyMeter(
        {
            123: [bytes.fromhex("7b010701000b010100001c031100001d0311")]
            + [h[7:-2] for h in HOURS]
            + [bytes.fromhex("7b010a01000b010100001c031100001d0311")],
            162: [TOTALS],
        }
    )
    what = [{"first": 1, "last": 1, "start": tag("00001c0311"), "end": tag("00001d0311")}]

    async def work(master):
        got = []
        for _ in range(2):
            await master.stream(123, 11, what, lambda a: got.append(a.objects[0]["value"]))
            got.append(await read_totals(master))
        return got

    got, master, line, _ = outcome(meter, work, answer_ms=700)
    assert got == [108, 112, 121, 147, 122, 8920624] * 2
    assert master.link.repeats > 10


def test_a_lost_record_is_asked_for_again_even_when_answers_are_late():
    """The second copy of a "no data" must not pass for the answer to the next poll.

    It would put the master one answer behind; the next frame that is lost would never be repeated.
    """
    confirm = bytes.fromhex("7b010701000b010100001c031100001d0311")
    end = bytes.fromhex("7b010a01000b010100001c031100001d0311")
    what = [{"first": 1, "last": 1, "start": tag("00001c0311"), "end": tag("00001d0311")}]

    async def work(master):
        got = []
        await master.stream(123, 11, what, lambda a: got.append(a.objects[0]["value"]))
        return got

    for lost in range(40):
        meter = TinyMeter({123: [confirm] + [h[7:-2] for h in HOURS] + [end]})
        meter.busy = 1
        got, *_ = outcome(meter, work, answer_ms=700, to_master=lose(lost))
        assert got == [108, 112, 121, 147, 122]


# --- each error


def test_no_answer():
    error, master, line, ms = outcome(TinyMeter(), to_meter=lambda data: [])
    assert type(error) is errors.NoAnswerError
    assert len(line.sent) == 4
    assert len(set(line.sent)) == 1
    assert 2000 <= ms <= 2200
    assert master.errors == {"NoAnswerError": 1}


def test_a_line_that_takes_no_bytes():
    async def main():
        line = MemoryPort()
        line.stuck = True
        with pytest.raises(errors.NoAnswerError):
            await Master(line).open(address())

    virtual_time.run(main(), limit_s=60)


def test_another_meter_answers():
    error, *_ = outcome(TinyMeter(link=2), to_meter=lambda d: [(0, fixed(d[1], 2))])
    assert type(error) is errors.WrongLinkError


def test_only_garbage_comes_back():
    error, _, line, _ = outcome(TinyMeter(), to_master=lambda d: [(0, d[:4] + b"\x99" + d[5:])])
    assert type(error) is errors.GarbledError
    assert isinstance(error, errors.NoAnswerError)


@pytest.mark.parametrize("kind", [183, 162])
def test_nack(kind):
    meter = TinyMeter({162: [TOTALS]})
    meter.nack = (kind,)
    error, master, *_ = outcome(meter)
    assert type(error) is errors.NackError


@pytest.mark.parametrize("answer", ["b7014701000001000000", "b7014e01000001000000", "b7010d01000001000000"])
def test_wrong_password(answer):
    error, *_ = outcome(TinyMeter({183: [bytes.fromhex(answer)]}))
    assert type(error) is errors.PasswordError


@pytest.mark.parametrize(
    "cause, word",
    [
        (13, "record"),
        (14, "type"),
        (15, "record"),
        (16, "point"),
        (17, "object"),
        (18, "period"),
    ],
)
def test_what_is_not_available_is_said_in_words(cause, word):
    meter = TinyMeter({162: [bytes((162, 1, cause, 1, 0, 0, 192))]})
    error, master, *_ = outcome(meter)
    assert type(error) is errors.NotAvailableError
    assert error.cause == cause
    assert word in str(error)
    # The line is fine, so the session was closed properly.
    assert meter.executed[-1][0] == 187


@pytest.mark.parametrize("body", ["", "c0c1", "00" * 40])
def test_a_refusal_counts_whatever_follows_its_head(body):
    meter = TinyMeter({162: [bytes.fromhex("a2000e010000" + body)]})
    error, *_ = outcome(meter)
    assert type(error) is errors.NotAvailableError
    assert error.cause == 14


def test_a_negative_flag_is_a_refusal():
    error, *_ = outcome(TinyMeter({162: [bytes((162, 1, 0x47, 1, 0, 0, 192))]}))
    assert type(error) is errors.NotAvailableError


@pytest.mark.parametrize(
    "asdu",
    [
        "470105010000" + "2442c612e102",  # type 71
        "a30105020000" + TOTALS.hex()[12:],  # point 2
        "a3010a010000" + TOTALS.hex()[12:],  # cause 10
        "a2010a010000c0",  # termination without data
    ],
)
def test_unexpected_asdu(asdu):
    error, *_ = outcome(TinyMeter({162: [bytes.fromhex(asdu)]}))
    assert type(error) is errors.UnexpectedAsduError


def test_an_asdu_of_wrong_length_is_the_codecs_error():
    error, *_ = outcome(TinyMeter({162: [TOTALS[:-1]]}))
    assert isinstance(error, errors.Iec102Error)
    assert not isinstance(error, errors.NoAnswerError)


def test_busy_for_a_while_is_waited_for():
    meter = TinyMeter({162: [TOTALS]})
    meter.busy = 5
    value, master, line, ms = outcome(meter)
    assert value == 8920624
    assert master.busy_polls == 15
    assert 3000 <= ms <= 3500
    assert [fcb_of(f) for f in line.sent][2:] == [1, 0] * 10 + [1]


def test_busy_too_long():
    meter = TinyMeter({162: []})
    error, master, _, ms = outcome(meter, where=address(busy_ms=3000))
    assert type(error) is errors.BusyError
    assert 3000 <= ms <= 3600
    assert meter.executed[-1][0] == 187


def test_no_more_data_please():
    meter = TinyMeter({162: [TOTALS]})
    meter.dfc = 4
    value, _, line, _ = outcome(meter)
    assert value == 8920624
    assert [f for f in line.sent if f == STATUS[0]] == [STATUS[0]] * 3


def test_never_any_more_data():
    meter = TinyMeter({162: [TOTALS]})
    meter.dfc = 10**9
    error, _, _, ms = outcome(meter, where=address(busy_ms=3000))
    assert type(error) is errors.BusyError
    assert ms < 4000


def endless(meter):
    """The outcome of a stream that polls never get to the end of."""

    async def work(master):
        what = [{"first": 1, "last": 1, "start": tag("00001c0311"), "end": tag("00001d0311")}]
        return await master.stream(123, 11, what, lambda a: None)

    return outcome(meter, work, where=address(session_ms=30000))


def test_the_session_ends_while_it_waits_for_an_answer():
    where = address(answer_ms=5000, session_ms=2000)
    error, _, _, ms = outcome(TinyMeter(), to_meter=lambda data: [], where=where)
    assert type(error) is errors.SessionDeadlineError
    assert 2000 <= ms <= 2010


def test_the_session_ends_whatever_the_meter_does():
    def hours(n):
        return [bytes.fromhex("7b010701000b010100001c031100001d0311")] + [
            HOURS[0][7:-7] + bytes((i & 31, i >> 5 & 15, 0x5C, 3, 0x11)) for i in range(n)
        ]

    error, _, _, ms = endless(TinyMeter({123: hours(5000)}))
    assert type(error) is errors.SessionDeadlineError
    assert 30000 <= ms <= 30600


def test_a_line_that_babbles_for_ever():
    async def main():
        line = MemoryPort()

        async def babble():
            while True:
                line.deliver(bytes((0x10, 0x68, 0x68, 0x49, 0x16, 0xFF)))
                await compat.sleep_ms(5)

        task = virtual_time.asyncio.create_task(babble())
        master = Master(line)
        with pytest.raises(errors.Iec102Error) as caught:
            await master.open(address(session_ms=20000))
        task.cancel()
        await master.close()
        return caught.value, compat.ticks_ms()

    error, ms = virtual_time.run(main(), limit_s=100)
    assert ms <= 20100
    assert type(error) in (errors.GarbledError, errors.SessionDeadlineError)


# --- quirks (protocol reference 8)


def test_leading_ff_and_noise():
    junk = bytes.fromhex("fffffffff76dcfff")
    value, master, *_ = outcome(TinyMeter({162: [TOTALS]}), to_master=lambda d: [(0, junk + d)])
    assert value == 8920624
    assert master.link.repeats == 0


def test_noise_before_an_answer_that_takes_its_time():
    value, master, *_ = outcome(TinyMeter({162: [TOTALS]}), to_master=lambda d: [(0, b"\xff\x10"), (400, d)])
    assert value == 8920624
    assert master.link.repeats == 0


def test_an_echo_is_no_answer():
    meter = TinyMeter({162: [TOTALS]})
    value, master, *_ = outcome(meter, to_master=lambda d: [(0, meter.seen[-1]), (300, d)])
    assert value == 8920624
    assert master.link.repeats == 0


def test_an_echo_of_the_reset_is_no_acknowledgement():
    """Its function, 0, is that of an ACK; only the PRM bit tells."""
    meter = TinyMeter({162: [TOTALS]})
    station = StationMeter(meter.receive, to_meter=lose(*range(1, 99)))
    deliver = station._on_send

    def echoing(data):
        station.port.deliver(data)
        deliver(data)

    station.port.on_send = echoing

    async def main():
        with pytest.raises(errors.NoAnswerError):
            await Master(station.port).open(address())

    virtual_time.run(main(), limit_s=60)
    assert station.port.sent == [STATUS[0]] + [RESET[0]] * 4


def test_a_false_start_that_claims_the_answer():
    value, master, _, ms = outcome(TinyMeter({162: [TOTALS]}), to_master=lambda d: [(0, b"\x68\xff\xff\x68" + d)])
    assert value == 8920624
    assert master.link.repeats == 0
    assert ms <= 8 * 250


def test_half_a_frame_behind_an_answer_is_forgotten():
    value, master, _, ms = outcome(TinyMeter({162: [TOTALS]}), to_master=lambda d: [(0, d + HOURS[0][:9])])
    assert value == 8920624
    assert master.link.repeats == 0
    assert ms <= 200


def test_what_came_before_the_request_is_no_answer_to_it():
    station = StationMeter(TinyMeter({162: [TOTALS]}).receive)

    async def main():
        master = Master(station.port)
        await master.open(address())
        station.port.deliver(fixed(0x01))  # a NACK to nothing
        return await read_totals(master)

    assert virtual_time.run(main(), limit_s=60) == 8920624


def test_an_old_answer_before_the_acknowledgement_is_passed_over():
    meter = TinyMeter({162: [TOTALS]})

    def late(data):
        return [(0, HOURS[0] + data if data == ACK and len(meter.executed) == 2 else data)]

    value, master, *_ = outcome(meter, to_master=late)
    assert value == 8920624
    assert master.link.ignored == 1


def test_a_spoilt_echo_does_not_hide_the_answer():
    meter = TinyMeter({162: [TOTALS]})

    def line(data):
        echo = bytearray(meter.seen[-1])
        echo[1] ^= 0x31
        return [(-20, echo), (300, data)]

    value, master, *_ = outcome(meter, to_master=line, where=address(answer_ms=2000))
    assert value == 8920624


def test_foreign_traffic_is_passed_over():
    foreign = bytes.fromhex("010300000002c40b") + fixed(0x00, 9)
    value, master, *_ = outcome(TinyMeter({162: [TOTALS]}), to_master=lambda d: [(0, foreign), (100, d)])
    assert value == 8920624


def test_a_single_character_is_an_acknowledgement():
    meter = TinyMeter({162: [TOTALS]})
    meter.single = True
    value, master, *_ = outcome(meter)
    assert value == 8920624
    assert master.link.repeats == 0


def test_a_single_character_never_stands_for_no_data():
    """As noise before the answer to a poll it would put the master one answer behind."""
    meter = TinyMeter({162: [TOTALS]})
    value, master, *_ = outcome(meter, to_master=lambda d: [(0, b"\xe5"), (90, d)])
    assert value == 8920624
    assert master.busy_polls == 0
    assert master.link.repeats == 0


def test_a_meter_that_skips_the_acknowledgement():
    meter = TinyMeter({162: [TOTALS]})
    meter.direct = True
    value, master, line, _ = outcome(meter)
    assert value == 8920624
    assert master.link.repeats == 0
    assert POLL_0 not in line.sent
    assert POLL_1 not in line.sent


def test_the_answer_may_come_in_pieces():
    def pieces(data):
        return [(7 * i, data[i : i + 1]) for i in range(len(data))]

    value, master, *_ = outcome(TinyMeter({162: [TOTALS]}), to_master=pieces)
    assert value == 8920624
    assert master.link.repeats == 0


# --- after a failure


def test_the_next_session_starts_clean():
    """The first session breaks off in mid-stream with answers still on their way."""
    hours = [h[7:-2] for h in HOURS]
    confirm = bytes.fromhex("7b010701000b010100001c031100001d0311")
    meter = TinyMeter({123: [confirm] + hours * 3, 162: [TOTALS]})
    what = [{"first": 1, "last": 1, "start": tag("00001c0311"), "end": tag("00001d0311")}]
    station = StationMeter(meter.receive)

    class Full(Exception):
        pass

    def third(_, seen=[]):  # noqa: B006  counts over the calls
        seen.append(1)
        if len(seen) == 3:
            raise Full

    async def main():
        master = Master(station.port)
        await master.open(address())
        with pytest.raises(Full):
            await master.stream(123, 11, what, third)
        station.port.deliver(HOURS[3][:11], 0)
        station.port.deliver(HOURS[3][11:], 2)
        sent, now = len(station.port.sent), compat.ticks_ms()
        await master.open(address())
        # 33 bit times of silence behind the last old byte, then the first new one.
        assert station.port.sent_at[sent] >= now + 2 + 3
        value = await read_totals(master)
        await master.close()
        return value, master

    value, master = virtual_time.run(main(), limit_s=60)
    assert value == 8920624
    assert master.link.repeats == 0


def test_a_cancelled_session_leaves_nothing_behind():
    meter = TinyMeter({162: [TOTALS]})
    station = StationMeter(meter.receive, answer_ms=100)

    async def session(master):
        await master.open(address())
        value = await read_totals(master)
        await master.close()
        return value

    async def main():
        master = Master(station.port)
        for ms in range(1, 780, 17):
            with pytest.raises(virtual_time.asyncio.TimeoutError):
                await compat.wait_for_ms(session(master), ms)
        return await session(master)

    assert virtual_time.run(main(), limit_s=600) == 8920624


def test_reading_without_a_session_is_refused():
    async def main():
        master = Master(MemoryPort())
        await master.close()
        with pytest.raises(errors.Iec102Error):
            await master.read(162, objects=(192,))

    virtual_time.run(main())


def test_clock_set_confirmation():
    body = "00642a44120812"
    meter = TinyMeter({181: [bytes.fromhex("b50107010000" + body)]})

    async def work(master):
        answer = await master.command(181, 0, [{"time": tag(body)}])
        return answer.objects[0]["time"].text()

    value, *_ = outcome(meter, work)
    assert value.startswith("2018-08-18T04:42")
    assert meter.executed[1] == bytes.fromhex("b50106010000" + body)


def test_trace_sees_every_byte():
    meter = TinyMeter({162: [TOTALS]})
    station = StationMeter(meter.receive)
    log = []

    async def main():
        master = Master(station.port, trace=lambda way, data: log.append((way, bytes(data))))
        await master.open(address())
        await read_totals(master)
        await master.close()
        return master

    master = virtual_time.run(main())
    assert [data for way, data in log if way == ">"] == meter.seen
    assert len([1 for way, _ in log if way == "<"]) == 8
    assert (master.sessions, master.link.sent, master.link.received) == (1, 8, 8)
