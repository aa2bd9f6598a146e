"""Every frame on the line with its meaning beside it, for `tools.doctor meter --trace`: the device's own trace."""

from firmware.iec102 import frame_text
from firmware.meters.frame_trace import Ear


class Trace(Ear):
    """A `trace` for Link and Master. Received pieces are gathered until the next frame goes out."""

    def __init__(self, out):
        super().__init__(self, "")
        self._out = out
        self.missed = 0

    __call__ = Ear.hear
    flush = Ear.hand_on

    def put(self, _, direction, data, opening):
        for text in frame_text.lines(data, opening):
            self._out("%s      %s" % (direction, text))
