"""The log on a flash that gives an error now and then, with files of others in its folder, and with damage that
sets its sources against each other: a number is used once, and nothing that was kept is lost."""

import os
import random
import shutil
import struct

import pytest

from firmware.recordlog import format
from firmware.recordlog.files import LABEL, Files
from firmware.recordlog.ring import Ring
from tests.host.unit.recordlog.test_log import drain, read, ring_in, segment


class Flaky(Files):
    """One operation in `odds` gives EIO: nothing of it is done then, or half of it, or all.

    So littlefs answers on a flash whose driver gives an error: what was written since open() may be there or not.
    """

    def __init__(self, root, seed, odds=12):
        super().__init__(root)
        self._random = random.Random(seed)
        self._odds = odds

    def fail(self):
        """0: not now; 1, 2, 3: before, in the middle, when all is done."""
        return self._random.randint(1, 3) if self._random.randrange(self._odds) == 0 else 0

    def _do(self, function, *arguments):
        fails = self.fail()
        if fails in (1, 2):
            raise OSError(5, "EIO")
        found = function(*arguments)
        if fails:
            raise OSError(5, "EIO")
        return found

    def prepare(self):
        self._do(super().prepare)

    def numbers(self):
        return self._do(lambda: list(Files.numbers(self)))

    def size(self, number):
        return self._do(super().size, number)

    def open(self, number):
        return FlakyFile(self, self._do(super().open, number))

    def append(self, number):
        return FlakyFile(self, self._do(super().append, number))

    def remove(self, number):
        self._do(super().remove, number)

    def read_slot(self, number, buf):
        return self._do(super().read_slot, number, buf)

    def write_slot(self, number, view):
        fails = self.fail()
        if fails == 2:
            view = view[: len(view) // 2]
        if fails != 1:
            super().write_slot(number, view)
        if fails:
            raise OSError(5, "EIO")


class FlakyFile:
    """A file of Flaky: what is written counts with close()."""

    def __init__(self, store, file):
        self._store = store
        self._file = file
        self._waits = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()

    def seek(self, at, whence=0):
        return self._file.seek(at, whence)

    def readinto(self, buf):
        return self._store._do(self._file.readinto, buf)

    def write(self, data):
        fails = self._store.fail()
        if fails:
            self._waits += bytes(data)[: (0, 0, len(data) // 2, len(data))[fails]]
            raise OSError(5, "EIO")
        self._waits += bytes(data)

    def close(self):
        fails = self._store.fail()
        if fails != 1:
            self._file.write(self._waits[: len(self._waits) // 2] if fails == 2 else self._waits)
        self._file.close()
        if fails:
            raise OSError(5, "EIO")


def started(folder, seed):
    """A ring on a flaky flash."""
    ring = Ring(Flaky(str(folder), seed), segment=2500, segments=1000)
    ring.mount()
    return ring


def readable(ring):
    """{number: payload} of all that waits."""
    found = {}
    while (seq := ring.take()) is not None:
        try:
            found[seq] = read(ring, seq)[2]
        except OSError:
            continue
    ring.release()
    return found


# One failure in a thousand operations hides among hundreds of steps: several flashes. Those behind the first twelve
# failed when numbers of a write that had failed were given again, and records of the journal were not found any more.
@pytest.mark.parametrize("seed", (*range(12), 33, 58, 59, 60, 62, 68, 87))
def test_what_append_has_kept_is_there_whatever_failed_before_and_after(tmp_path, seed):
    chance = random.Random(seed)
    folder = tmp_path / "log"
    ring = started(folder, seed)
    kept, acked, failed, number = {}, set(), 0, 0
    for step in range(400):
        dice = chance.randrange(20)
        try:
            if dice < 12:
                count = chance.choice((1, 1, 1, 2, 5, 9))
                batch = [b"%d " % (number + n) + b"." * chance.randrange(400) for n in range(count)]
                number += count
                last = ring.append_many([(1, 7, payload) for payload in batch])
                for seq, payload in enumerate(batch, last - count + 1):
                    assert seq not in kept, "number %d twice" % seq
                    kept[seq] = payload
            elif dice < 18:
                seq = ring.take()
                if seq in kept:
                    assert read(ring, seq)[2] == kept[seq]
                if seq:
                    ring.ack(seq)
                    acked.add(seq)
                ring.flush()
            elif dice == 18:
                ring = started(folder, seed * 1000 + step)
        except OSError:
            failed += 1
    ring = ring_in(folder, segment=2500, segments=1000)
    found = readable(ring)
    missing = [seq for seq in kept if seq not in acked and found.get(seq) != kept[seq]]
    assert not missing, "%d of %d" % (len(missing), len(kept))
    assert failed and len(kept) > 20


def test_a_failed_append_takes_its_number_with_it(tmp_path):
    ring = ring_in(tmp_path / "log")
    ring.append(1, 0, b"first")
    real = ring.store

    class Deaf(Files):
        """Takes everything, and says that it has not."""

        def write_slot(self, number, view):
            super().write_slot(number, view)
            raise OSError(5, "EIO")

        def append(self, number):
            raise OSError(5, "EIO")

    ring.store = ring.journal.store = Deaf(str(tmp_path / "log"))
    with pytest.raises(OSError):
        ring.append(1, 0, b"failed")
    ring.store = ring.journal.store = real
    number = ring.append(1, 0, b"kept")
    found = readable(ring_in(tmp_path / "log"))
    assert number == 3 and found.pop(2, b"failed") == b"failed" and found == {1: b"first", 3: b"kept"}


class Breaking(Files):
    """What is written into a segment is there up to so many bytes each time, and close() says that it has failed."""

    def __init__(self, root, *sizes):
        super().__init__(root)
        self._sizes = list(sizes)

    def append(self, number):
        if not self._sizes:
            return super().append(number)
        return _Breaks(self._path(number), self._sizes.pop(0))


class _Breaks:
    def __init__(self, path, size):
        self._path, self._size, self._data = path, size, b""

    def write(self, data):
        self._data += bytes(data)

    def close(self):
        with open(self._path, "ab") as file:
            file.write(self._data[: self._size])
        raise OSError(5, "EIO")


def texts(folder):
    """{number: payload} of what waits after a start, read one after the other."""
    return {number: payload.rstrip(b".") for number, payload in readable(ring_in(folder)).items()}


def test_a_write_that_failed_and_came_less_far_again_gives_no_number_twice(tmp_path):
    """The first try left all five in the old segment, the second one two of them in a new one."""
    folder = tmp_path / "log"
    ring = ring_in(folder)
    ring.append_many([(1, 7, b"old %d" % number) for number in range(5)])
    ring.store = ring.journal.store = Breaking(str(folder), 10000, 2 * 80)
    with pytest.raises(OSError):
        ring.append_many([(1, 7, b"failed %d" % number + b"." * 40) for number in range(5)])
    ring = ring_in(folder)
    first = ring.append_many([(1, 7, b"new %d" % number) for number in range(5)]) - 4
    assert first == 11
    found = texts(folder)
    assert [found[number] for number in range(first, first + 5)] == [b"new %d" % number for number in range(5)]
    assert [found[number] for number in range(1, 6)] == [b"old %d" % number for number in range(5)]


def test_what_a_failed_move_has_left_hides_no_record_of_the_journal(tmp_path):
    """The first try moved all three and a batch, which fails; the second one moved only one of the three."""
    folder = tmp_path / "log"
    ring = ring_in(folder)
    ring.append_many([(1, 7, b"old %d" % number) for number in range(5)])
    for number in range(3):
        ring.append(1, 7, b"kept %d" % number + b"." * 60)
    ring.store = ring.journal.store = Breaking(str(folder), 10000, 30 + 90)
    with pytest.raises(OSError):
        ring.append_many([(1, 7, b"failed %d" % number) for number in range(5)])
    ring = ring_in(folder)
    assert ring.append_many([(1, 7, b"new %d" % number) for number in range(5)]) == 18
    ring.append(1, 7, b"single")
    found = texts(folder)
    assert [found[number] for number in (6, 7, 8)] == [b"kept %d" % number for number in range(3)]
    assert [found[number] for number in range(14, 20)] == [b"new %d" % number for number in range(5)] + [b"single"]


def test_a_start_without_a_place_to_write_keeps_what_is_in_the_journal(tmp_path):
    ring = ring_in(tmp_path / "log")
    for number in range(5):
        ring.append(1, 0, b"%d" % number + b"." * 150)

    class Full(Files):
        full = True

        def append(self, number):
            if self.full:
                raise OSError(5, "EIO")
            return super().append(number)

    store = Full(str(tmp_path / "log"))
    ring = Ring(store)
    ring.mount()
    assert sorted(readable(ring)) == [1, 2, 3, 4, 5]
    with pytest.raises(OSError):
        ring.append(1, 0, b"not now")
    store.full = False
    ring.append(1, 0, b"now")
    assert [payload[:1] for _, payload in drain(ring_in(tmp_path / "log"))] == [b"0", b"1", b"2", b"3", b"4", b"n"]


# --- sources that do not agree


def acknowledgement(folder, last, low, *ranges):
    """An acknowledgement in the last slot of the journal, as whole as they are written."""
    payload = struct.pack("<II", low, 0) + b"".join(struct.pack("<II", *each) for each in ranges)
    head = bytearray(format.HEAD)
    format.pack(head, format.ACK, last, 0, payload)
    path = folder / "log" / "j3" / "9"
    path.write_bytes(struct.pack("<IBB", 9999, 0, 1) + bytes(head) + payload)
    assert len(payload) + LABEL + format.HEAD <= 128


@pytest.mark.parametrize(
    ("last", "low", "ranges", "expected"),
    [
        (5, 2, [(10, 40)], 41),  # a range above all records: the newest segment is gone
        (5, 50, [], 51),
        (60, 2, [], 61),  # only the acknowledgement itself knows how far the numbers had come
        (5, 2, [(4, 4)], 6),
    ],
)
def test_no_number_is_given_that_an_acknowledgement_knows(tmp_path, last, low, ranges, expected):
    ring_in(tmp_path / "log").append_many([(1, 0, b"%d" % n) for n in range(5)])
    acknowledgement(tmp_path, last, low, *ranges)
    ring = ring_in(tmp_path / "log")
    assert ring.append(1, 0, b"new") == expected
    assert readable(ring)[expected] == b"new"
    assert readable(ring_in(tmp_path / "log"))[expected] == b"new"


def test_the_numbers_of_a_newest_segment_that_cannot_be_read_are_not_given_again(tmp_path):
    ring = ring_in(tmp_path / "log", segment=1000)
    ring.append_many([(1, 0, b"%d" % n + b"." * 200) for n in range(12)])
    newest = ring.newest

    class Blind(Files):
        def open(self, number):
            if number == newest:
                raise OSError(5, "EIO")
            return super().open(number)

    ring = Ring(Blind(str(tmp_path / "log")), segment=1000)
    ring.mount()
    assert ring.append(1, 0, b"new") > 12
    found = readable(ring_in(tmp_path / "log", segment=1000))
    assert sorted(found)[:12] == list(range(1, 13)) and found[12].startswith(b"11") and found[max(found)] == b"new"


# --- files of others


STRANGERS = ("x.log", "0x10.log", "-1.log", "1.log", "00000000.log", "99999999.log", "9999999999.log",
             "12345678901.log", "00000000012.log", "٣٣٣٣٣٣٣٣.log", "00000005.log.log", "²²²²²²²².log")  # fmt: skip


@pytest.mark.parametrize("content", (b"", b"of somebody else", None))
@pytest.mark.parametrize("name", STRANGERS)
def test_a_file_of_somebody_else_costs_nothing(tmp_path, name, content):
    def make():
        return ring_in(tmp_path / "log", segment=1000, segments=6)

    ring = make()
    ring.append_many([(1, 0, b"%02d" % n + b"." * 200) for n in range(16)])
    for _ in range(3):
        ring.ack(ring.take())
    ring.flush()
    # None: a copy of one of ours.
    (tmp_path / "log" / name).write_bytes(segment(tmp_path).read_bytes() if content is None else content)
    again = make()
    assert sorted(readable(again)) == list(range(4, 17))
    assert again.append(1, 0, b"one") == 17
    assert again.append_many([(1, 0, b"%02d" % n + b"." * 200) for n in range(4)]) == 21
    assert sorted(readable(make())) == list(range(4, 22))


@pytest.mark.parametrize("place", (1, 2, 5))
def test_a_copy_of_an_old_segment_behind_the_newest_is_left_out(tmp_path, place):
    def make():
        return ring_in(tmp_path / "log", segment=1000, segments=40)

    ring = make()
    ring.append_many([(1, 0, b"%02d" % n + b"." * 200) for n in range(26)])
    shutil.copy(segment(tmp_path, 2), segment(tmp_path, ring.newest + place))
    ring = make()
    assert ring.append_many([(1, 0, b"n%02d" % n + b"." * 200) for n in range(30)]) == 56
    found = readable(make())
    assert sorted(found) == list(range(1, 57)) and found[27].startswith(b"n00")


def test_a_far_file_is_no_reason_to_count_up_to_it(tmp_path):
    ring = ring_in(tmp_path / "log", segment=1000, segments=6)
    ring.append_many([(1, 0, b"%02d" % n + b"." * 200) for n in range(12)])
    (tmp_path / "log" / "99999999.log").write_bytes(b"")
    before = set(os.listdir(tmp_path / "log"))
    ring = ring_in(tmp_path / "log", segment=1000, segments=6)
    assert ring.newest < 10 and set(os.listdir(tmp_path / "log")) >= before


# --- what is held back


@pytest.mark.parametrize("order", ("fifo", "lifo"))
def test_what_is_held_back_comes_when_it_is_asked_for_and_holds_up_nothing(tmp_path, order):
    ring = ring_in(tmp_path / "log")
    ring.order = order
    ring.append_many([(1 + n % 2, 0, b"%03d" % n) for n in range(400)])
    gone = []
    while (seq := ring.take()) is not None:
        if ring.info(seq)[0] == 1:
            ring.release(seq, True)
        else:
            gone.append(seq)
            ring.ack(seq)
            ring.release()  # the connection is lost: nothing of what was held back, nothing twice
        assert len(ring.acks.ranges) < 30 and len(ring._passed.ranges if ring._passed else ()) < 4
    assert sorted(gone) == list(range(2, 401, 2)) and len(set(gone)) == 200
    ring.append(2, 0, b"later")
    assert ring.take() == 401
    ring.ack(401)
    ring.flush()
    ring.release(0)
    # With more gaps than the log can note what was delivered between them comes again: at least once.
    for each in (ring, ring_in(tmp_path / "log")):
        found = set(readable(each))
        assert found >= set(range(1, 401, 2)) and len(found) <= 402 - 24


# --- found by mutated logs (tests/proof/fuzz)


def test_a_stamp_that_is_damaged_leaves_room_for_those_behind_it(tmp_path):
    """All ones in a slot: the next stamps had no room there, and on a board they began anew at 0."""
    folder = tmp_path / "log"
    ring_in(folder)
    (folder / "j3" / "9").write_bytes(b"\xff" * LABEL + b"x" * 20)
    for start in range(3):
        ring = ring_in(folder)
        for number in range(4):
            ring.append(1, 7, b"%d %d" % (start, number))
    assert len(readable(ring_in(folder))) == 12


def test_behind_damage_in_the_middle_nothing_is_appended(tmp_path):
    """A head that claims more than there is left would have what is appended as its payload."""
    folder = tmp_path / "log"
    ring = ring_in(folder)
    ring.append_many([(1, 7, b"first"), (1, 7, b"second" + b"." * 150), (1, 7, b"third"), (1, 7, b"fourth")])
    path = next(folder.glob("*.log"))
    data = path.read_bytes()
    second, third = (data.index(word) - format.HEAD for word in (b"second", b"third"))
    path.write_bytes(data[: second + 40] + data[third:])
    ring = ring_in(folder)
    number = ring.append_many([(1, 7, b"new %d" % number) for number in range(9)])
    again = ring_in(folder)
    assert [read(again, number - 8 + place)[2] for place in range(9)] == [b"new %d" % place for place in range(9)]


def test_a_first_segment_with_numbers_to_come_takes_nothing_along(tmp_path):
    """What waited counted as deleted, and what was kept later as delivered."""
    ring = ring_in(tmp_path / "other", segment=1000)
    ring.append_many([(1, 7, b"%d" % number + b"." * 300) for number in range(80)])
    other = sorted((tmp_path / "other").glob("*.log"))[-1].read_bytes()
    ring = ring_in(tmp_path / "log", segment=1000)
    ring.append_many([(1, 7, b"%d" % number + b"." * 300) for number in range(20)])
    first = min((tmp_path / "log").glob("*.log"))
    lost = ring.finder.begins(2) - 1
    ring.forget_places(True)
    first.write_bytes(other)
    ring = ring_in(tmp_path / "log", segment=1000)
    last = ring.append(1, 7, b"new")
    assert last == 21 and sorted(readable(ring)) == list(range(lost + 1, 22)) and ring.lost in (0, lost)


def test_a_damaged_head_that_passes_does_not_move_the_numbers(tmp_path):
    """Its check has 16 bits. Whoever drains the log would ask for four thousand million records that are not there."""
    folder = tmp_path / "log"
    ring = ring_in(folder)
    ring.append_many([(1, 7, b"%d" % number + b"." * 300) for number in range(5)])
    path = next(folder.glob("*.log"))
    data = bytearray(path.read_bytes())
    at = data.index(b"2...") - format.HEAD
    head = data[at : at + format.HEAD]
    struct.pack_into("<I", head, 8, 0xFFFFFFF0)
    format.follow(head, struct.unpack_from("<H", head, 4)[0])
    data[at : at + format.HEAD] = head
    path.write_bytes(data)
    ring = ring_in(folder)
    assert ring.last == 5 and ring.append(1, 7, b"new") == 6
    assert read(ring_in(folder), 6)[2] == b"new"
