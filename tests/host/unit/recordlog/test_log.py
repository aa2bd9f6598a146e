"""The log against a simple model, and what it does with damage, a full flash and bad input."""

import os
import shutil
import struct
import tempfile

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from firmware.core.errors import LogError
from firmware.recordlog import find, format
from firmware.recordlog.files import Files
from firmware.recordlog.format import Acks
from firmware.recordlog.ring import Ring


def ring_in(folder, **options):
    ring = Ring(str(folder), **options)
    ring.mount()
    return ring


def read(ring, seq):
    kind, utc, length = ring.info(seq)
    buf = bytearray(length + 3)
    assert ring.read_into(seq, buf) == length
    return kind, utc, bytes(buf[:length])


def drain(ring):
    """Everything that waits, in order, delivered."""
    found = []
    while (seq := ring.take()) is not None:
        found.append((seq, read(ring, seq)[2]))
        ring.ack(seq)
    ring.flush()
    return found


# --- one record, many records


@pytest.mark.parametrize("size", (1, 101, 102, 103, 122, 223, 224, 225, 2000, 2300, 4999, 16384))
def test_records_of_every_size_survive_a_restart(tmp_path, size):
    payload = bytes(n * 7 & 0xFF for n in range(size))
    ring = ring_in(tmp_path / "log")
    assert ring.append(9, 1234567890, payload) == 1
    assert read(ring, 1) == (9, 1234567890, payload)
    assert read(ring_in(tmp_path / "log"), 1) == (9, 1234567890, payload)


@pytest.mark.parametrize("payload", (b"", bytes(16385)))
def test_what_is_no_record_is_refused_before_anything_is_written(tmp_path, payload):
    ring = ring_in(tmp_path / "log")
    with pytest.raises(ValueError, match="1 to 16384 bytes, not %d" % len(payload)):
        ring.append_many([(1, 0, b"good"), (1, 0, payload)])
    assert ring.take() is None and ring.stats()["depth"] == 0
    with pytest.raises(ValueError, match="kind 255"):
        ring.append(255, 0, b"x")


def test_single_ones_and_bursts_keep_their_order(tmp_path):
    ring = ring_in(tmp_path / "log", segment=1500)
    expected = []
    for burst in (1, 1, 12, 1, 2, 40, 1, 3, 4):
        batch = [b"%d" % (len(expected) + n) * 9 for n in range(burst)]
        expected += batch
        assert ring.append_many([(1, 5, each) for each in batch]) == len(expected)
    assert ring.stats()["depth"] == len(expected)
    again = ring_in(tmp_path / "log", segment=1500)
    assert drain(again) == [(n + 1, each) for n, each in enumerate(expected)]
    assert ring_in(tmp_path / "log", segment=1500).take() is None


# --- delivery


def test_lifo_gives_the_newest_first_and_what_comes_in_between_before_the_rest(tmp_path):
    ring = ring_in(tmp_path / "log")
    for number in range(1, 7):
        ring.append(1, 0, b"%d" % number)
    ring.order = "lifo"
    assert [ring.take(), ring.take()] == [6, 5]
    ring.append(1, 0, b"7")
    assert [ring.take(), ring.take()] == [7, 4]
    ring.order = "fifo"
    assert [ring.take(), ring.take(), ring.take(), ring.take()] == [1, 2, 3, None]


def test_what_is_in_flight_comes_back_on_release_and_nothing_else(tmp_path):
    ring = ring_in(tmp_path / "log")
    ring.append_many([(1, 0, b"%d" % n) for n in range(5)])
    assert [ring.take() for _ in range(4)] == [1, 2, 3, 4]
    ring.ack(3)
    ring.ack(1)
    ring.release(2)
    assert ring.take() == 2
    ring.release()
    assert [ring.take() for _ in range(4)] == [2, 4, 5, None]
    ring.flush()
    again = ring_in(tmp_path / "log")
    assert [again.take() for _ in range(4)] == [2, 4, 5, None]


def test_many_gaps_in_lifo_are_filled_before_more_are_made(tmp_path):
    ring = ring_in(tmp_path / "log")
    ring.order = "lifo"
    for _ in range(60):
        ring.append_many([(1, 0, b"a"), (1, 0, b"b")])
        ring.ack(ring.take())
        ring.release()
    assert len(ring.acks.ranges) <= 25
    assert len(drain(ring)) + 60 == 120


