"""How an entry of the log stands on the flash, pure: bytes in, values out; and which records are done (`Acks`).

An entry is a head of 20 bytes (little endian) and its payload:

| bytes | what |
| --- | --- |
| 0 | 0xA5 |
| 1 | kind; 0xFF is an acknowledgement |
| 2-3 | length of the payload, 1 to 16384 |
| 4-5 | length of the whole entry before this one in the same file, 0 for the first |
| 6-7 | check: the low half of the CRC-32 of the head's other bytes |
| 8-11 | sequence number of the record; of an acknowledgement: the newest record's |
| 12-15 | UTC, seconds since 1970 |
| 16-19 | CRC-32 of kind, length, sequence number, UTC and payload |

The payload of an acknowledgement: everything up to `low` is done, `lost` records were never delivered, and pairs of
first and last number of what else is done; all 32 bits. The first entry of a file is one.
"""

import struct
from binascii import crc32

HEAD = const(20)
ACK = const(0xFF)
LONGEST = const(16384)
_MAGIC = const(0xA5)
_LAYOUT = const("<BBHHHIII")
# More than these are not begun: take() then fills the gap between the lowest ones first.
_MANY = const(24)


def _crc(kind, length, seq, utc, payload):
    return crc32(payload, crc32(struct.pack("<BHII", kind, length, seq, utc)))


def pack(head, kind, seq, utc, payload):
    """Fill `head` (bytearray(20)) for `payload`; call follow() before it is written into a file."""
    length = len(payload)
    crc = _crc(kind, length, seq, utc, payload)
    struct.pack_into(_LAYOUT, head, 0, _MAGIC, kind, length, 0, 0, seq, utc, crc)
    follow(head, 0)


def _check(head):
    return crc32(memoryview(head)[8:HEAD], crc32(memoryview(head)[:6])) & 0xFFFF


def follow(head, previous):
    """Note in `head` how long the entry before it is."""
    struct.pack_into("<H", head, 4, previous)
    struct.pack_into("<H", head, 6, _check(head))


def unpack(head):
    """(kind, length, previous, seq, utc, crc), or None if these 20 bytes are no head."""
    magic, kind, length, previous, check, seq, utc, crc = struct.unpack(_LAYOUT, head)
    if magic != _MAGIC or not 0 < length <= LONGEST or check != _check(head):
        return None
    return kind, length, previous, seq, utc, crc


def is_good(fields, payload):
    """Whether `payload` is what `fields` (from unpack) were made for."""
    kind, length, _, seq, utc, crc = fields
    return len(payload) == length and _crc(kind, length, seq, utc, payload) == crc


class Acks:
    """Which records are done: everything up to `low`, and a few ranges above it."""

    most = _MANY

    def __init__(self):
        self.low = 0
        self.lost = 0  # records that had to make room before they were delivered
        self.ranges = []  # [first, last] in ascending order, never touching each other or `low`

    def add(self, first, last):
        """Everything from `first` to `last` is done."""
        ranges = self.ranges
        at = 0
        while at < len(ranges) and ranges[at][1] < first - 1:
            at += 1
        while at < len(ranges) and ranges[at][0] <= last + 1:
            gone = ranges.pop(at)
            first, last = min(first, gone[0]), max(last, gone[1])
        ranges.insert(at, [first, last])
        while ranges and ranges[0][0] <= self.low + 1:
            self.low = max(self.low, ranges.pop(0)[1])

    def has(self, seq):
        return seq <= self.low or any(first <= seq <= last for first, last in self.ranges)

    def count(self, first, last):
        """How many from `first` to `last` are not done."""
        first = max(first, self.low + 1)
        left = last - first + 1
        for start, end in self.ranges:
            left -= max(0, min(end, last) - max(start, first) + 1)
        return max(left, 0)

    def after(self, seq):
        """The first number from `seq` on that is not done."""
        seq = max(seq, self.low + 1)
        for first, last in self.ranges:
            if first <= seq <= last:
                seq = last + 1
        return seq

    def before(self, seq):
        """The last number up to `seq` that is not done; `low` if there is none."""
        for first, last in reversed(self.ranges):
            if first <= seq <= last:
                seq = first - 1
        return max(seq, self.low)

    def many(self):
        return len(self.ranges) >= self.most

    def payload(self):
        """As it is kept in the log."""
        data = bytearray(8 + 8 * len(self.ranges))
        struct.pack_into("<II", data, 0, self.low, self.lost)
        for number, (first, last) in enumerate(self.ranges):
            struct.pack_into("<II", data, 8 + 8 * number, first, last)
        return data

    def merge(self, payload):
        """Take over what `payload` says as well; an old one changes nothing."""
        low, lost = struct.unpack("<II", payload[:8])
        self.lost = max(self.lost, lost)
        if low > self.low:
            self.add(self.low + 1, low)
        for at in range(8, len(payload) - 7, 8):
            first, last = struct.unpack("<II", payload[at : at + 8])
            if last > self.low:
                self.add(max(first, self.low + 1), last)
