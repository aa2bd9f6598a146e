"""What the simulator does to answers: as often as it is told, and never so that a spoilt one looks good."""

from firmware.iec102 import ft12
from tools.meter.faults import Faults


def bytes_of(asdu_length=98):
    buf = bytearray(ft12.LONGEST)
    buf[ft12.ASDU_AT : ft12.ASDU_AT + asdu_length] = bytes(i * 7 & 255 for i in range(asdu_length))
    return bytes(buf[: ft12.encode_variable(buf, 8, 1, asdu_length)])


def passes(data):
    parser = ft12.Parser()
    parser.feed(data)
    return parser.next()


def test_a_corrupted_frame_is_never_a_good_one():
    faults = Faults(1)
    faults.corrupt = 1.0
    frame = bytes_of()
    for _ in range(2000):
        delay, data = faults.apply(frame)
        assert delay == 0 and len(data) == len(frame) and data != frame
        assert not passes(data)
        assert 1 <= sum((a ^ b).bit_count() for a, b in zip(data, frame, strict=True)) <= 3


def test_chances_come_about_as_often_as_they_should():
    frame = bytes_of()
    for name in ("drop", "corrupt", "half", "noise"):
        faults = Faults(2)
        setattr(faults, name, 0.2)
        struck = sum(faults.apply(frame)[1] != frame for _ in range(2000))
        assert 300 < struck < 500, name


def test_noise_is_of_every_kind():
    faults = Faults(3)
    faults.noise = 1.0
    frame = bytes_of()
    rubbish = {faults.apply(frame)[1][: -len(frame)] for _ in range(200)}
    assert b"\x68" in rubbish and b"\x10\x0b" in rubbish
    assert any(set(r) == {0xFF} for r in rubbish) and any(len(set(r)) > 3 for r in rubbish)


def test_the_same_seed_spoils_the_same_answers():
    def run(seed):
        faults = Faults(seed)
        faults.drop = faults.corrupt = faults.half = faults.noise = 0.3
        faults.delay = 5
        return [faults.apply(bytes_of()) for _ in range(50)]

    assert run(1) == run(1) != run(2)
    assert {delay for delay, data in run(1) if data} == {5}


def test_a_number_of_answers_instead_of_a_chance():
    faults = Faults(1)
    assert faults.command("half 2x").startswith("drop=0.0 corrupt=0.0 noise=0.0 half=2 ")
    frame = bytes_of()
    assert [len(faults.apply(frame)[1]) < len(frame) for _ in range(4)] == [
        True,
        True,
        False,
        False,
    ]
