"""What has been got from a meter, so that an outage leaves no gap and nothing is fetched twice.

One small JSON file per meter: watermarks (name -> UTC seconds up to which everything has been read) and the
keys of the closings that were already delivered. A power cut leaves the old or the new one (port.renew); a
damaged file means that things are read again, never that they are left out.
"""

import json
from array import array

from firmware.core.compat import renew

# More than a closing a day over the longest setting of closing_days: a forgotten one would be sent again every day.
_MOST_KEYS = const(420)


class Ledger:
    """`path` None keeps it in memory only (tests)."""

    def __init__(self, path=None):
        self.path = path
        self.damaged = False
        self.dirty = False  # something has moved since save()
        self.load()

    def load(self):
        """Read the file again, forgetting what was not saved."""
        marks, keys = {}, ()
        for suffix in ("", ".new") if self.path else ():
            try:
                with open(self.path + suffix) as file:
                    stored = json.load(file)
                marks = {str(name): int(value) for name, value in stored["marks"].items()}
                # UTC, 30 bits each of the last events (facts.py), or what nobody has written.
                if [name for name in marks if marks[name] >> (480 if name[:2] == "es" else 32)]:
                    raise ValueError
                keys = [int(key) & 0xFFFFFFFF for key in stored["keys"][-_MOST_KEYS:]]
                self.damaged = False
                break
            except OSError:
                break  # nothing has been read yet
            except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RuntimeError):
                # RuntimeError: brackets in brackets without an end. Of a file that the power cut off when it was made,
                # .new has all.
                self.damaged = True
                marks, keys = {}, ()
        self._marks = marks
        self._keys = array("I", keys)  # as objects they would take six times the room on a board
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
        # MicroPython has no `in` for arrays.
        return any(known == key for known in self._keys)

    def add(self, key):
        """Remember a 32-bit key; the oldest is forgotten when there are too many."""
        if not self.seen(key):
            self._keys.append(key)
            self.dirty = True
            if len(self._keys) > _MOST_KEYS:
                self._keys = self._keys[-_MOST_KEYS:]

    def save(self):
        self.dirty = False
        if not self.path:
            return
        with open(self.path + ".new", "w") as file:
            file.write('{"marks": ')
            json.dump(self._marks, file)
            file.write(', "keys": [')
            comma = ""
            for key in self._keys:
                file.write(comma + str(key))
                comma = ","
            file.write("]}")
        renew(self.path)
