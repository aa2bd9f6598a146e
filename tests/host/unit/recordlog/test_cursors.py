"""Each delivery is somewhere in the log of its own: what it has, its order, and what it lost."""

import shutil
import tempfile

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from firmware.recordlog.kept import Kept
from firmware.recordlog.ring import Ring


def log_in(folder, *names, **options):
    ring = Ring(str(folder), **options)
    cursors = [Kept(ring, name, 3 * (name == "ftp")) for name in names]
    ring.mount()
    for each in cursors:
        each.mount()
    return [ring] + cursors


def fill(ring, count, size=40):
    first = ring.last + 1
    for number in range(first, first + count):
        ring.append(1, 1000 + number, b"%05d" % number + b"." * size)


def waiting(cursor):
    """Numbers in the order in which they are given; all go back."""
    found = []
    while (seq := cursor.take()) is not None:
        buf = bytearray(cursor.info(seq)[2])
        cursor.read_into(seq, buf)
        assert int(bytes(buf[:5])) == seq
        found.append(seq)
    cursor.release()
    return found


def deliver(cursor, count):
    for seq in [cursor.take() for _ in range(count)]:
        cursor.ack(seq)
    cursor.flush()


def test_each_delivery_has_what_it_has_over_a_restart(tmp_path):
    ring, http, ftp = log_in(tmp_path, "http", "ftp")
    fill(ring, 12)
    http.order = "lifo"
    deliver(ring, 5)
    deliver(http, 3)
    ring, http, ftp = log_in(tmp_path, "http", "ftp")
    assert waiting(ring) == list(range(6, 13))
    assert waiting(http) == list(range(1, 10))
    assert waiting(ftp) == list(range(1, 13))
    assert ring.stats()["depth"] == 12 and http.depth() == 9


def test_a_new_delivery_wants_what_somebody_waits_for_and_goes_on_from_there(tmp_path):
    (ring,) = log_in(tmp_path)
    fill(ring, 9)
    deliver(ring, 4)
    ring, http = log_in(tmp_path, "http")
    assert waiting(http) == [5, 6, 7, 8, 9]
    deliver(ring, 5)
    # What MQTT has delivered meanwhile is nothing to it.
    ring, http = log_in(tmp_path, "http")
    assert waiting(http) == [5, 6, 7, 8, 9] and waiting(ring) == []


def test_what_nobody_delivers_by_does_not_count_as_waiting(tmp_path):
    ring, http = log_in(tmp_path, "http", segment=600, segments=3)
    ring.wanted = False
    fill(ring, 5)
    deliver(http, 5)
    assert ring.stats()["depth"] == 0
    fill(ring, 100)
    assert ring.lost == 0 and http.lost > 40
    assert ring.stats()["depth"] == len(waiting(http)) > 0


def test_a_full_ring_counts_what_each_has_lost(tmp_path):
    ring, http, ftp = log_in(tmp_path, "http", "ftp", segment=600, segments=3)
    for _ in range(10):
        fill(ring, 10)
        deliver(ring, 10)
        deliver(http, 5)
    assert ring.lost == 0 and waiting(ring) == []
    for each in http, ftp:
        left = waiting(each)
        done = 50 if each is http else 0
        assert left == list(range(left[0], 101)) and each.lost == 100 - done - len(left)
    # A start moves the journal into files, for which some of the others have to go.
    ring, http, ftp = log_in(tmp_path, "http", "ftp", segment=600, segments=3)
    assert (http.lost, ftp.lost) == (50 - len(waiting(http)), 100 - len(waiting(ftp)))


def test_records_that_made_room_while_a_version_ran_that_knows_no_cursors(tmp_path):
    ring, http = log_in(tmp_path, "http", segment=600, segments=3)
    fill(ring, 20)
    deliver(http, 2)
    (old,) = log_in(tmp_path, segment=600, segments=3)
    fill(old, 60)
    ring, http = log_in(tmp_path, "http", segment=600, segments=3)
    left = waiting(http)
    assert left == list(range(left[0], 81)) and http.lost == 78 - len(left)


def test_what_makes_room_is_what_everybody_has(tmp_path):
    """A log that may have fewer files than it has gives up only what is delivered, by all."""
    ring, http = log_in(tmp_path, "http", segment=600, segments=12)
    fill(ring, 60)
    deliver(ring, 60)
    ring, http = log_in(tmp_path, "http", segment=600, segments=2)
    fill(ring, 40)
    deliver(ring, 40)
    assert waiting(http) == list(range(1, 101)) and http.lost == 0
    deliver(http, 90)
    fill(ring, 60)
    assert ring.newest - ring.first < 8 and not http.lost


