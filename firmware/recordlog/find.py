"""Finds entries in a segment file, behind damaged ones, too; and records in the segments, quickest where one follows
the other."""

from firmware.recordlog import format

# Records to go one by one before searching anew is quicker.
_NEAR = const(64)
# A flash that gives an error now and then is asked so often before a segment is passed over for good.
_TRIES = const(5)
_CHUNK = const(64)
_MAGIC = const(0xA5)


def head_at(file, at, size, head):
    """The fields of the entry at `at` (see format.unpack) or None; `head` is a bytearray(20) for the raw head."""
    if at < 0 or at + format.HEAD > size:
        return None
    file.seek(at)
    if file.readinto(head) != format.HEAD:
        return None
    fields = format.unpack(head)
    if fields and at + format.HEAD + fields[1] <= size:
        return fields
    return None


def next_good(file, at, size, head):
    """Where from `at` on the next entry begins, or `size`."""
    chunk = bytearray(_CHUNK)
    while at + format.HEAD <= size:
        file.seek(at)
        count = file.readinto(chunk)
        for place in range(count):
            if chunk[place] == _MAGIC and head_at(file, at + place, size, head):
                return at + place
        at += max(count, 1)
    return size


def heads(file, size, head, at=0):
    """Yield (at, fields) of each entry from `at` on; what is damaged is passed over."""
    while at < size:
        fields = head_at(file, at, size, head)
        if fields is None:
            at = next_good(file, at + 1, size, head)
            continue
        yield at, fields
        at += format.HEAD + fields[1]


class Finder:
    """`head`: a bytearray(20) that is free whenever this is called.

    The segment read last stays open: opening one makes littlefs read its folder. Whoever changes a segment calls
    forget().
    """

    def __init__(self, store, head):
        self._store = store
        self._head = head
        self._place = None  # (segment, at, seq) of the record found last
        self._file = None
        self._number = self._size = 0  # of the open file
        self._failed = False  # a segment was passed over

    def forget(self):
        """Segments have changed."""
        file, self._file = self._file, None
        if file:
            try:
                file.close()
            except OSError:
                pass  # it was only read

    def _open(self, number):
        """Open a segment; its size, 0 if there is none. OSError."""
        if self._file is None or self._number != number:
            self.forget()
            self._size = self._store.size(number)
            if self._size:
                self._file = self._store.open(number)
                self._number = number
        return self._size

    def _forward(self, at):
        return heads(self._file, self._size, self._head, at)

    def read_into(self, view):
        """The beginning of the payload of the record found last. OSError."""
        if self._open(self._place[0]):
            self._file.seek(self._place[1] + format.HEAD)
            self._file.readinto(view)

    def begins(self, number):
        """Sequence number of the first record that may be in a segment; 0 if nothing in it can be read."""
        for _ in range(_TRIES):
            try:
                if self._open(number):
                    for _, fields in self._forward(0):
                        return fields[3] + 1 if fields[0] == format.ACK else fields[3]
                return 0
            except OSError:
                self.forget()
        return 0

    def find(self, seq, first, newest):
        """The fields (format.unpack) of a record in the segments `first` to `newest`, or None. OSError."""
        for _ in range(_TRIES):
            self._failed = False
            fields = self._find(seq, first, newest)
            if fields or not self._failed:
                break
        return fields

    def _find(self, seq, first, newest):
        place = self._place
        if place and place[0] < first:
            place = None
        if place and abs(place[2] - seq) < _NEAR:
            if place[2] <= seq:
                return self._on(place[0], place[1], seq, newest)
            fields = self._back(seq)
            if not fields and place[0] > first:
                fields = self._on(place[0] - 1, 0, seq, place[0])
            if fields:
                return fields
        low, high = first, newest
        while low < high:
            middle = (low + high + 1) // 2
            start = self.begins(middle)
            if not start:
                break  # unreadable: the slow way, from below it
            if start > seq:
                high = middle - 1
            else:
                low = middle
        return self._on(low, 0, seq, newest)

    def _on(self, number, at, seq, newest):
        """Look from `at` in a segment on, and in those behind it; one that can't be read is passed over."""
        while number <= newest:
            try:
                if self._open(number):
                    for place, fields in self._forward(at):
                        if fields[3] < seq:
                            continue
                        if fields[0] == format.ACK:
                            if not place:
                                return None  # from here on there are later ones
                        elif fields[3] == seq:
                            self._place = (number, place, seq)
                            return fields
                        else:
                            break  # what a write that failed has left; it was done again behind it
            except OSError:
                self.forget()
                self._failed = True
            number += 1
            at = 0
        return None

    def _back(self, seq):
        """Go back in the segment of the record found last, entry by entry."""
        number, at, _ = self._place
        size = self._open(number)
        fields = head_at(self._file, at, size, self._head) if size else None
        while fields and fields[2] and at >= fields[2]:
            at -= fields[2]
            fields = head_at(self._file, at, size, self._head)
            if fields and fields[0] != format.ACK and fields[3] <= seq:
                if fields[3] == seq:
                    self._place = (number, at, seq)
                    return fields
                break
        return None