def test_clear_leaves_nothing_and_later_records_are_delivered(tmp_path):
    ring = ring_in(tmp_path / "log")
    ring.append_many([(1, 0, b"%d" % n) for n in range(9)])
    ring.take()
    ring.clear()
    assert ring.take() is None and ring.stats()["lost"] == 0
    ring.append(1, 0, b"new")
    assert drain(ring_in(tmp_path / "log")) == [(10, b"new")]


def test_deliveries_noted_in_the_journal_only_survive_many_restarts(tmp_path):
    ring_in(tmp_path / "log").append_many([(1, 0, b"%d" % n) for n in range(3)])
    for seq in (1, 2, 3):
        ring = ring_in(tmp_path / "log")
        assert ring.take() == seq
        ring.ack(seq)
        ring.flush()
        ring = ring_in(tmp_path / "log")
        for _ in range(3):
            ring.append(1, 0, b"x" * 90)
        depth = ring.stats()["depth"]
        assert ring_in(tmp_path / "log").stats()["depth"] == depth
    assert ring_in(tmp_path / "log").take() == 4


# --- when it is full


def test_the_oldest_make_room_and_are_counted_unless_they_were_delivered(tmp_path):
    ring = ring_in(tmp_path / "log", segment=1000, segments=4)
    for number in range(20):
        ring.append_many([(1, 0, b"%d" % number + b"." * 150)] * 4)
        if number == 3:
            for _ in range(5):
                ring.ack(ring.take())
            ring.release()
    stats = ring.stats()
    assert stats["depth"] + stats["lost"] + 5 == 80 and 10 < stats["depth"] < 30
    assert len([n for n in os.listdir(tmp_path / "log") if n.endswith(".log")]) == 4
    again = ring_in(tmp_path / "log", segment=1000, segments=4)
    assert again.stats()["lost"] == stats["lost"] and again.stats()["depth"] == stats["depth"]
    assert [seq for seq, _ in drain(again)] == list(range(81 - stats["depth"], 81))


def files(folder):
    return len([name for name in os.listdir(folder) if name.endswith(".log")])


def batch(ring, text=b"new"):
    """About a segment of four records."""
    ring.append_many([(1, 0, text + b"." * 220)] * 4)


def filled(folder, segments=10):
    """A log of `segments` segments with all their records waiting; returns the numbers."""
    ring = ring_in(folder, segment=1000, segments=segments)
    for _ in range(segments):
        batch(ring)
    assert files(folder) == segments and ring.lost == 0
    return list(range(1, 4 * segments + 1))


@pytest.mark.parametrize("order", ("fifo", "lifo"))
def test_a_smaller_log_gives_up_delivered_segments_only(tmp_path, order):
    folder = tmp_path / "log"
    waiting = filled(folder)
    ring = ring_in(folder, segment=1000, segments=3)
    ring.order = order
    assert ring.over
    for _ in range(3):
        batch(ring)
        waiting += range(ring.last - 3, ring.last + 1)
    assert (ring.lost, ring.stats()["depth"], files(folder)) == (0, len(waiting), 13)
    # With a start in between, and one more after some are delivered.
    ring = ring_in(folder, segment=1000, segments=3)
    ring.order = order
    for _ in range(20):
        seq = ring.take()
        assert seq == waiting.pop(0 if order == "fifo" else -1)
        ring.ack(seq)
    ring.flush()
    ring = ring_in(folder, segment=1000, segments=3)
    ring.order = order
    batch(ring)
    waiting += range(ring.last - 3, ring.last + 1)
    # From the oldest end: what was delivered in the middle stays for as long as older records wait.
    assert files(folder) == (9 if order == "fifo" else 14) and ring.lost == 0
    assert [seq for seq, _ in drain(ring)] == (waiting if order == "fifo" else waiting[::-1])
    batch(ring)
    assert files(folder) == 3 and not ring.over and ring.lost == 0


def test_a_smaller_log_that_fits_again_is_full_as_any_other(tmp_path):
    folder = tmp_path / "log"
    filled(folder)
    ring = ring_in(folder, segment=1000, segments=3)
    drain(ring)
    for _ in range(5):
        batch(ring)
    assert files(folder) == 3 and ring.lost == 8 and not ring.over


def test_what_waits_in_a_smaller_log_grows_no_further_than_the_flash_has_room_for(tmp_path):
    folder = tmp_path / "log"
    filled(folder)
    ring = ring_in(folder, segment=1000, segments=3, most=12)
    for _ in range(4):
        batch(ring)
    assert files(folder) == 12 and ring.lost == 8
    # Nor does a smaller room cost what is there already; but it is full then.
    ring = ring_in(folder, segment=1000, segments=3, most=5)
    assert (ring.lost, ring.stats()["depth"]) == (8, 48)
    batch(ring)
    assert files(folder) == 12 and ring.lost == 12


