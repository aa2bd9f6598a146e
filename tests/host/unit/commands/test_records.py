"""GETRECORDS on a real log: all that it still has, by number, whatever was delivered, damaged or never there."""

import json

import pytest

from firmware.recordlog.ring import Ring
from tests.host.unit.commands.test_commands import Desk


class Log(Desk):
    """A desk whose device has a log in a folder with `count` records of 200 bytes."""

    def __init__(self, folder, count, **options):
        super().__init__()
        self.ring = self.device.ring = Ring(str(folder), segment=1000, **options)
        self.ring.mount()
        self.ring.append_many([(1, 5, self.payload(number)) for number in range(1, count + 1)])

    @staticmethod
    def payload(number):
        return json.dumps({"N": number, "X": "x" * 180}).encode()

    def numbers(self, words):
        """The numbers of the answer's records, each of which is the record of that number."""
        found = []
        for line in self.ok("AT^MTXTUNNEL=GETRECORDS," + words):
            number, _, record = line.partition(" ")
            assert record.encode() == self.payload(int(number))
            found.append(int(number))
        return found


@pytest.mark.parametrize(
    ("words", "wanted"),
    [("1,3", [1, 2, 3]), ("28,10", [28, 29, 30]), ("31", []), ("999999999,5", []), ("0,2", [1, 2]), ("5,0", [])],
)
def test_a_piece_of_the_log_by_its_numbers(tmp_path, words, wanted):
    assert Log(tmp_path, 30).numbers(words) == wanted


def test_twenty_where_nothing_is_said_and_no_more_than_an_answer_holds(tmp_path):
    desk = Log(tmp_path, 200)
    assert desk.numbers("1") == list(range(1, 21))
    many = desk.numbers("1,200")
    assert 12000 <= 200 * len(many) + 200 < 14000, "whoever wants more asks behind the last number"
    found = []
    while piece := desk.numbers("%d,200" % (found[-1] + 1 if found else 1)):
        found += piece
    assert found == list(range(1, 201))


def test_what_was_delivered_is_there_until_its_file_goes(tmp_path):
    desk = Log(tmp_path, 8)
    for _ in range(8):
        desk.ring.ack(desk.ring.take())
    assert desk.numbers("1,20") == list(range(1, 9))
    desk = Log(tmp_path / "small", 60, segments=4)
    assert desk.numbers("1,100") == list(range(desk.ring.finder.begins(desk.ring.first), 61))


def test_what_is_damaged_is_left_out_and_counted_by_delivery_alone(tmp_path):
    desk = Log(tmp_path, 8)
    name = sorted(tmp_path.iterdir())[0]
    name.write_bytes(name.read_bytes().replace(b'"N": 3', b'"N": 9'))
    assert desk.numbers("1,20") == [1, 2, 4, 5, 6, 7, 8]
    assert desk.ring.damaged == 0, "each look at the page would count it anew"


def test_it_does_not_disturb_what_is_being_delivered(tmp_path):
    desk = Log(tmp_path, 30)
    found = []
    while (seq := desk.ring.take()) is not None:
        kind, _, length = desk.ring.info(seq)
        desk.numbers("1,3")
        data = bytearray(length)
        desk.ring.read_into(seq, data)
        assert data == desk.payload(seq) and kind == 1
        desk.ring.ack(seq)
        found.append(seq)
    assert found == list(range(1, 31))


@pytest.mark.parametrize("words", ["x", "-1", "1,x", ",1", "1.5", "12345678901"])
def test_what_is_no_number_is_refused(tmp_path, words):
    code, why = Log(tmp_path, 3).error("AT^MTXTUNNEL=GETRECORDS," + words)
    assert code in (1, 4), why


def test_a_broken_flash_is_an_error_and_no_end(tmp_path, monkeypatch):
    desk = Log(tmp_path, 3)

    def broken(seq):
        raise OSError(5)

    monkeypatch.setattr(desk.ring, "info", broken)
    assert desk.error("AT^MTXTUNNEL=GETRECORDS,1") == (8, "the log cannot be read: 5")


def test_the_safe_mode_has_none(tmp_path):
    desk = Log(tmp_path, 3)
    desk.device.ring = type("None_", (), {"stats": lambda self: {}})()
    assert desk.ok("AT^MTXTUNNEL=GETRECORDS,1") == []
