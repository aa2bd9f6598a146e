"""Where a delivery other than MQTT is in the log: a cursor in two small files of its own, loaded where there is one.

They lie in the folder `c` of the log, called like the delivery with 0 and 1 behind it, and are written in turn: little
endian, a stamp (32 bits, ascending), the CRC-32 of the rest, and what an acknowledgement of the log has (format.py).
Before that, where a delivery wants to note something together with it, `marks` (32 bits each). littlefs keeps files of
up to 128 bytes in their folder's own block: writing one anew costs little more than its bytes. A version that knows
nothing of them leaves them alone; when this one comes back, it goes on from where it was.
"""

import os
import struct
from binascii import crc32

from firmware.recordlog.cursor import Cursor

_EXISTS = const(17)
_LABEL = const(8)
# Ranges, with which the file stays as small as that.
_MOST_RANGES = const(10)


class Kept(Cursor):
    """The cursor `name` in `ring`; made before the ring is mounted, so that nothing goes that it waits for, and
    mounted behind it. `marks`: how many numbers the delivery notes beside it, in the list `marks`; they are durable
    with the next flush()."""

    def __init__(self, ring, name, marks=0):
        Cursor.__init__(self)
        self.acks.most = _MOST_RANGES
        self.ring = ring
        self.store, self.journal, self.head = ring.store, ring.journal, ring.head
        self.marks = [0] * marks
        self._path = ring.store.root + "/c/" + name
        self._stamp, body = max([self._read(number) for number in (0, 1)], key=lambda each: each[0])
        if body:
            at = 4 * marks
            self.marks[:] = struct.unpack("<%dI" % marks, body[:at])
            self.acks.merge(body[at:])
        ring.every.append(self)

    # What changes is the ring's.
    first = property(lambda self: self.ring.first)
    newest = property(lambda self: self.ring.newest)
    last = property(lambda self: self.ring.last)

    def mount(self):
        """Agree with the ring, which is mounted. OSError."""
        ring, acks = self.ring, self.acks
        if not self._stamp:
            # One that is new wants what somebody still waits for.
            others = [each for each in ring.every if each.wanted and each is not self]
            acks.merge((others or [ring])[0].acks.payload())
            acks.lost = 0
            self.dirty = True
        # An acknowledgement means the number: one that somebody has got is not given again.
        ring.last = max([ring.last, acks.low] + [end for _, end in acks.ranges])
        start = ring.finder.begins(ring.first) if ring.first else 0
        if acks.low + 1 < start <= ring.last + 1:
            # Deleted before that could be noted, or by a version that did not know of us.
            acks.lost += acks.count(acks.low + 1, start - 1)
            acks.add(acks.low + 1, start - 1)
            self.dirty = True
        ring.forget_places(True)
        if not self._stamp:
            try:
                os.mkdir(ring.store.root + "/c")
            except OSError as error:
                if error.errno != _EXISTS:
                    raise
            self.flush()

    def _read(self, number):
        """(stamp, what stands behind the label) of one of the files; (0, b"") where that is nothing."""
        try:
            with open(self._path + str(number), "rb") as file:
                data = file.read(512)
        except OSError:
            return 0, b""
        if len(data) < _LABEL + 8 + 4 * len(self.marks):
            return 0, b""
        stamp, check = struct.unpack("<II", data[:_LABEL])
        body = data[_LABEL:]
        return (stamp, body) if check == crc32(body, stamp) else (0, b"")

    def flush(self):
        """Make acknowledgements and marks durable. OSError."""
        if not self.dirty:
            return
        body = struct.pack("<%dI" % len(self.marks), *self.marks) + self.acks.payload()
        stamp = self._stamp + 1
        with open(self._path + str(stamp & 1), "wb") as file:
            file.write(struct.pack("<II", stamp, crc32(body, stamp)))
            file.write(body)
        # Only now: what fails is tried again in the same file, beside the one that is good.
        self._stamp = stamp
        self.dirty = False
