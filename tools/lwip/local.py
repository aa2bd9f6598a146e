"""lwIP in the process of a test on CPython, in whatever time the test has."""

import socket
import time

from tools.lwip import errors
from tools.lwip.calls import Calls
from tools.lwip.device import network
from tools.lwip.stack import Stack


class Chip(network.Chip):
    """Instead of the line to a relay: the stack itself."""

    def __init__(self, now=time.monotonic):
        self.frames = []
        self._now = now
        self._calls = Calls(Stack(self._out, now))
        self.state = 0
        self.owner = self.waiting = None
        self.busy = False
        self._last = now()

    def _out(self, frame):
        self.frames.append(frame)
        return True

    def exchange(self, op, handle, data):
        number, payload = self._calls.call(op, handle, bytes(data))
        frames, self.frames = self.frames, []
        return number, self._calls.stack.ppp.status(), frames, payload

    def call(self, op, handle=0, data=b""):
        self._last = self._now()
        number, self.state, frames, payload = self.exchange(op, handle, data)
        for frame in frames:
            if self.owner is None or not self.owner.output(frame):
                return -1, payload
        return number, payload

    def tick(self):
        if self._now() - self._last >= 0.02:
            self.call(b"T")


    @property
    def ppp(self):
        """The class PPP of this chip."""
        return type("PPP", (network.PPP,), {"chip": self})

    @property
    def sockets(self):
        """The module socket: the host's, but for those that only wait, which have lwIP's timers run."""
        return _Sockets(self)


class _Sockets:
    def __init__(self, chip):
        self._chip = chip

    def __getattr__(self, name):
        return getattr(socket, name)

    def socket(self, *arguments):
        return _Socket(self._chip, *arguments)


class _Socket(socket.socket):
    def __init__(self, chip, *arguments):
        super().__init__(*arguments)
        self._chip = chip

    def recv(self, count):
        if self.type == socket.SOCK_DGRAM and self.timeout:
            self._chip.call(b"H")
            raise TimeoutError(errors.ETIMEDOUT)
        return super().recv(count)
