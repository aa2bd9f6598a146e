"""What a reading on demand came to. Loaded for one; stays as long as a meter has any."""

import os

# More bytes of an answer to a reading on demand are not kept: what asks for it gets one message.
_MOST_BYTES = const(16384)
_NOT_KEPT = const(132)  # code of an error (core/errors.py)


class Result:
    """What a reading on demand came to: records (JSON) of `sizes` bytes, or `why` it failed; nothing while it runs.

    `why` is that of core/errors.py. The records wait in the file `path` until the next one takes their place: they are
    too large for the RAM.
    """

    def __init__(self, path):
        self._path = path
        self.sizes = []
        self.utc = 0
        self.dropped = 0  # records that did not fit any more
        self.why = None
        self.running = True

    def add(self, view):
        """Keep one record. OSError: the flash is full."""
        if sum(self.sizes) + len(view) > _MOST_BYTES:
            self.dropped += 1
            return
        with open(self._path + ".new", "ab" if self.sizes else "wb") as file:
            file.write(view)
        self.sizes.append(len(view))

    def finish(self, utc, why):
        """The reading is over; from now on this is what is given. Never raises: what fails is the `why`."""
        self.utc = utc
        self.why = why
        self.running = False
        try:
            if self.sizes:
                os.rename(self._path + ".new", self._path)
        except OSError as failure:
            self.why = (_NOT_KEPT, "OSError", str(failure))

    def read_into(self, number, view):
        """Fill `view` (as long as record `number` is) with that record. OSError."""
        with open(self._path, "rb") as file:
            file.seek(sum(self.sizes[:number]))
            if file.readinto(view) != len(view):
                raise OSError("%s is too short" % self._path)