def test_a_full_log_whose_new_segment_was_still_empty_at_a_power_cut_is_not_one_made_smaller(tmp_path):
    folder = tmp_path / "log"
    filled(folder, 4)
    (folder / "00000005.log").touch()
    ring = ring_in(folder, segment=1000, segments=4)
    assert not ring.over
    for _ in range(3):
        batch(ring)
    assert files(folder) == 4 and ring.lost == 12


def test_a_full_file_system_costs_the_oldest_not_the_newest(tmp_path):
    class Full(Files):
        room = 9000

        def append(self, number):
            if sum(self.size(n) for n in self.numbers()) > self.room:
                raise OSError(28, "no space")
            return super().append(number)

    ring = Ring(Full(str(tmp_path / "log")), segment=1000)
    ring.mount()
    for number in range(40):
        ring.append_many([(1, 0, b"%d" % number + b"." * 200)] * 4)
    assert read(ring, 160)[2].startswith(b"39.")
    stats = ring.stats()
    assert stats["lost"] > 90 and stats["depth"] + stats["lost"] == 160
    assert [seq for seq, _ in drain(ring)] == list(range(stats["lost"] + 1, 161))


# --- damage


def segment(folder, number=1):
    return folder / "log" / ("%08d.log" % number)


def test_a_flipped_bit_costs_one_record(tmp_path):
    ring = ring_in(tmp_path / "log")
    ring.append_many([(1, 0, b"%02d" % n + b"#" * 60) for n in range(10)])
    path = segment(tmp_path)
    data = bytearray(path.read_bytes())
    data[data.index(b"04#") + 20] ^= 4
    path.write_bytes(data)
    ring = ring_in(tmp_path / "log")
    good = []
    while (seq := ring.take()) is not None:
        try:
            good.append(int(read(ring, seq)[2][:2]))
        except LogError as error:
            assert "record 5 is damaged" in str(error)
        ring.ack(seq)
    assert good == [0, 1, 2, 3, 5, 6, 7, 8, 9] and ring.stats()["damaged"] == 1


@pytest.mark.parametrize("order", ("fifo", "lifo"))
def test_a_broken_stretch_costs_what_was_in_it(tmp_path, order):
    ring = ring_in(tmp_path / "log", segment=2000)
    ring.append_many([(1, 0, b"%03d" % n + b"#" * 60) for n in range(60)])
    path = segment(tmp_path)
    data = bytearray(path.read_bytes())
    data[300:700] = b"\xa5" * 400
    path.write_bytes(data)
    path = segment(tmp_path, 2)
    data = bytearray(path.read_bytes())
    data[0:200] = bytes(200)
    path.write_bytes(data)
    ring = ring_in(tmp_path / "log", segment=2000)
    ring.order = order
    good, bad = [], 0
    while (seq := ring.take()) is not None:
        try:
            good.append(int(read(ring, seq)[2][:3]) + 1)
        except LogError:
            bad += 1
        ring.ack(seq)
    assert good == sorted(good, reverse=order == "lifo") and len(good) + bad == 60
    assert 5 <= bad <= 12 and ring.stats()["damaged"] == bad


def test_a_torn_end_is_left_behind(tmp_path):
    ring = ring_in(tmp_path / "log")
    ring.append_many([(1, 0, b"%d" % n) for n in range(10)])
    with open(segment(tmp_path), "ab") as file:
        file.write(b"\xa5\x01\x09\x00 torn")
    ring = ring_in(tmp_path / "log")
    ring.append_many([(1, 0, b"n%d" % n) for n in range(10)])
    assert len(drain(ring_in(tmp_path / "log"))) == 20


@pytest.mark.parametrize("noise", (b"", b"\x00" * 5, b"\xa5" * 300, os.urandom(4000)))
def test_a_newest_segment_of_noise_does_not_stop_the_log(tmp_path, noise):
    ring = ring_in(tmp_path / "log")
    ring.append_many([(1, 0, b"%d" % n) for n in range(10)])
    ring.ack(ring.take())
    ring.flush()
    segment(tmp_path, 2).write_bytes(noise)
    ring = ring_in(tmp_path / "log")
    assert ring.append(1, 0, b"new") == 11
    assert [seq for seq, _ in drain(ring_in(tmp_path / "log"))] == list(range(2, 12))


