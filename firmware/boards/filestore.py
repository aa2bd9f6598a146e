"""A small store in a file, for what must outlive a restart."""

import json
import os

from firmware import diag

_MOST = const(2048)


class FileStore:
    """What the modem's bring-up must remember over a restart (a wrong PIN, above all); rarely
    written.
    """

    gate = None  # a firmware.gate.Gate to wait for before set()

    def __init__(self, path):
        self._path = path
        try:
            with open(path) as file:
                self._values = json.loads(file.read(_MOST))
        except (OSError, ValueError):
            self._values = {}

    def get(self, key, default=None):
        return self._values.get(key, default)

    def set(self, key, value):
        if self._values.get(key) == value:
            return
        self._values[key] = value
        try:
            # One rename: after a power cut the old state stands there or the new one.
            with open(self._path + ".tmp", "w") as file:
                json.dump(self._values, file)
            os.rename(self._path + ".tmp", self._path)
        except OSError as error:
            diag.error("board", "cannot keep %s: %s", key, error)
