"""The files of the settings: read with suspicion, written so that a power cut leaves the old one or the new one.

Next to the file itself: `.bak`, the good one before it; `.new`, one that is being written; and what config.py keeps
beside them with a suffix of its own.
"""

import json
import os

_LARGEST = 32768
_MOST_PROBLEMS = 20


class Files:
    """JSON objects in `path` and, with a suffix, beside it. `problems`: what is wrong with them, in words."""

    def __init__(self, path):
        self.path = path
        self.problems = []
        self.damaged = False  # the file itself: it must not become the last good one

    def problem(self, text):
        if len(self.problems) < _MOST_PROBLEMS:
            self.problems.append(text)

    def load(self):
        """The newest good dict, or None."""
        found = self.read("")
        if found is not None:
            return found
        if self.problems:
            self.damaged = True
            found = self.read(".bak")
            which = "default" if found is None else "last good"
            self.problem("the %s settings are used" % which)
            return found
        # No file: the power may have gone between the two renames of write(); then .new is complete.
        found = self.read(".new")
        return self.read(".bak") if found is None else found

    def read(self, suffix):
        """The dict in a file, or None: there is no such file, or it is damaged, which `problems` tells."""
        path = self.path + suffix
        try:
            if os.stat(path)[6] > _LARGEST:
                raise ValueError("too large")
            with open(path) as file:
                stored = json.load(file)
            if isinstance(stored, dict):
                return stored
        except OSError:
            return None
        except (ValueError, RuntimeError, MemoryError):
            pass  # told below: whatever the parser stumbles over, the file is no good
        self.problem("%s is damaged" % path)
        return None

    def write(self, data, suffix=""):
        """OSError when the flash does not take it; the old file is then still there."""
        new = self.path + ".new"
        with open(new, "w") as file:
            json.dump(data, file)
        if not suffix and not self.damaged:
            try:
                os.rename(self.path, self.path + ".bak")
            except OSError:
                pass  # there was none yet
        os.rename(new, self.path + suffix)
        if not suffix:
            self.damaged = False

    def remove(self, suffix):
        try:
            os.remove(self.path + suffix)
        except OSError:
            pass  # there is none