@pytest.mark.parametrize("number", (0, 1))
@pytest.mark.parametrize("damage", (b"", b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", None))
def test_a_damaged_file_costs_one_note_and_no_record(tmp_path, number, damage):
    ring, http = log_in(tmp_path, "http")
    fill(ring, 9)
    deliver(http, 2)
    deliver(http, 2)
    path = tmp_path / "c" / ("http%d" % number)
    data = damage if damage is not None else path.read_bytes()[:-1] + b"\xff"
    path.write_bytes(data)
    ring, http = log_in(tmp_path, "http")
    assert waiting(http) in ([3, 4, 5, 6, 7, 8, 9], [5, 6, 7, 8, 9])
    deliver(http, 1)
    assert waiting(log_in(tmp_path, "http")[1]) == waiting(http)


def test_a_file_stays_so_small_that_it_lies_in_its_folder(tmp_path):
    ring, ftp = log_in(tmp_path, "ftp")
    ftp.order = "lifo"
    for _ in range(100):
        fill(ring, 2)
        deliver(ftp, 1)
    assert max(path.stat().st_size for path in (tmp_path / "c").iterdir()) <= 128
    assert len(waiting(ftp)) == 100


def test_marks_and_acknowledgements_are_durable_together(tmp_path):
    ring, ftp = log_in(tmp_path, "ftp")
    fill(ring, 3)
    ftp.marks[:] = 7, 8, 0xFFFFFFFF
    ftp.dirty = True
    ftp.flush()
    ring, ftp = log_in(tmp_path, "ftp")
    assert ftp.marks == [7, 8, 0xFFFFFFFF] and waiting(ftp) == [1, 2, 3]


def test_a_number_that_somebody_has_is_not_given_again(tmp_path):
    ring, http = log_in(tmp_path, "http")
    fill(ring, 9)
    deliver(http, 9)
    for path in tmp_path.glob("*.log"):
        path.unlink()
    for path in tmp_path.glob("j*/*"):
        path.unlink()
    ring, http = log_in(tmp_path, "http")
    fill(ring, 1)
    assert ring.last == 10 and waiting(http) == [10]


def test_clear_is_for_all(tmp_path):
    ring, http, ftp = log_in(tmp_path, "http", "ftp")
    fill(ring, 9)
    ring.clear()
    ring, http, ftp = log_in(tmp_path, "http", "ftp")
    assert waiting(ring) == waiting(http) == waiting(ftp) == []


class Machine(RuleBasedStateMachine):
    """Three deliveries against three sets."""

    def __init__(self):
        super().__init__()
        self.folder = tempfile.mkdtemp()
        self.sure = [set(), set(), set()]  # acknowledged and flushed
        self.noted = [set(), set(), set()]
        self.orders = ["fifo"] * 3
        self.start()

    def start(self):
        self.cursors = log_in(self.folder, "http", "ftp", segment=900)
        for cursor, order in zip(self.cursors, self.orders, strict=True):
            cursor.order = order

    @rule(count=st.integers(1, 9))
    def append(self, count):
        fill(self.cursors[0], count)

    @rule(who=st.integers(0, 2), count=st.integers(1, 9), flush=st.booleans())
    def deliver(self, who, count, flush):
        cursor = self.cursors[who]
        for seq in [cursor.take() for _ in range(count)]:
            if seq is not None:
                cursor.ack(seq)
                self.noted[who].add(seq)
        if flush:
            cursor.flush()
            self.sure[who] |= self.noted[who]
            self.noted[who].clear()

    @rule(who=st.integers(0, 2), order=st.sampled_from(("fifo", "lifo")))
    def switch(self, who, order):
        self.orders[who] = self.cursors[who].order = order

    @rule()
    def restart(self):
        self.start()
        for who, cursor in enumerate(self.cursors):
            self.sure[who] |= {seq for seq in self.noted[who] if cursor.acks.has(seq)}
            self.noted[who].clear()

    @invariant()
    def each_waits_for_what_it_has_not(self):
        for who, cursor in enumerate(self.cursors):
            rest = set(range(1, cursor.last + 1)) - self.sure[who] - self.noted[who]
            assert set(waiting(cursor)) == rest and cursor.lost == cursor.damaged == 0

    def teardown(self):
        shutil.rmtree(self.folder)


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=60, stateful_step_count=30)
