"""What the log does at start-up: learns from the segments and the journal where it was. Loaded for that only.

It belongs to ring.Ring and knows its inside.
"""

import struct

from firmware.log import format, walk
from firmware.log.journal import LABEL
from firmware.port import const

# Segments that are looked through for the state of deliveries, should the newest be damaged.
_LOOK_BACK = const(3)


def mount(ring):
    """See Ring.mount."""
    store = ring.store
    store.prepare()
    first = newest = 0
    for number in store.numbers():
        first = number if not first else min(first, number)
        newest = max(newest, number)
    ring.first, ring.newest = first, newest
    for back in range(_LOOK_BACK):
        number = newest - back
        if number < max(first, 1) or _look_through(ring, number, back == 0):
            break
    _take_over_journal(ring)
    if first:
        start = ring.finder.begins(first)
        if start and start > ring.acks.low + 1:
            # Deleted before the power failed and nobody could note it.
            ring.gone(start - 1)


def _look_through(ring, number, newest):
    """Learn from a segment; True if it begins with an acknowledgement as it should."""
    size = ring.store.size(number)
    head = bytearray(format.HEAD)
    complete = False
    end = 0
    try:
        with ring.store.open(number) as file:
            for at, fields in walk.heads(file, size, head):
                kind, length, _, seq, _, _ = fields
                end = at + format.HEAD + length
                ring.last = max(ring.last, seq)
                if newest:
                    ring.previous = format.HEAD + length
                if kind == format.ACK:
                    payload = bytearray(length)
                    file.seek(at + format.HEAD)
                    file.readinto(payload)
                    if format.is_good(fields, payload):
                        ring.acks.merge(payload)
                        complete = complete or at == 0
    except OSError:
        end = -1
    if newest:
        # Behind a torn or damaged end nothing is appended.
        ring.size = size if end == size else ring.limit
    return complete


def _take_over_journal(ring):
    """Records that were in no segment yet go into one, and the acknowledgements too: the slots are used anew."""
    records = []
    known = ring.acks.payload()
    for head, payload in entries(ring.journal):
        fields = format.unpack(head)
        if fields and format.is_good(fields, payload):
            if fields[0] == format.ACK:
                ring.acks.merge(payload)
            elif fields[3] > ring.last:
                records.append((fields[3], fields[0], fields[4], payload))
    if ring.acks.payload() != known:
        ring.dirty = True
    # Numbers are what acknowledgements mean: they stay, even if one between them was damaged.
    batch = []
    for seq, kind, utc, payload in sorted(records, key=_number):
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
    ring.last = max(ring.last, ring.acks.low)


def _number(record):
    return record[0]


def entries(journal):
    """Yield each whole entry that the slots hold, as (head, payload), the oldest first."""
    found = {}  # stamp -> [first slot, parts, bytes there]
    for slot in range(journal.store.slots):
        count = journal.store.read_slot(slot, journal.view)
        if count > LABEL:
            stamp, part, parts = struct.unpack("<IBB", journal.view[:LABEL])
            journal.stamp = max(journal.stamp, stamp + 1)
            entry = found.setdefault(stamp, [slot - part, parts, 0, 0])
            if slot - part == entry[0] and part < parts:
                entry[2] += 1
                entry[3] += count - LABEL
    for stamp in sorted(found):
        slot, parts, there, length = found[stamp]
        if there == parts and length > format.HEAD:
            whole = bytearray(length)
            journal.read((0, slot, length), memoryview(whole))
            yield whole[: format.HEAD], memoryview(whole)[format.HEAD :]
