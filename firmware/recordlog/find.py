"""Finds entries in a segment file, behind damaged ones, too; and records in the segments, quickest where one follows
the other."""

from firmware.recordlog import format

# Records to go one by one before searching anew is quicker.
_NEAR = const(64)
# A flash that gives an error now and then is asked so often before a segment is passed over for good.
_TRIES = const(5)
_CHUNK = const(64)
# Bytes from a segment's end in which its last entry is looked for: nearly every record is shorter.
_TAIL = const(512)
_NOT_THERE = const(2)
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
        self._place = None  # (segment, at, seq, length of the entry before it) of the record found last
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
            self._size = 0
            try:
                file = self._store.open(number)
            except OSError as error:
                if error.errno != _NOT_THERE:
                    raise
                return 0
            # Not by stat(): looking a name up makes littlefs read much of its folder, twice then.
            self._file, self._number = file, number
            self._size = file.seek(0, 2)
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
                fields = self._from_end(place[0] - 1, seq) or self._on(place[0] - 1, 0, seq, place[0])
            if fields:
                return fields
        number = self._segments(seq, first, newest)
        if number == newest or not place:
            fields = self._from_end(number, seq)
            if fields:
                return fields
        return self._on(number, 0, seq, newest)

    def _segments(self, seq, first, newest):
        """The segment in which a record may be, or one before it.

        Each look at a segment costs reading the folder, where there are hundreds of them several times what they hold:
        where the numbers say is looked first, as if all segments held as many.
        """
        low, high = first, newest
        below = self.begins(low)
        if below == seq or low == high:
            return low
        above = self.begins(high)
        if 0 < above <= seq:
            return high
        halve = not 0 < below < seq < above
        while high - low > 1:
            middle = (low + high) // 2
            if not halve:
                middle = low + min(max((high - low) * (seq - below) // (above - below), 1), high - low - 1)
            start = self.begins(middle)
            if not start:
                break  # unreadable: the slow way, from below it
            if start > seq:
                # What turns out to lie elsewhere than expected is halved the next time.
                halve = not halve and (high - middle) * 2 < high - low
                high, above = middle, start
            else:
                halve = not halve and (middle - low) * 2 < high - low
                low, below = middle, start
        return low

    def _from_end(self, number, seq):
        """Look for a record from a segment's end on back, not further than to one near it. The fields, or None."""
        try:
            size = self._open(number)
            tail = bytearray(min(size, _TAIL))
            if tail:
                self._file.seek(size - len(tail))
                self._file.readinto(tail)
            for back in range(format.HEAD, len(tail) + 1):
                if tail[len(tail) - back] == _MAGIC:
                    fields = head_at(self._file, size - back, size, self._head)
                    if fields and format.HEAD + fields[1] == back:
                        break
            else:
                return None
            if fields[3] - seq >= _NEAR:
                return None
            self._place = (number, size - back, fields[3] + (fields[0] == format.ACK), fields[2])
            if fields[3] == seq and fields[0] != format.ACK:
                return fields
            return self._back(seq) if fields[3] >= seq else None
        except OSError:
            self.forget()
            return None

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
                            self._place = (number, place, seq, fields[2])
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
        number, at, _, previous = self._place
        size = self._open(number)
        while previous and at >= previous:
            at -= previous
            fields = head_at(self._file, at, size, self._head) if size else None
            if not fields:
                break
            previous = fields[2]
            if fields[0] != format.ACK and fields[3] <= seq:
                if fields[3] == seq:
                    self._place = (number, at, seq, previous)
                    return fields
                break
        return None
