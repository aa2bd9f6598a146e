"""Where a delivery is in the log: what it has got, what it takes next.

Each delivery has its own: it acknowledges what it has delivered and nothing else, in its own order. That of MQTT is
the ring itself, whose journal and segments keep what it has; kept.py is that of another one.
"""

from firmware.core import overlay
from firmware.core.errors import LogError
from firmware.recordlog import format
from firmware.recordlog.format import Acks

# A flash that gives an error now and then is asked so often before a record counts as damaged.
_READS = const(5)
# Codes of errors (core/errors.py).
_NOT_THERE = const(421)
_DAMAGED = const(422)


class Cursor:
    """`order`: "fifo" or "lifo", may be changed at any time. `wanted`: somebody delivers; where nobody does, nothing
    waits for him. Counters: `damaged`, `lost` (records that had to make room before he got them).

    Who inherits has the log's `store`, `journal`, `head`, `first`, `newest` and `last` (see ring.Ring), and flush().
    """

    order = "fifo"
    wanted = True
    damaged = 0
    dirty = False
    _finder = None
    _passed = None  # Acks of what release() holds back, and of what was done between
    _from = 0  # FIFO goes on here

    def __init__(self):
        self.acks = Acks()
        self._flying = set()

    @property
    def finder(self):
        """Finds records in the segments; in memory only while some wait there."""
        if self._finder is None:
            with overlay.use("find"):
                from firmware.recordlog.find import Finder

                self._finder = Finder(self.store, self.head)
        return self._finder

    def forget_places(self, wholly=False):
        """Segments have changed, or (`wholly`) nobody looks for records any more."""
        if self._finder:
            self._finder.forget()
        if wholly:
            self._finder = None

    @property
    def lost(self):
        return self.acks.lost

    # --- delivering

    def take(self):
        """The number of the next record that is neither done nor in flight, now in flight; None if there is none."""
        seq = self._oldest() if self.order == "fifo" or self.acks.many() else self._latest()
        if seq is not None:
            self._flying.add(seq)
        elif self._finder:
            self.forget_places(True)
        return seq

    def _oldest(self):
        seq = self._next(self._from if self.order == "fifo" else 0)
        while seq in self._flying:
            seq = self._next(seq + 1)
        if seq > self.last:
            return None
        self._from = seq + 1
        return seq

    def _next(self, seq):
        """The first number from `seq` on that is neither done nor held back."""
        seq = self.acks.after(seq)
        while self._passed and self._passed.has(seq):
            seq = self.acks.after(self._passed.after(seq))
        return seq

    def _latest(self):
        seq = self._before(self.last)
        while seq in self._flying:
            seq = self._before(seq - 1)
        return seq if seq > self.acks.low else None

    def _before(self, seq):
        """The last number up to `seq` that is neither done nor held back, or one that is not above `acks.low`."""
        seq = self.acks.before(seq)
        while self._passed and seq > self.acks.low and self._passed.has(seq):
            seq = self.acks.before(self._passed.before(seq))
        return seq

    def info(self, seq):
        """(kind, utc, length) of a record. LogError."""
        fields = self._fields(seq)
        return fields[0], fields[4], fields[1]

    def _fields(self, seq):
        entry = self.journal.find(seq)
        fields = None
        for _ in range(_READS):
            try:
                if entry:
                    self.journal.read(entry, memoryview(self.head))
                    fields = format.unpack(self.head)
                else:
                    fields = self.finder.find(seq, self.first, self.newest)
                break
            except OSError:
                self.forget_places()
        if not fields:
            self.damaged += 1
            raise LogError(_NOT_THERE, seq)
        return fields

    def read_into(self, seq, buf):
        """Copy a record's payload to `buf`; returns its length. LogError: it is damaged."""
        entry = self.journal.find(seq)
        fields = self._fields(seq)
        length = fields[1]
        view = memoryview(buf)[:length]
        good = False
        for _ in range(_READS):
            try:
                if entry:
                    self.journal.read(entry, view, format.HEAD)
                else:
                    self.finder.read_into(view)
                good = format.is_good(fields, view)
                break
            except OSError:
                self.forget_places()
        if not good:
            self.damaged += 1
            raise LogError(_DAMAGED, seq)
        return length

    # --- what becomes of them

    def ack(self, seq):
        """A record is done; flush() makes that durable."""
        self._flying.discard(seq)
        acks, passed = self.acks, self._passed
        if 0 < seq <= self.last and not acks.has(seq):
            if passed:
                passed.add(seq, seq)
                if acks.many() and not (acks.has(seq - 1) or acks.has(seq + 1)):
                    # More gaps than can be noted: this one comes again rather than one that is held back is lost.
                    return
            acks.add(seq, seq)
            self.dirty = True

    def release(self, seq=None, hold=False):
        """One record, or all, back from in flight to pending. With `hold` it is not taken again before release(0)."""
        if seq is None:
            self._flying.clear()
        else:
            self._flying.discard(seq)
        if hold:
            if not self._passed:
                self._passed = Acks()
                self._passed.low = -2  # below every number: what is held back is always a range
            self._passed.add(seq, seq)
            return
        if seq == 0:
            self._passed = None
        self._from = 0

    def depth(self):
        """How many records wait."""
        return self.acks.count(1, self.last)
