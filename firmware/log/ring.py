"""The record log: a ring of append-only segment files.

A segment is a file `NNNNNNNN.log` (number of its first record); a record is a head (magic, kind, sequence number,
UTC, length, CRC-32) and its payload. When there are too many segments the oldest is deleted. What has been
acknowledged stands in `acks`: everything below a number, and single numbers above it.
"""

import os
import struct
from binascii import crc32

from firmware.port import const

_MAGIC = const(0xA5)
_HEAD = "<BBHIII"
_HEAD_LENGTH = const(16)


class LogError(OSError):
    """A record can't be read."""


class Ring:
    """`root` is a folder; `segment` bytes after which a new file begins, `segments` files kept."""

    def __init__(self, root, segment=16384, segments=64):
        self._root = root
        self._limit = segment
        self._most = segments
        self._files = []  # numbers of the first records of the segments, oldest first
        self._size = 0  # of the newest
        self._next = 1
        self._low = 0  # everything up to here is acknowledged
        self._above = set()
        self._flying = {}
        self._cursor = None
        self._dirty = False
        self.order = "fifo"
        self.lost = self.damaged = 0

    def _path(self, first):
        return "%s/%08d.log" % (self._root, first)

    def mount(self):
        try:
            os.mkdir(self._root)
        except OSError:
            pass  # it is there
        names = [name for name in os.listdir(self._root) if name.endswith(".log")]
        self._files = sorted(int(name[:-4]) for name in names)
        try:
            with open(self._root + "/acks") as file:
                numbers = [int(x) for x in file.read().split()]
            self._low, self.lost = numbers[0], numbers[1]
            self._above = set(numbers[2:])
        except (OSError, ValueError, IndexError):
            pass  # no record has been acknowledged yet
        if self._files:
            first = self._files[-1]
            self._next = first
            end = 0
            for at, head in self._scan(first):
                self._next = head[3] + 1
                end = at + _HEAD_LENGTH + head[2]
            self._size = os.stat(self._path(first))[6]
            if end != self._size:
                self._size = self._limit  # a torn tail: go on in a new segment
        self._next = max(self._next, self._low + 1)

    def _scan(self, first):
        """Yield (offset, head) of every good record of a segment."""
        with open(self._path(first), "rb") as file:
            at = 0
            while True:
                file.seek(at)
                raw = file.read(_HEAD_LENGTH)
                if len(raw) < _HEAD_LENGTH:
                    return
                head = struct.unpack(_HEAD, raw)
                payload = file.read(head[2])
                if head[0] != _MAGIC or len(payload) < head[2] or crc32(payload) != head[5]:
                    self.damaged += 1
                    return
                yield at, head
                at += _HEAD_LENGTH + head[2]

    def append(self, kind, utc, payload):
        return self.append_many([(kind, utc, payload)])

    def append_many(self, records):
        """Durable when it returns; the sequence number of the last record."""
        if not self._files or self._size >= self._limit:
            self._files.append(self._next)
            self._size = 0
            while len(self._files) > self._most:
                self._drop_oldest()
        with open(self._path(self._files[-1]), "ab") as file:
            for kind, utc, payload in records:
                file.write(
                    struct.pack(_HEAD, _MAGIC, kind, len(payload), self._next, utc, crc32(payload))
                )
                file.write(payload)
                self._size += _HEAD_LENGTH + len(payload)
                self._next += 1
        return self._next - 1

    def _drop_oldest(self):
        first = self._files.pop(0)
        end = self._files[0]
        for seq in range(max(first, self._low + 1), end):
            if seq not in self._above:
                self.lost += 1
        self._low = max(self._low, end - 1)
        self._settle()
        self._dirty = True
        self.flush()
        os.remove(self._path(first))
        self._cursor = None

    def take(self):
        """The next pending record's number, now in flight; None if there is none."""
        if self._cursor is None:
            self._cursor = self._low
        seq = self._cursor + 1
        while seq < self._next and (seq in self._above or seq in self._flying or seq <= self._low):
            seq += 1
        if seq >= self._next:
            return None
        self._cursor = seq
        self._flying[seq] = None
        return seq

    def _find(self, seq):
        place = self._flying.get(seq)
        if place:
            return place
        first = max([f for f in self._files if f <= seq] or [0])
        if first:
            for at, head in self._scan(first):
                if head[3] == seq:
                    self._flying[seq] = (first, at, head)
                    return self._flying[seq]
        raise LogError("record %d is not there" % seq)

    def info(self, seq):
        head = self._find(seq)[2]
        return head[1], head[4], head[2]

    def read_into(self, seq, buf):
        first, at, head = self._find(seq)
        with open(self._path(first), "rb") as file:
            file.seek(at + _HEAD_LENGTH)
            return file.readinto(memoryview(buf)[: head[2]])

    def ack(self, seq):
        self._flying.pop(seq, None)
        if seq > self._low:
            self._above.add(seq)
            self._dirty = True
            self._settle()

    def _settle(self):
        while self._low + 1 in self._above:
            self._low += 1
            self._above.discard(self._low)
        for seq in [s for s in self._above if s <= self._low]:
            self._above.discard(seq)

    def flush(self):
        if not self._dirty:
            return
        numbers = [self._low, self.lost] + sorted(self._above)
        with open(self._root + "/acks.new", "w") as file:
            file.write(" ".join(str(n) for n in numbers))
        os.rename(self._root + "/acks.new", self._root + "/acks")
        self._dirty = False

    def release(self, seq=None):
        self._flying = {}
        self._cursor = None

    def stats(self):
        depth = self._next - 1 - self._low - len(self._above)
        return {
            "depth": depth,
            "in_flight": len(self._flying),
            "lost": self.lost,
            "damaged": self.damaged,
        }
