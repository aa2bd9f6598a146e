"""Every frame on the line with its meaning beside it, for `tools.doctor meter --trace`."""

from firmware.iec102 import frame_text

_USER_DATA = 0x68
_SESSION = 183
_TYPE_AT = 7


class Trace:
    """A `trace` for Link and Master. Received pieces are gathered until the next frame goes out."""

    def __init__(self, out):
        self._out = out
        self._heard = b""
        self._opening = False

    def __call__(self, direction, data):
        if direction == "<":
            self._heard += bytes(data)
            return
        self.flush()
        data = bytes(data)
        if data[0] == _USER_DATA:
            self._opening = data[_TYPE_AT] == _SESSION
        self._show(">", data)

    def flush(self):
        heard, self._heard = self._heard, b""
        self._show("<", heard)

    def _show(self, direction, data):
        for text in frame_text.lines(data, self._opening):
            self._out("%s      %s" % (direction, text))
