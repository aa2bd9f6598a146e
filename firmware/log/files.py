"""Where the log lies: a folder of segment files and small slot files on a file system.

The ring needs these few operations only, so that a raw partition can take their place. Segments have numbers; they
are only ever appended to. Slots are so small that littlefs keeps them inside the folder's own block, where writing one
anew costs little more than its bytes; several folders share the wear.
"""

import os

from firmware.port import const

_PER_FOLDER = const(10)
_NOT_THERE = const(2)
# Of the longest number a segment can come to.
_DIGITS = const(10)


class Files:
    """`root` is made if it is not there; `slots` slots of at most `slot` bytes."""

    def __init__(self, root, slots=40, slot=128):
        self._root = root
        self.slots = slots
        self.slot = slot

    def prepare(self):
        """Make the folders; OSError."""
        for number in range(-1, (self.slots + _PER_FOLDER - 1) // _PER_FOLDER):
            try:
                os.mkdir(self._root if number < 0 else "%s/j%d" % (self._root, number))
            except OSError as error:
                if error.errno != 17:  # it is there
                    raise

    def _path(self, number):
        return "%s/%08d.log" % (self._root, number)

    def numbers(self):
        """Numbers of the segments, in no order, one by one."""
        listing = getattr(os, "ilistdir", None)
        for item in listing(self._root) if listing else os.listdir(self._root):
            name = item[0] if listing else item
            digits = name[:-4]
            # Whoever else leaves files here: only what _path() makes is ours.
            number = int(digits) if 8 <= len(digits) <= _DIGITS and not digits.strip("0123456789") else 0
            if number and name == "%08d.log" % number:
                yield number

    def size(self, number):
        """Bytes of a segment, 0 if there is none. OSError: the flash does not tell."""
        try:
            return os.stat(self._path(number))[6]
        except OSError as error:
            if error.errno != _NOT_THERE:
                raise
            return 0

    def open(self, number):
        """A segment for reading: seek(), readinto(). OSError."""
        return open(self._path(number), "rb")

    def append(self, number):
        """A segment for appending: write(); all of it counts when close() has returned. OSError."""
        return open(self._path(number), "ab")

    def remove(self, number):
        os.remove(self._path(number))

    def _slot(self, number):
        return "%s/j%d/%d" % (self._root, number // _PER_FOLDER, number % _PER_FOLDER)

    def read_slot(self, number, buf):
        """Bytes read into `buf`; 0 if the slot was never written. OSError: the flash does not tell."""
        try:
            with open(self._slot(number), "rb") as file:
                return file.readinto(buf)
        except OSError as error:
            if error.errno != _NOT_THERE:
                raise
            return 0

    def write_slot(self, number, view):
        """Durable when it returns."""
        with open(self._slot(number), "wb") as file:
            file.write(view)
