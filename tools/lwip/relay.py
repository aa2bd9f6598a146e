"""A device's lwIP beside the simulated modem: on a board it is C with memory of its own, none of the heap.

A client of the control port that says `lwip` hands its line over. From then on it sends calls, `op handle length data`
(B, B, H), and gets an answer to each: `number state frames payload` (h, b, H, H) with the frames that PPP puts out,
each behind its length (H), and the payload. The client writes the frames into PPP's stream; that is when they are
sent.
"""

import struct
import time

from tools.lwip.calls import Calls


class Relay:
    """One chip; it starts anew with each client."""

    def __init__(self, now=time.monotonic):
        self._calls = Calls(now)
        self._rest = b""

    def take(self, data):
        """Bytes from the client; the answers to what was whole."""
        data, answers = self._rest + data, b""
        while len(data) >= 4:
            op, handle, length = struct.unpack(">cBH", data[:4])
            if len(data) < 4 + length:
                break
            number, state, frames, payload = self._calls.call(op, handle, data[4 : 4 + length])
            out = b"".join(struct.pack(">H", len(frame)) + frame for frame in frames)
            answers += struct.pack(">hbHH", number, state, len(out), len(payload)) + out + payload
            data = data[4 + length :]
        self._rest = data
        return answers
