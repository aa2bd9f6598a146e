"""The record log: a ring of append-only segments with a journal in front of it.

What is appended is durable when the call returns. A single record goes into the journal (a commit or two of its own
size); when that is full, all of it moves into the newest segment in one write. Many records at once go into the
segment directly. Acknowledgements are entries like records, so nothing is ever rewritten. When there are too many
segments, or the flash is full, the oldest segment is deleted; the newest record is never refused.
"""

from firmware.core import overlay
from firmware.core.errors import LogError
from firmware.recordlog import format
from firmware.recordlog.files import Files, Journal
from firmware.recordlog.format import Acks

_NO_SPACE = const(28)
# So many records at once are worth a write into the segment of their own.
_FEW = const(3)
# A flash that gives an error now and then is asked so often before a record counts as damaged.
_READS = const(5)
# Codes of errors (core/errors.py).
_NOT_THERE = const(421)
_DAMAGED = const(422)


class Ring:
    """`store`: a folder's path or an object like files.Files; `segment` bytes after which a new file begins,
    `segments` files kept. If what waits has more, of a time when more were kept, only segments that are delivered go
    until it fits, and it may come to `most` files (0: what the flash takes). `order`: "fifo" or "lifo", may be changed
    at any time. Counters: `damaged`, `lost`."""

    def __init__(self, store, segment=16384, segments=64, most=0):
        self.store = Files(store) if isinstance(store, str) else store
        self.journal = Journal(self.store)
        self.limit = segment
        self.segments = segments
        self.most = most
        self.over = False  # since mount() there have been more than `segments`
        self.acks = Acks()
        self.head = bytearray(format.HEAD)
        self._finder = None
        self.first = self.newest = 0  # numbers of the segments; 0: there are none
        self.size = 0  # of the newest
        self.previous = 0  # length of the newest segment's last entry
        self.last = 0  # sequence number of the newest record
        self._flying = set()
        self._passed = None  # Acks of what release() holds back, and of what was done between
        self._from = 0  # FIFO goes on here
        self.dirty = False
        self.order = "fifo"
        self.damaged = 0

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

    def mount(self):
        """Find out what is there. Reads the folder, the newest segment and the journal, never all records. OSError."""
        with overlay.use("mount"):
            from firmware.recordlog import mount

            mount.mount(self)
        self.forget_places(True)

    # --- appending

    def append(self, kind, utc, payload):
        return self.append_many([(kind, utc, payload)])

    def append_many(self, records):
        """Keep (kind, utc, payload) each, payload of 1 to 16384 bytes; the sequence number of the last record.

        ValueError, before anything is written; OSError.
        """
        for kind, _, payload in records:
            if not 0 < len(payload) <= format.LONGEST:
                raise ValueError("a record has 1 to %d bytes, not %d" % (format.LONGEST, len(payload)))
            if not 0 <= kind < format.ACK:
                raise ValueError("there is no kind %d" % kind)
        if len(records) > _FEW:
            self._keep(self.write, list(records))
        else:
            for record in records:
                self._keep(self._append, [record])
        return self.last

    def _keep(self, function, records):
        """Have `function` keep `records`, which it takes out of the list; a number it has tried is not used again."""
        try:
            self.insist(function, records)
        except OSError:
            if records:
                raise
            # They are kept; the oldest segment, that was to go then, goes with the next one.
        finally:
            if records:
                # They may stand on the flash all the same, under the numbers that were theirs. Nobody relies on them.
                first, self.last = self.last + 1, self.last + len(records)
                self.acks.add(first, self.last)
                self.dirty = True

    def insist(self, function, argument):
        """Make room as often as the flash is full; a segment that can't be written is left for the next one."""
        again = True
        while True:
            try:
                return function(argument)
            except OSError as error:
                if error.errno != _NO_SPACE and again:
                    again = False
                elif error.errno != _NO_SPACE or self.first >= self.newest:
                    raise
                else:
                    self._segments("drop_oldest")

    def _append(self, records):
        if not records:
            return  # the last try has kept it
        kind, utc, payload = records[0]
        length = format.HEAD + len(payload)
        if not self.journal.could_fit(length):
            self.write(records)
            return
        if not self.journal.fits(length):
            self.write([])
        format.pack(self.head, kind, self.last + 1, utc, payload)
        if self._put(self.last + 1, payload):
            self.last += 1
            records.clear()
        else:
            self.write(records)

    def _put(self, seq, payload):
        """Into the journal, behind the head; False if a slot can't be written and a segment has to do. OSError."""
        try:
            self.journal.put(seq, self.head, payload)
        except OSError as error:
            if error.errno == _NO_SPACE:
                raise
            return False
        return True

    def write(self, records):
        """Move the journal's records and then `records` (a list, emptied as they are kept) into the segments."""
        self._segments("write", records)

    def gone(self, seq):
        """Records up to `seq` are no longer there; count those nobody has got."""
        self._segments("gone", seq)

    def _segments(self, what, *arguments):
        """Loaded for the moment: most appends and deliveries only touch the journal."""
        with overlay.use("segments"):
            from firmware.recordlog import segments

            getattr(segments, what)(self, *arguments)

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

    def flush(self):
        """Make the acknowledgements durable. OSError."""
        if not self.dirty:
            return
        payload = self.acks.payload()
        if self.journal.fits(format.HEAD + len(payload)):
            format.pack(self.head, format.ACK, self.last, 0, payload)
            if self._put(0, payload):
                self.dirty = False
                return
        self.insist(self.write, [])

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

    def clear(self):
        """Everything counts as done. OSError."""
        self._flying.clear()
        self._passed = None
        if self.last > self.acks.low:
            self.acks.add(self.acks.low + 1, self.last)
            self.dirty = True
        self.flush()

    def stats(self):
        depth = self.acks.count(1, self.last)
        return {
            "depth": depth,
            "oldest": self.acks.after(0) if depth else 0,
            "newest": self.last,
            "in_flight": len(self._flying),
            "lost": self.lost,
            "damaged": self.damaged,
        }
