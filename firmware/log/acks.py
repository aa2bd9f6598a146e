"""Which records are done: everything up to `low`, and a few ranges above it."""

import struct

from firmware.port import const

# More than these are not begun: take() then fills the gap between the lowest ones first.
_MANY = const(24)


class Acks:
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
        return len(self.ranges) >= _MANY

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
