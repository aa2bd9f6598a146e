"""Writing into the segments, making room there, and what all deliveries lack together. Loaded for that only; knows
the inside of ring.Ring."""

from firmware.recordlog import format


def write(ring, records):
    """See Ring.write."""
    journal = ring.journal
    waiting = list(journal.entries)
    number = 0
    done = False
    while not done:
        if ring.size >= ring.limit or not ring.newest:
            _begin_segment(ring)
        fresh = ring.size == 0
        size, previous, last = ring.size, ring.previous, ring.last
        forget_places(ring)
        try:
            file = ring.store.append(ring.newest)
            try:
                if fresh:
                    size, previous = _put_acks(ring, file, 0, 0, last)
                while waiting and size < ring.limit:
                    size, previous = _move(ring, file, waiting[0], size, previous)
                    waiting.pop(0)
                while not waiting and number < len(records) and size < ring.limit:
                    kind, utc, payload = records[number]
                    format.pack(ring.head, kind, last + 1, utc, payload)
                    size, previous = _put(ring, file, payload, size, previous)
                    last += 1
                    number += 1
                done = not waiting and number == len(records)
                if done and not fresh and (ring.dirty or journal.used):
                    size, previous = _put_acks(ring, file, size, previous, last)
            finally:
                file.close()
        except Exception:
            # What stands at its end now is not known.
            ring.size = ring.limit
            if fresh and not ring.store.size(ring.newest):
                ring.newest -= 1
                ring.first = min(ring.first, ring.newest)
            raise
        ring.size, ring.previous, ring.last = size, previous, last
        journal.entries = list(waiting)
        # Should the next segment fail, these are not written again.
        del records[:number]
        number = 0
        if fresh or (done and ring.over):  # what is delivered is durable now
            _drop_surplus(ring, _kept(ring) if fresh else ring.newest)
    journal.clear()
    ring.dirty = False


def forget_places(ring):
    for each in ring.every:
        each.forget_places()


def _begin_segment(ring):
    if ring.store.size(ring.newest + 1):
        # Not one of ours: mount() has left it out, or nothing in it counts.
        ring.store.remove(ring.newest + 1)
    ring.newest += 1
    if not ring.first:
        ring.first = ring.newest
    ring.size = ring.previous = 0
    if ring.newest - ring.first >= _kept(ring):
        # What has to go is noted in the acknowledgement at the segment's beginning.
        _note_oldest(ring)


def _note_oldest(ring):
    """What is in the oldest segment will be gone."""
    start = ring.finder.begins(ring.first + 1)
    if start:
        gone(ring, start - 1)


def _kept(ring):
    """How many segments may be kept, when the newest is a new one."""
    there = ring.newest - ring.first
    if not ring.over:
        return ring.segments
    return max(there, ring.most or there + 1)


def _put_acks(ring, file, size, previous, last):
    if size == 0 and ring.journal.entries:
        # At a segment's beginning it says where the records behind it begin.
        last = ring.journal.entries[0][0] - 1
    payload = ring.acks.payload()
    format.pack(ring.head, format.ACK, last, 0, payload)
    return _put(ring, file, payload, size, previous)


def _put(ring, file, payload, size, previous):
    format.follow(ring.head, previous)
    file.write(ring.head)
    file.write(payload)
    length = format.HEAD + len(payload)
    return size + length, length


def _move(ring, file, entry, size, previous):
    ring.journal.read(entry, memoryview(ring.head))
    format.follow(ring.head, previous)
    file.write(ring.head)
    # Slot by slot: a whole record in one piece may be more than the heap has.
    for piece in ring.journal.pieces(entry, format.HEAD):
        file.write(piece)
    return size + entry[2], entry[2]


def gone(ring, seq):
    """See Ring.gone."""
    for each in ring.every:
        acks = each.acks
        if each.wanted:
            acks.lost += acks.count(acks.low + 1, seq)
        if seq > acks.low:
            acks.add(acks.low + 1, seq)
            each.dirty = True


def _drop_surplus(ring, kept):
    """Delete the oldest segments beyond `kept`, and beyond `ring.segments` those in which nothing waits."""
    while ring.newest - ring.first >= ring.segments:
        if ring.newest - ring.first < kept and not _is_delivered(ring):
            return
        drop_oldest(ring)
    ring.over = False


def _is_delivered(ring):
    """Whether nothing waits in the oldest segment."""
    for number in range(ring.first + 1, ring.newest + 1):
        start = ring.finder.begins(number)
        if start:
            return all(start <= each.acks.low + 1 for each in ring.every if each.wanted)
    return False


def drop_oldest(ring):
    """Delete the oldest segment and note what was in it."""
    _note_oldest(ring)
    forget_places(ring)
    if ring.store.size(ring.first):
        ring.store.remove(ring.first)
    ring.first += 1


# --- all deliveries together


def stats(ring):
    """See Ring.stats."""
    most = ring
    for each in ring.every:
        if not most.wanted or each.depth() > most.depth():
            most = each
    depth = most.depth()
    return {
        "depth": depth,
        "oldest": most.acks.after(0) if depth else 0,
        "newest": ring.last,
        "in_flight": len(most._flying),
        "lost": most.lost,
        "damaged": most.damaged,
    }


def clear(ring):
    """See Ring.clear."""
    for each in ring.every:
        each.release()
        each.release(0)
        if ring.last > each.acks.low:
            each.acks.add(each.acks.low + 1, ring.last)
            each.dirty = True
        each.flush()
