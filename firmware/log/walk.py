"""Finding entries in a segment file, also behind damaged ones."""

from firmware.log import format
from firmware.port import const

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
