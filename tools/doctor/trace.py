"""`--trace`: every frame with what it means, as iec102.trace shows it on the device; without the password."""

import time

from firmware.trace import START_SESSION, TYPE_AT, text_of


class Trace:
    """The master's trace hook; `out(line)` takes the lines. Call flush() at the end."""

    def __init__(self, out):
        self._out = out
        self._heard = b""
        self._secret = False
        self._start = time.monotonic()

    def __call__(self, direction, data):
        if direction == "<":
            self._heard += bytes(data)
            return
        self.flush()
        data = bytes(data)
        if len(data) > 6:
            self._secret = data[TYPE_AT] == START_SESSION
        self._tell(">", data)

    def flush(self):
        """Show what has been heard since the last frame that was sent."""
        if self._heard:
            self._tell("<", self._heard)
            self._heard = b""

    def _tell(self, direction, data):
        ms = int((time.monotonic() - self._start) * 1000)
        self._out(text_of("line", ms, direction, data, self._secret))
