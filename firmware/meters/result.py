"""What a reading on demand came to. Loaded for one; stays as long as a meter has any."""

# More bytes of an answer to a reading on demand are not kept: what asks for it gets one message.
_MOST_BYTES = const(16384)


class Result:
    """What a reading on demand came to: records (JSON) of `sizes` bytes, or `why` it failed; nothing while it runs.

    `why` is that of core/errors.py. The records wait in a file, `path` or `path`.new: they are too large for the RAM.
    """

    def __init__(self, path):
        self._path = path
        self.sizes = []
        self.utc = 0
        self.dropped = 0  # records that did not fit any more
        self.why = None
        self.running = True

    def begin(self, given):
        """The reading begins; meanwhile the Result `given` (or None) is the one that is told, and its file stays."""
        if given and given._path == self._path:
            self._path += ".new"

    def add(self, view):
        """Keep one record. OSError: the flash is full."""
        if sum(self.sizes) + len(view) > _MOST_BYTES:
            self.dropped += 1
            return
        with open(self._path, "ab" if self.sizes else "wb") as file:
            file.write(view)
        self.sizes.append(len(view))

    def finish(self, utc, why):
        """The reading is over; from now on this is what is given."""
        self.utc = utc
        self.why = why
        self.running = False

    def read_into(self, number, view):
        """Fill `view` (as long as record `number` is) with that record. OSError."""
        with open(self._path, "rb") as file:
            file.seek(sum(self.sizes[:number]))
            if file.readinto(view) != len(view):
                raise OSError("%s is too short" % self._path)
