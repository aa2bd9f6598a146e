"""The keep-online probe: does anybody out there answer? Never waits: `turn()` does one small step.

`8.8.8.8` is asked a DNS question over UDP (any answer counts); `host:port` is connected to over
TCP (a refusal counts too: somebody sent it). Addresses are better than names: a name is looked up,
which can block for seconds on lwIP.
"""

from firmware.core.compat import ticks_diff, ticks_ms
from firmware.net.tcp import CONNECTED, FULL, REFUSED, close

_DNS = const(53)
# A question for the root name servers, RFC 1035 4.1.
_QUESTION = b"\x10\x02\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x01"
_TRIES = const(3)


class Probe:
    """`failed` after three unanswered tries in a row; `passed` for the turn in which an answer
    came.
    """

    def __init__(self, sockets, host, period_ms, wait_ms):
        host, _, port = host.partition(":")
        self._sockets = sockets
        self._host = host
        self._port = int(port) if port else 0
        self._period = period_ms
        self._wait = wait_ms
        self._socket = None
        self._address = None
        self._since = ticks_ms()
        self._misses = 0
        self.failed = False
        self.passed = False

    def waits(self):
        """Whether an answer is due."""
        return self._socket is not None or self._misses > 0

    def turn(self, hurry):
        """One step; `hurry`: somebody suspects the link, do not wait for the next period."""
        self.passed = False
        elapsed = ticks_diff(ticks_ms(), self._since)
        if self._socket is None:
            due = self._wait if self._misses else self._period
            if elapsed >= due or (hurry and not self._misses):
                self._start(elapsed >= due + self._wait)
        elif self._answered():
            self._end()
            self._misses = 0
            self.passed = True
        elif elapsed >= self._wait:
            self._missed()

    def _start(self, late):
        """Ask. `late`: there has been no memory for it for as long as an answer may take."""
        sockets = self._sockets
        try:
            if self._address is None:
                self._address = sockets.getaddrinfo(self._host, self._port or _DNS)[0][-1]
            kind = sockets.SOCK_STREAM if self._port else sockets.SOCK_DGRAM
            self._socket = sock = sockets.socket(sockets.AF_INET, kind)
            sock.setblocking(False)
            if not self._port:
                sock.sendto(_QUESTION, self._address)
            self._since = ticks_ms()
        except (OSError, ValueError) as error:
            if error.args and error.args[0] in FULL and not late:
                self._drop()  # the next turn asks again
            else:
                self._missed()  # no name server, no route, a name that is none: no answer either

    def _answered(self):
        try:
            if not self._port:
                return bool(self._socket.recv(64))
            # Asked again and again: the ports agree on no other way to see that it has come about.
            self._socket.connect(self._address)
            return True
        except OSError as error:
            # Connected already, or refused: somebody is there.
            return error.args[0] in CONNECTED + REFUSED

    def _missed(self):
        self._end()
        self._misses += 1
        self.failed = self._misses >= _TRIES

    def _end(self):
        self._since = ticks_ms()
        self._drop()

    def _drop(self):
        close(self._socket)
        self._socket = None
