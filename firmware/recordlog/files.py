"""Where the log lies: a folder of segment files and small slot files on a file system.

The ring needs these few operations only, so that a raw partition can take their place. Segments have numbers; they
are only ever appended to. Slots are so small that littlefs keeps them inside the folder's own block, where writing one
anew costs little more than its bytes; several folders share the wear.

The journal in the slots has single entries on their way into a segment: each in one slot or a few, durable at once and
cheap to write. A slot holds a stamp (32 bits, one per entry, ascending), the part's number, how many parts there are,
and the piece. Nothing is ever wiped: what was moved into a segment is known by its sequence number.
"""

import os
import struct

from firmware.recordlog import format

_PER_FOLDER = const(10)
_NOT_THERE = const(2)
# Of the longest number a segment can come to.
_DIGITS = const(10)
LABEL = const(6)


class Files:
    """`root` is made if it is not there; `slots` slots of at most `slot` bytes."""

    def __init__(self, root, slots=40, slot=128):
        self.root = root
        self.slots = slots
        self.slot = slot

    def prepare(self):
        """Make the folders; OSError."""
        for number in range(-1, (self.slots + _PER_FOLDER - 1) // _PER_FOLDER):
            try:
                os.mkdir(self.root if number < 0 else "%s/j%d" % (self.root, number))
            except OSError as error:
                if error.errno != 17:  # it is there
                    raise

    def _path(self, number):
        return "%s/%08d.log" % (self.root, number)

    def numbers(self):
        """Numbers of the segments, in no order, one by one."""
        listing = getattr(os, "ilistdir", None)
        for item in listing(self.root) if listing else os.listdir(self.root):
            name = item[0] if listing else item
            digits = name[:-4]
            # Whoever else leaves files here: only what _path() makes is ours.
            number = int(digits) if 8 <= len(digits) <= _DIGITS and not digits.strip("0123456789") else 0
            if number and name == "%08d.log" % number:
                yield number

    def size(self, number):
        """Bytes of a segment, 0 if there is none. OSError: the flash does not tell."""
        try:
            return os.stat(self._path(number))[6]
        except OSError as error:
            if error.errno != _NOT_THERE:
                raise
            return 0

    def open(self, number):
        """A segment for reading: seek(), readinto(). OSError."""
        return open(self._path(number), "rb")

    def append(self, number):
        """A segment for appending: write(); all of it counts when close() has returned. OSError."""
        return open(self._path(number), "ab")

    def remove(self, number):
        os.remove(self._path(number))

    def _slot(self, number):
        return "%s/j%d/%d" % (self.root, number // _PER_FOLDER, number % _PER_FOLDER)

    def read_slot(self, number, buf):
        """Bytes read into `buf`; 0 if the slot was never written. OSError: the flash does not tell."""
        try:
            with open(self._slot(number), "rb") as file:
                return file.readinto(buf)
        except OSError as error:
            if error.errno != _NOT_THERE:
                raise
            return 0

    def write_slot(self, number, view):
        """Durable when it returns."""
        with open(self._slot(number), "wb") as file:
            file.write(view)


class Journal:
    """`entries`: (seq, slot, length) of the records that are in no segment yet, in order."""

    def __init__(self, store):
        self.store = store
        self._buf = bytearray(store.slot)
        self.view = memoryview(self._buf)
        self._piece = store.slot - LABEL
        self._next = 0
        self.stamp = 1
        self.entries = []
        self.used = False  # anything was written since clear()

    def _parts(self, length):
        return (length + self._piece - 1) // self._piece

    def fits(self, length):
        """Whether an entry of `length` bytes has room now."""
        return self._next + self._parts(length) <= self.store.slots

    def could_fit(self, length):
        """Whether it would if the journal were empty and something else besides."""
        return 2 * self._parts(length) <= self.store.slots

    def put(self, seq, head, payload):
        """Write an entry; a record when `seq` is its number, else 0. OSError: it does not count."""
        length = format.HEAD + len(payload)
        parts = self._parts(length)
        view = self.view
        self.used = True
        stamp = self.stamp
        self.stamp += 1  # also if it fails: what it left must not be taken for a part of the next one
        for part in range(parts):
            struct.pack_into("<IBB", self._buf, 0, stamp, part, parts)
            first, last = part * self._piece, min((part + 1) * self._piece, length)
            at = LABEL
            if first < format.HEAD:
                end = min(format.HEAD, last)
                view[at : at + end - first] = memoryview(head)[first:end]
                at += end - first
                first = end
            if first < last:
                start = first - format.HEAD
                view[at : at + last - first] = memoryview(payload)[start : last - format.HEAD]
                at += last - first
            self.store.write_slot(self._next + part, view[:at])
        if seq:
            self.entries.append((seq, self._next, length))
        self._next += parts

    def find(self, seq):
        """The entry (seq, slot, length) of a record, or None."""
        for entry in self.entries:
            if entry[0] == seq:
                return entry
        return None

    def pieces(self, entry, skip=0):
        """Yield the entry's bytes from `skip` on, slot by slot; each piece is valid until the next one. OSError."""
        _, slot, length = entry
        at = 0
        while at < length:
            count = min(self.store.read_slot(slot, self.view) - LABEL, length - at)
            if count <= 0:
                raise OSError("slot %d is empty" % slot)
            if at + count > skip:
                yield self.view[LABEL + max(skip - at, 0) : LABEL + count]
            at += count
            slot += 1

    def read(self, entry, view, skip=0):
        """Fill `view` with the entry's bytes from `skip` on, head first. OSError."""
        at = 0
        for piece in self.pieces(entry, skip):
            count = min(len(piece), len(view) - at)
            view[at : at + count] = piece[:count]
            at += count
            if at == len(view):
                return
        raise OSError("slot %d: the entry is too short" % entry[1])

    def stays(self, seq, slot, length):
        """An entry found at the start that cannot be moved now; nothing is put beside it."""
        self.entries.append((seq, slot, length))
        self._next = self.store.slots
        self.used = True

    def clear(self):
        """All entries are in a segment."""
        self.entries = []
        self._next = 0
        self.used = False
