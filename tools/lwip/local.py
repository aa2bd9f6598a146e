"""lwIP in the process of a test on CPython, in whatever time the test has."""

import socket
import time

from tools.lwip import errors
from tools.lwip.calls import Calls
from tools.lwip.device import network


class Chip(network.Chip):
    """Instead of the line to a relay: the stack itself."""

    def __init__(self, now=time.monotonic):
        self._now = now
        self._calls = Calls(now)
        self._mark()

    def exchange(self, op, handle, data):
        return self._calls.call(op, handle, bytes(data))

    def _mark(self):
        self._last = self._now()

    def _due(self):
        return self._now() - self._last >= network.TICK_MS / 1000

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
