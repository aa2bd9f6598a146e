"""The parser finds every good frame in any rubbish; the codec survives any bytes and loses no bit."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from firmware.iec102 import asdu as codec
from firmware.iec102 import ft12
from firmware.iec102.asdu import Asdu
from firmware.iec102.errors import AsduError, FrameError, Iec102Error
from firmware.iec102.timetag import TimeTag
from tests.host.unit.iec102.test_vectors import FRAMES
from tools.meter.encoding import encode

GOOD = [bytes.fromhex(v["hex"]) for v in FRAMES if v["valid"]]


def pour(parser, pieces, flush=True):
    """Feed `pieces`; returns the frames found as (control, link, asdu bytes or None)."""
    found = []

    def drain():
        while parser.next():
            asdu = None if parser.asdu is None else bytes(parser.asdu)
            found.append((parser.control, parser.link, asdu))

    for piece in pieces:
        parser.feed(piece)
        drain()
    if flush:
        parser.flush()
        drain()
    return found


def whole(raw):
    return pour(ft12.Parser(), [raw])[0]


@given(st.lists(st.sampled_from(GOOD), min_size=1, max_size=6), st.data())
def test_frames_in_pieces_are_all_found_in_order(frames, data):
    stream = b"".join(frames)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=20)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert pour(ft12.Parser(), pieces, flush=False) == [whole(raw) for raw in frames]


@given(st.binary(max_size=80), st.sampled_from(GOOD))
@example(b"\xff" * 40, GOOD[0])
@example(b"\x68\xff\xff\x68", GOOD[3])
@example(b"\x10\x49\x01", GOOD[3])
@example(b"\x68\x68\x68\x68", GOOD[-1])
def test_a_frame_behind_noise_is_found(noise, frame):
    found = pour(ft12.Parser(), [noise, frame])
    # Noise may by chance be a frame itself, or end in the beginning of one that swallows ours with a right checksum.
    assert whole(frame) in found


@given(st.sampled_from([f for f in GOOD if len(f) > 20]), st.integers(1, 14), st.sampled_from(GOOD))
def test_half_a_frame_does_not_cost_the_next_one(first, cut, second):
    assert whole(second) in pour(ft12.Parser(), [first[:cut], second])


@given(st.sampled_from(GOOD), st.integers(0, 10**6), st.integers(0, 7))
def test_no_flipped_bit_goes_unnoticed(frame, place, bit):
    bad = bytearray(frame)
    bad[place % len(frame)] ^= 1 << bit
    for found in pour(ft12.Parser(), [bytes(bad)]):
        assert found != whole(frame)
        assert len(frame) > 6 and found[2] is None, "a variable frame with a flipped bit was accepted"


def test_a_flood_keeps_the_buffer_bounded():
    parser = ft12.Parser()
    parser.feed(b"\x68" * 5000 + GOOD[0])
    assert parser.pending <= 800
    assert whole(GOOD[0]) in pour(parser, [])


@given(st.lists(st.binary(max_size=700), max_size=6))
def test_the_parser_never_raises(pieces):
    pour(ft12.Parser(), pieces)


@settings(max_examples=500)
@given(st.sampled_from(sorted(codec.TYPES)), st.binary(max_size=252))
def test_any_bytes_decode_or_say_why_and_encode_back(kind, body):
    raw = bytes([kind]) + body
    try:
        asdu = codec.decode(raw)
    except AsduError as error:
        assert str(len(raw)) in str(error)
        assert len(raw) < 6 or str(kind) in str(error)
        return
    buf = bytearray(400)
    length = encode(asdu, buf)
    assert bytes(buf[:length]) == raw


@given(st.binary(max_size=252))
def test_nothing_but_the_modules_own_error_on_arbitrary_bytes(raw):
    try:
        codec.decode(raw)
    except Iec102Error:
        return


@st.composite
def well_formed(draw):
    """An ASDU of a random type whose body has a length that fits."""
    kind = draw(st.sampled_from(sorted(codec.TYPES)))
    single = {
        183: 4,
        71: 6,
        72: 7,
        181: 7,
        122: 12,
        123: 12,
        189: 11,
        190: 11,
        102: 10,
        134: 10,
        129: 246,
        142: 246,
    }
    empty = (100, 103, 133, 141, 144, 147, 182, 187)
    n = 0 if kind in empty else 1
    if kind in single:
        size = single[kind]
    elif kind in empty:
        size = 0
    else:
        n = draw(st.integers(0, 3))
        each = {1: 9, 8: 6, 11: 6, 135: 63, 136: 63, 145: 5, 148: 5, 150: 1, 156: 1, 162: 1}
        if kind not in each:
            return draw(blocks(kind))
        size = each[kind] * n + (5 if kind in (8, 11, 145) else 0)
    body = draw(st.binary(min_size=size, max_size=size))
    head = draw(st.binary(min_size=4, max_size=4))
    return bytes([kind, n | draw(st.sampled_from([0, 128]))]) + head + body


@st.composite
def blocks(draw, kind):
    shapes = {
        139: {9: 45, 10: 35, 11: 20},
        140: {9: 45, 10: 35, 11: 20},
        163: {192: 29, 193: 37, 194: 26},
    }
    shapes[157] = {192: 1, 195: 2, 196: 3, 198: 16, 200: 25}
    shapes[151] = {197: 8}
    body, n = b"", draw(st.integers(0, 3))
    for _ in range(n):
        address = draw(st.sampled_from(sorted(shapes[kind])))
        size = shapes[kind][address]
        body += bytes([address]) + draw(st.binary(min_size=size, max_size=size))
    return bytes([kind, n, 5, 1, 0, 0]) + body


@settings(max_examples=500)
@given(well_formed())
def test_every_bit_of_a_well_formed_asdu_survives(raw):
    asdu = codec.decode(raw)
    buf = bytearray(400)
    assert bytes(buf[: encode(asdu, buf)]) == raw


def test_unknown_type_and_wrong_length_are_named():
    with pytest.raises(AsduError, match="type 200.*8 bytes"):
        codec.decode(bytes([200]) + bytes(7))
    with pytest.raises(AsduError, match="type 183.*9 bytes"):
        codec.decode(bytes([183, 1, 6, 1, 0, 0, 1, 2, 3]))
    with pytest.raises(AsduError, match="3 bytes"):
        codec.decode(b"\xb7\x01\x06")


@pytest.mark.parametrize(
    "asdu",
    [
        Asdu(183, objects=[{"password": 1 << 32}]),
        Asdu(183, objects=[{"password": -1}]),
        Asdu(183, objects=[{}]),
        Asdu(163, objects=[{"address": 192, "totals": [{"value": 1 << 30}], "time": TimeTag()}]),
        Asdu(163, objects=[{"address": 7}]),
        Asdu(200),
        Asdu(8, objects=[{"address": 1, "value": 1, "qualifier": 0}], time=None),
    ],
)
def test_what_does_not_fit_is_refused(asdu):
    with pytest.raises(AsduError):
        encode(asdu, bytearray(261))


def test_a_master_does_not_write_what_only_a_meter_sends():
    item = {"address": 1, "value": 1, "qualifier": 0}
    with pytest.raises(AsduError):
        codec.encode(Asdu(8, objects=[item], time=TimeTag()), bytearray(261))


def test_frames_that_do_not_fit_are_refused():
    with pytest.raises(FrameError):
        ft12.encode_fixed(bytearray(6), 0, 65536)
    with pytest.raises(FrameError):
        ft12.encode_variable(bytearray(300), 0, 1, 253)


def test_one_piece_larger_than_the_buffer_loses_no_frame():
    frames = GOOD * 3
    stream = b"".join(frames)
    assert len(stream) > 1600
    assert pour(ft12.Parser(), [stream], flush=False) == [whole(raw) for raw in frames]
    noisy = b"\xff\x68" * 700 + stream
    parser = ft12.Parser()
    assert pour(parser, [noisy], flush=False) == [whole(raw) for raw in frames] and parser.dropped == 1400


@pytest.mark.parametrize("before", range(790, 811))
def test_the_border_of_the_buffer_costs_nothing(before):
    short = bytes.fromhex("100b01000c16")
    stream = b"\xff" * (before - 6) + short + short + GOOD[-1]
    found = pour(ft12.Parser(), [stream], flush=False)
    assert found == [whole(short), whole(short), whole(GOOD[-1])]
