"""How much waits in the log, for all deliveries together, and the end of it. Loaded for that; knows ring.Ring's inside."""


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