def test_noise_in_the_journal_is_no_record(tmp_path):
    ring = ring_in(tmp_path / "log")
    ring.append(1, 0, b"a")
    for slot in range(40):
        path = tmp_path / "log" / ("j%d" % (slot // 10)) / str(slot % 10)
        if not path.exists():
            path.write_bytes(os.urandom(slot * 3))
    path = tmp_path / "log" / "j1" / "3"
    path.write_bytes(struct.pack("<IBB", 77, 0, 1) + b"\xa5\x01\x05\x00")
    assert drain(ring_in(tmp_path / "log")) == [(1, b"a")]


class Worn(Files):
    """A file system whose medium is at its end: these segments and slots give errors."""

    unreadable = unwritable = slots_gone = ()

    def open(self, number):
        if number in self.unreadable:
            raise OSError(5, "EIO")
        return super().open(number)

    def append(self, number):
        if number in self.unwritable:
            raise OSError(5, "EIO")
        return super().append(number)

    def write_slot(self, number, view):
        if number in self.slots_gone:
            raise OSError(5, "EIO")
        super().write_slot(number, view)


def worn(tmp_path, **errors):
    """A log of 23 records, 20 of them in four segments of five, mounted anew with `errors`."""
    ring = ring_in(tmp_path / "log", segment=1000, segments=6)
    for first in range(0, 20, 4):
        ring.append_many([(1, 0, b"%02d" % (first + n) + b"." * 200) for n in range(4)])
    for number in range(20, 23):
        ring.append(1, 0, b"%02d" % number)
    assert sorted(ring.store.numbers()) == [1, 2, 3, 4]
    store = Worn(str(tmp_path / "log"))
    for name, which in errors.items():
        setattr(store, name, which)
    ring = Ring(store, segment=1000, segments=6)
    ring.mount()
    return ring


def readable(ring):
    good = []
    while (seq := ring.take()) is not None:
        try:
            good.append((seq, read(ring, seq)[2]))
        except LogError:
            pass
        ring.ack(seq)
    ring.flush()
    return good


@pytest.mark.parametrize("order", ("fifo", "lifo"))
@pytest.mark.parametrize("bad", (1, 2, 3))
def test_a_segment_that_gives_errors_costs_its_own_records_and_is_reported(tmp_path, bad, order):
    ring = worn(tmp_path, unreadable=(bad,))
    ring.order = order
    good = sorted(readable(ring))
    first = 5 * bad - 4
    assert [seq for seq, _ in good] == [n for n in range(1, 24) if not first <= n < first + 5]
    assert all(payload.startswith(b"%02d" % (seq - 1)) for seq, payload in good)
    assert ring.stats()["damaged"] == 5


def test_a_newest_segment_that_gives_errors_does_not_stop_the_log(tmp_path):
    ring = worn(tmp_path, unreadable=(4,))
    assert [payload[:2] for _, payload in readable(ring)][-3:] == [b"20", b"21", b"22"]
    ring.append(1, 0, b"new")
    assert readable(ring) == [(ring.last, b"new")]


@pytest.mark.parametrize("bad", (1, 2, 3, 4))
def test_no_record_is_refused_for_an_old_segment_that_gives_errors(tmp_path, bad):
    ring = worn(tmp_path, unreadable=(bad,))
    for number in range(40):
        ring.append_many([(1, 0, b"%02d" % number + b"." * 200)] * 4)
        ring.append(1, 0, b"one")
    assert bad not in ring.store.numbers()
    good = readable(ring)
    assert len(good) > 20 and good[-1] == (ring.last, b"one")


@pytest.mark.parametrize("errors", ({"unwritable": (4,)}, {"slots_gone": (0,)}, {"slots_gone": (3, 4)}))
def test_a_place_that_cannot_be_written_is_gone_round(tmp_path, errors):
    ring = worn(tmp_path, **errors)
    for number in range(30):
        ring.append(1, 0, b"%02d" % number + b"." * 150)
        ring.ack(ring.take())
        ring.flush()
    assert ring.stats()["lost"] == 0
    again = ring_in(tmp_path / "log", segment=1000, segments=6)
    rest = drain(again)
    assert [seq for seq, _ in rest] == list(range(31, 54))
    assert [payload[:2] for _, payload in rest] == [b"%02d" % n for n in range(7, 30)]


# --- parts


def test_walking_back_needs_no_search(tmp_path):
    class Counted(Files):
        opened = 0

        def open(self, number):
            self.opened += 1
            return super().open(number)

    ring = Ring(Counted(str(tmp_path / "log")))
    ring.mount()
    ring.append_many([(1, 0, b"%04d" % n + bytes(200)) for n in range(1000)])
    for order in ("fifo", "lifo"):
        ring.order = order
        ring.store.opened = 0
        for _ in range(500):
            assert read(ring, ring.take())[2][:1].isdigit()
        # A segment is opened when it is entered, and now and then to search.
        assert ring.store.opened < 60
        ring.release()


def test_acks_merge_in_any_order():
    whole = Acks()
    pieces = []
    for first, last in ((3, 5), (9, 9), (1, 1), (7, 8), (2, 2)):
        whole.add(first, last)
        part = Acks()
        part.add(first, last)
        pieces.append(part.payload())
        pieces.append(whole.payload())
    assert whole.low == 5 and whole.ranges == [[7, 9]]
    for order in (pieces, pieces[::-1]):
        merged = Acks()
        for piece in order:
            merged.merge(piece)
        assert merged.payload() == whole.payload()
    assert [whole.after(1), whole.after(7), whole.before(9), whole.count(1, 12)] == [6, 10, 6, 4]


def test_a_head_is_one_only_with_its_check():
    head = bytearray(format.HEAD)
    format.pack(head, 1, 5, 99, b"payload")
    assert format.unpack(head)[:5] == (1, 7, 0, 5, 99)
    for place in range(format.HEAD):
        for bit in range(8):
            wrong = bytearray(head)
            wrong[place] ^= 1 << bit
            fields = format.unpack(wrong)
            assert fields is None or not format.is_good(fields, b"payload")
    assert find.head_at.__doc__


# --- against a model


class LogMachine(RuleBasedStateMachine):
    """Appends, deliveries, restarts and switches of order in any sequence."""

    def __init__(self):
        super().__init__()
        self.folder = tempfile.mkdtemp()
        self.content = {}
        self.waiting = []
        self.flying = []
        self.noted = set()  # acknowledged, not flushed
        self.order = "fifo"
        self.start()

    def start(self):
        self.ring = ring_in(self.folder + "/log", segment=2500, segments=1000)
        self.ring.order = self.order

    @rule(sizes=st.lists(st.integers(1, 700), min_size=1, max_size=9))
    def append(self, sizes):
        batch = [os.urandom(1) * size for size in sizes]
        last = self.ring.append_many([(2, 77, payload) for payload in batch])
        for seq, payload in enumerate(batch, last - len(batch) + 1):
            self.content[seq] = payload
            self.waiting.append(seq)

    @rule(count=st.integers(1, 12))
    def take(self, count):
        for _ in range(count):
            seq = self.ring.take()
            if not self.waiting:
                assert seq is None
                return
            assert seq == (min if self.order == "fifo" else max)(self.waiting)
            assert read(self.ring, seq) == (2, 77, self.content[seq])
            self.waiting.remove(seq)
            self.flying.append(seq)

    @rule(place=st.integers(0, 11), flush=st.booleans())
    def ack(self, place, flush):
        if self.flying:
            seq = self.flying.pop(place % len(self.flying))
            self.ring.ack(seq)
            self.noted.add(seq)
        if flush:
            self.ring.flush()
            self.noted.clear()

    @rule()
    def release(self):
        self.ring.release()
        self.waiting += self.flying
        self.flying = []

    @rule(order=st.sampled_from(("fifo", "lifo")))
    def switch(self, order):
        # At any moment: what is in flight stays there and is not given out twice.
        self.order = self.ring.order = order

    @rule()
    def restart(self):
        self.start()
        found = self.ring.stats()["depth"]
        sure = len(self.waiting) + len(self.flying)
        assert sure <= found <= sure + len(self.noted)
        self.waiting += self.flying
        self.flying = []
        for seq in sorted(self.noted):
            if not self.ring.acks.has(seq):
                self.waiting.append(seq)
        self.noted.clear()

    @invariant()
    def depth(self):
        stats = self.ring.stats()
        assert stats["depth"] == len(self.waiting) + len(self.flying)
        assert stats["lost"] == stats["damaged"] == 0

    def teardown(self):
        shutil.rmtree(self.folder)


TestLogMachine = LogMachine.TestCase
TestLogMachine.settings = settings(max_examples=150, stateful_step_count=40)
