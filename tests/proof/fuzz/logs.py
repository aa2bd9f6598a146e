"""Segments and journal of the log, damaged: it mounts, gives what is good and nothing else, and keeps what is new."""

import io
import struct

from firmware.core.errors import LogError
from firmware.recordlog import format
from firmware.recordlog.ring import Ring
from tests.proof.fuzz.mutator import Mutator

COUNT, SAMPLE, HEAP = 100_000, 100, 400_000
_SLOTS, _SLOT = 20, 128
_SEGMENT, _SEGMENTS = 1024, 6
# Operations of the flash for one input, and numbers that a log may lose to what it cannot read.
_OPERATIONS, _NUMBERS, _FORGED = 60_000, 1000, 1 << 18
_JOURNAL = -1


class Store:
    """A flash in memory with what recordlog.files.Files offers; slots are the negative numbers."""

    slots, slot = _SLOTS, _SLOT

    def __init__(self, files=()):
        self.files = dict(files)
        self.count = 0

    def prepare(self):
        pass

    def _step(self):
        self.count += 1
        assert self.count < _OPERATIONS

    def numbers(self):
        return (number for number in self.files if number > 0)

    def size(self, number):
        self._step()
        return len(self.files.get(number, b""))

    def open(self, number):
        self._step()
        return _File(self, self.files[number])

    def append(self, number):
        return _Grown(self, number)

    def remove(self, number):
        del self.files[number]

    def read_slot(self, number, buf):
        self._step()
        data = self.files.get(_JOURNAL - number, b"")[: len(buf)] if number >= 0 else b""
        buf[: len(data)] = data
        return len(data)

    def write_slot(self, number, view):
        assert 0 <= number < _SLOTS and len(view) <= _SLOT
        self.files[_JOURNAL - number] = bytes(view)


class _File(io.BytesIO):
    def __init__(self, store, data):
        super().__init__(data)
        self._store = store

    def readinto(self, buf):
        self._store._step()
        return super().readinto(buf)


class _Grown:
    def __init__(self, store, number):
        self._store, self._number, self._data = store, number, bytearray(store.files.get(number, b""))

    def write(self, data):
        self._data += data

    def close(self):
        self._store.files[self._number] = bytes(self._data)


def _ring(store):
    return Ring(store, _SEGMENT, _SEGMENTS)


def history(generator, count):
    """(files, {number: payload}) of a log with so many records, some of them delivered."""
    store, known = Store(), {}
    ring = _ring(store)
    ring.mount()
    while count > 0:
        batch = []
        for _ in range(generator.choice((1, 1, 1, 5))):
            batch.append((1, 1795000000 + count, generator.randbytes(generator.choice((5, 90, 300)))))
            count -= 1
        last = ring.append_many(list(batch))
        for offset, record in enumerate(reversed(batch)):
            known[last - offset] = record[2]
        if generator.random() < 0.4:
            ring.ack(ring.take())
            ring.flush()
    return store.files, known


class Target:
    """An input is ({number: content} of the files, whether a damaged head has a right check).

    That has 16 bits: of 65536 damaged heads one passes. Then a record behind it may be lost, and nothing more.
    """

    def __init__(self, generator):
        self._histories = [history(generator, count) for count in (0, 3, 9, 30, 70)]
        self._known = {}
        for _, known in self._histories:
            for number, payload in known.items():
                self._known.setdefault(number, []).append(payload)
        # Pieces of a log come into no other one.
        words = (b"\xa5", b"\xff" * 20, bytes(20))
        self._mutators = [
            Mutator(generator, sorted(set(files.values())) or [b"\xa5"], words, 3000) for files, _ in self._histories
        ]
        self._mutator = self._mutators[0]

    def make(self):
        which = self._mutator.below(len(self._histories))
        mutator = self._mutator = self._mutators[which]
        files, forged = dict(self._histories[which][0]), mutator.below(8) == 0
        for _ in range(1 + mutator.below(3)):
            number = mutator.one_of(sorted(files)) if files else 1
            content = files.get(number, b"")
            if forged and number > 0:
                files[number] = self._rechecked(content)
                continue
            content = mutator.make(content, long=mutator.below(2) == 0)
            files[number] = content if number > 0 else content[:_SLOT]
        if mutator.below(10) == 0:
            # A file of somebody else, or a copy.
            files[1 + mutator.below(99999999)] = mutator.one_of(mutator.seeds)
        return files, forged

    def _rechecked(self, content):
        """A head with a number or a length of its own and the check that belongs to it."""
        content = bytearray(content)
        places = [at for at in range(len(content) - format.HEAD) if content[at] == 0xA5]
        if len(places) > 1:
            at = self._mutator.one_of(places[1:])
            head = bytearray(self._mutator.make(content[at : at + format.HEAD], long=True))
            head[0] = 0xA5
            format.follow(head, struct.unpack_from("<H", head, 4)[0])
            content[at : at + format.HEAD] = head
        return bytes(content)

    def run(self, given):
        files, forged = given
        store = Store(files)
        ring = _ring(store)
        ring.mount()
        before = ring.last
        assert before <= max(self._known) + (_FORGED if forged else _NUMBERS), before
        good = self._drained(ring, forged)
        payloads = [b"new %d" % number for number in range(9)]
        numbers = [ring.append(1, 1795000000, payload) for payload in payloads[:3]]
        last = ring.append_many([(1, 1795000000, payload) for payload in payloads[3:]])
        numbers += range(last - 5, last + 1)
        assert numbers == list(range(before + 1, before + 10))
        again = _ring(store)
        again.mount()
        assert again.last >= last and again.acks.count(numbers[0], last) == 9
        if forged:
            self._drained(again, True, dict(zip(numbers, payloads, strict=True)))
            return "forged"
        for number, payload in zip(numbers, payloads, strict=True):
            buf = bytearray(20)
            assert bytes(buf[: again.read_into(number, buf)]) == payload
        again.clear()
        third = _ring(store)
        third.mount()
        assert third.stats()["depth"] == 0 and third.last == again.last
        return "whole" if good else "damaged"

    def _drained(self, ring, forged, new={}):  # noqa: B006  only read
        """Take what waits as the publisher does; whether all of it could be read."""
        buf, good = bytearray(16384), True
        for _ in range(max(self._known) + (0 if forged else _NUMBERS)):
            number = ring.take()
            if number is None:
                assert ring.stats()["in_flight"] == 0
                return good
            try:
                ring.info(number)
                payload = bytes(buf[: ring.read_into(number, buf)])
                assert payload in self._known.get(number, []) + [new.get(number)]
            except LogError:
                good = False
            ring.ack(number)
        assert forged, "no end of records"
        return False
