"""Single entries on their way into a segment: each in one slot or a few, durable at once and cheap to write.

A slot holds a stamp (32 bits, one per entry, ascending), the part's number, how many parts there are, and the piece.
Nothing is ever wiped: what was moved into a segment is known by its sequence number.
"""

import struct

from firmware.log import format
from firmware.port import const

LABEL = const(6)


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
        for part in range(parts):
            struct.pack_into("<IBB", self._buf, 0, self.stamp, part, parts)
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
        self.stamp += 1
        if seq:
            self.entries.append((seq, self._next, length))
        self._next += parts

    def find(self, seq):
        """The entry (seq, slot, length) of a record, or None."""
        for entry in self.entries:
            if entry[0] == seq:
                return entry
        return None

    def read(self, entry, view):
        """Fill `view` with the entry's first bytes, head first. OSError."""
        _, slot, length = entry
        at = 0
        while at < len(view):
            count = self.store.read_slot(slot, self.view)
            piece = min(count - LABEL, len(view) - at)
            if piece <= 0:
                raise OSError("slot %d is empty" % slot)
            view[at : at + piece] = self.view[LABEL : LABEL + piece]
            at += piece
            slot += 1

    def clear(self):
        """All entries are in a segment."""
        self.entries = []
        self._next = 0
        self.used = False
