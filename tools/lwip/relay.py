"""A device's lwIP beside the simulated modem: on a board it is C with memory of its own, none of the heap.

A client of the control port that says `lwip` hands its line over. From then on it sends calls, `op handle length data`
(B, B, H), and gets an answer to each: `number state frames payload` (h, b, H, H) with the frames that PPP puts out,
each behind its length (H), and the payload. The client writes the frames into PPP's stream; that is when they are
sent.
"""

import struct
import time

from tools.lwip.calls import Calls
from tools.lwip.stack import Stack


class Relay:
    """One chip; it starts anew with each client."""

    def __init__(self, now=time.monotonic):
        self._frames = []
        self._calls = Calls(Stack(self._out, now))
        self._rest = b""

    def _out(self, frame):
        self._frames.append(frame)
        return True  # whether the stream takes it is seen by the client only, who makes ERR_IF of it

    def take(self, data):
        """Bytes from the client; the answers to what was whole."""
        data, answers = self._rest + data, b""
        while len(data) >= 4:
            op, handle, length = struct.unpack(">cBH", data[:4])
            if len(data) < 4 + length:
                break
            number, payload = self._calls.call(op, handle, data[4 : 4 + length])
            frames = b"".join(struct.pack(">H", len(frame)) + frame for frame in self._frames)
            self._frames.clear()
            status = self._calls.stack.ppp.status()
            answers += struct.pack(">hbHH", number, status, len(frames), len(payload)) + frames + payload
            data = data[4 + length :]
        self._rest = data
        return answers
