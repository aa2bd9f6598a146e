"""The record log: a ring of append-only segments with a journal in front of it.

What is appended is durable when the call returns. A single record goes into the journal (a commit or two of its own
size); when that is full, all of it moves into the newest segment in one write. Many records at once go into the
segment directly. Acknowledgements are entries like records, so nothing is ever rewritten. When there are too many
segments, or the flash is full, the oldest segment is deleted; the newest record is never refused.
"""

from firmware.core import overlay
from firmware.recordlog import format
from firmware.recordlog.cursor import Cursor
from firmware.recordlog.files import Files, Journal

_NO_SPACE = const(28)
# So many records at once are worth a write into the segment of their own.
_FEW = const(3)


class Ring(Cursor):
    """The log, and where MQTT is in it. `store`: a folder's path or an object like files.Files; `segment` bytes after
    which a new file begins, `segments` files kept. If what waits has more, of a time when more were kept, only
    segments that are delivered go until it fits, and it may come to `most` files (0: what the flash takes)."""

    def __init__(self, store, segment=16384, segments=64, most=0):
        Cursor.__init__(self)
        self.every = [self]  # the cursors of all deliveries, this one first
        self.store = Files(store) if isinstance(store, str) else store
        self.journal = Journal(self.store)
        self.limit = segment
        self.segments = segments
        self.most = most
        self.over = False  # since mount() there have been more than `segments`
        self.head = bytearray(format.HEAD)
        self.first = self.newest = 0  # numbers of the segments; 0: there are none
        self.size = 0  # of the newest
        self.previous = 0  # length of the newest segment's last entry
        self.last = 0  # sequence number of the newest record

    def mount(self):
        """Find out what is there: read the folder, the newest segments and the journal, never all records. OSError."""
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
                for each in self.every:
                    each.acks.add(first, self.last)
                    each.dirty = True

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

            return getattr(segments, what)(self, *arguments)

    # --- acknowledgements

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

    # --- all deliveries together

    def clear(self):
        """Everything counts as done, for all. OSError."""
        self._segments("clear")

    def stats(self):
        """A dict, of the delivery that lacks most."""
        return self._segments("stats")
