"""What the log does at start-up: learns from the segments and the journal where it was. Loaded for that only.

It belongs to ring.Ring and knows its inside.
"""

import struct

from firmware.recordlog import find, format
from firmware.recordlog.files import LABEL

# Segments that are looked through for the state of deliveries, should the newest be damaged.
_LOOK_BACK = const(3)
# The check of a head has 16 bits: one that is damaged passes now and then, and its number may be any. Nobody has tried
# so many records between two that were kept.
_FAR = const(65536)
# A flash that gives an error now and then is asked so often.
_TRIES = const(8)


def mount(ring):
    """See Ring.mount."""
    store = ring.store
    _tried(store.prepare)
    there = _ours(ring, _tried(lambda: sorted(store.numbers())))
    if there:
        ring.first, ring.newest = there[0], there[-1]
    unknown = False
    tried, left = 0, _LOOK_BACK
    for number in reversed(there):
        written = ring.last
        try:
            if _tried(_look_through, ring, number):
                left = min(left, 2)
        except OSError:
            unknown = True
            if number == ring.newest:
                ring.size = ring.limit
        if written:
            # A write that failed there may have come further there than the one after it here: those numbers are not
            # given again, but what the journal has of them is not written yet.
            tried, ring.last = max(tried, ring.last), written
        left -= ring.last > 0  # of one that is torn at its beginning nothing is known
        if left <= 0:
            break
    # A new segment that is empty does not count: the power failed before anything could go for it.
    ring.over = bool(there) and ring.newest - ring.first + (ring.size > 0) > ring.segments
    _take_over_journal(ring, unknown, tried)
    if there:
        start = ring.finder.begins(ring.first)
        if ring.acks.low + 1 < start <= ring.last + 1:
            # Deleted before the power failed and nobody could note it. Beyond the last: a file of somebody else.
            ring.gone(start - 1)


def _tried(function, *arguments):
    """What `function` gives. OSError: each time."""
    for _ in range(_TRIES - 1):
        try:
            return function(*arguments)
        except OSError:
            continue
    return function(*arguments)


class _Patient:
    """A segment's file for heads(), which seeks before each read: a read that fails is not the end of all of them."""

    def __init__(self, file):
        self._file = file

    def seek(self, at):
        self._at = at

    def readinto(self, buf):
        return _tried(self._read, buf)

    def _read(self, buf):
        self._file.seek(self._at)
        return self._file.readinto(buf)


def _ours(ring, there):
    """Of the numbers of files that are called like segments (sorted) those that are the log's.

    They follow one another, and so does what is in them. A file of somebody else far away, or a copy of an old one
    behind the newest, is left out: the ring goes from number to number and would never come to its end.
    """
    runs = []
    for number in there:
        if not runs or number - runs[-1][-1] > ring.segments:
            runs.append([])
        runs[-1].append(number)
    ours = max(runs, key=lambda run: _reaches(ring, run)) if len(runs) > 1 else there
    most = _reaches(ring, ours)
    while most and 0 < ring.finder.begins(ours[-1]) < most:
        ours.pop()
    return ours


def _reaches(ring, run):
    """The highest number of a record that one of a run's last segments begins with."""
    return max([ring.finder.begins(number) for number in run[-_LOOK_BACK:]] or [0])


def _look_through(ring, number):
    """Learn from a segment; True if it begins with an acknowledgement as it should. OSError."""
    newest = number == ring.newest
    size = ring.store.size(number)
    head = bytearray(format.HEAD)
    complete = gap = False
    end = 0
    with ring.store.open(number) as opened:
        file = _Patient(opened)
        for at, fields in find.heads(file, size, head):
            kind, length, _, seq, _, _ = fields
            gap = gap or at != end
            end = at + format.HEAD + length
            sure = not (complete or ring.last) or seq - ring.last < _FAR
            if newest:
                ring.previous = format.HEAD + length
            if kind == format.ACK:
                payload = bytearray(length)
                file.seek(at + format.HEAD)
                file.readinto(payload)
                if format.is_good(fields, payload):
                    ring.acks.merge(payload)
                    complete = complete or at == 0
                    sure = True
            if sure:
                ring.last = max(ring.last, seq)
            else:
                gap = True
    if newest:
        # Behind anything torn or damaged nothing is appended: of its length the new ones would seem to be a part.
        ring.size = size if end == size and not gap else ring.limit
    return complete


def _take_over_journal(ring, unknown, last):
    """Records that were in no segment yet go into one, and the acknowledgements too: the slots are used anew.

    `unknown`: a segment cannot be read, nobody knows the numbers in it. `last`: one that is not given again.
    """
    records = []
    known = ring.acks.payload()
    for slot, head, payload in entries(ring.journal):
        fields = format.unpack(head)
        if fields and format.is_good(fields, payload):
            if fields[0] == format.ACK:
                ring.acks.merge(payload)
                last = max(last, fields[3])  # it has seen this one
            elif fields[3] > ring.last:
                records.append((fields[3], fields[0], fields[4], payload, slot))
    if ring.acks.payload() != known:
        ring.dirty = True
    if unknown and not records:
        # They are taken, however many they are; a record of the journal would be newer than all of them.
        last = max(last, ring.last) + (ring.limit + format.LONGEST) // format.HEAD
    records.sort(key=_number)
    try:
        _move(ring, records)
    except OSError:
        # They stay where they are until a segment can be written.
        for seq, _, _, payload, slot in records:
            if seq > ring.last:
                ring.last = seq
                ring.journal.stays(seq, slot, format.HEAD + len(payload))
    # An acknowledgement means the number: one that somebody may have got is not given again.
    ring.last = max([ring.last, last, ring.acks.low] + [end for _, end in ring.acks.ranges])


def _number(record):
    return record[0]


def _move(ring, records):
    """Write what was in the journal into the segments. OSError: the first of `records` may be there already."""
    # Numbers are what acknowledgements mean: they stay, even if one between them was damaged.
    batch = []
    for seq, kind, utc, payload, _ in records:
        if seq != ring.last + len(batch) + 1:
            if seq <= ring.last + len(batch):
                continue
            if batch:
                ring.insist(ring.write, batch)
            batch = []
            ring.last = seq - 1
        batch.append((kind, utc, payload))
    if batch or ring.dirty:
        ring.insist(ring.write, batch)


def entries(journal):
    """Yield each whole entry that the slots hold, as (first slot, head, payload), the oldest first."""
    found = {}  # stamp -> [first slot, parts, parts there, bytes there]
    for slot in range(journal.store.slots):
        try:
            count = _tried(journal.store.read_slot, slot, journal.view)
        except OSError:
            continue
        if count > LABEL:
            stamp, part, parts = struct.unpack("<IBB", journal.view[:LABEL])
            if stamp >> 30:
                continue  # damaged: those behind it would soon have no room for their stamps
            journal.stamp = max(journal.stamp, stamp + 1)
            entry = found.setdefault(stamp, [slot - part, parts, 0, 0])
            if slot - part == entry[0] and part < parts:
                entry[2] += 1
                entry[3] += count - LABEL
    for stamp in sorted(found):
        slot, parts, there, length = found[stamp]
        if there == parts and length > format.HEAD:
            whole = bytearray(length)
            try:
                _tried(journal.read, (0, slot, length), memoryview(whole))
            except OSError:
                continue
            yield slot, whole[: format.HEAD], memoryview(whole)[format.HEAD :]
