"""What has been got from a meter, so that an outage leaves no gap and nothing is fetched twice.

One small JSON file per meter: watermarks (name -> UTC seconds up to which everything has been read) and the
keys of the closings that were already delivered. It is written whole and renamed, so a power cut leaves the
old or the new one; a damaged file means that things are read again, never that they are left out.
"""

import json
import os

from firmware.port import const

_MOST_KEYS = const(120)


class Ledger:
    """`path` None keeps it in memory only (tests)."""

    def __init__(self, path=None):
        self.path = path
        self.damaged = False
        self.dirty = False  # something has moved since save()
        self.load()

    def load(self):
        """Read the file again, forgetting what was not saved."""
        marks, keys = {}, []
        try:
            if self.path:
                with open(self.path) as file:
                    stored = json.load(file)
                marks = {str(name): int(value) for name, value in stored["marks"].items()}
                keys = [int(key) for key in stored["keys"]][-_MOST_KEYS:]
        except OSError:
            pass  # nothing has been read yet
        except (ValueError, KeyError, TypeError, AttributeError):
            self.damaged = True
            marks, keys = {}, []
        self._marks, self._keys = marks, keys
        self.dirty = False

    def mark(self, name):
        """UTC up to which `name` is complete, 0 if never."""
        return self._marks.get(name, 0)

    def set_mark(self, name, utc):
        """Move a watermark; `save()` makes it last."""
        if self._marks.get(name) != utc:
            self._marks[name] = utc
            self.dirty = True

    def seen(self, key):
        return key in self._keys

    def add(self, key):
        """Remember a 32-bit key; the oldest is forgotten when there are too many."""
        if key not in self._keys:
            self._keys.append(key)
            self.dirty = True
            del self._keys[:-_MOST_KEYS]

    def save(self):
        self.dirty = False
        if not self.path:
            return
        with open(self.path + ".new", "w") as file:
            json.dump({"marks": self._marks, "keys": self._keys}, file)
        os.rename(self.path + ".new", self.path)
