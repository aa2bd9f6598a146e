"""The keep-online probe with the errors of a board's sockets: what says nothing of the link costs no call."""

import errno

import pytest

from firmware.net.modem import keepalive as module
from firmware.net.modem.keepalive import Probe

PERIOD, WAIT = 60000, 10000


class Sockets:
    """A socket and its module; `answers`: what its calls raise (a number) or return in turn, the last one for ever."""

    AF_INET, SOCK_STREAM, SOCK_DGRAM = 2, 1, 2

    def __init__(self, **answers):
        self.answers = {name: list(values) for name, values in answers.items()}
        self.open = 0

    def _next(self, name):
        values = self.answers.get(name, [None])
        value = values.pop(0) if len(values) > 1 else values[0]
        if isinstance(value, int):
            raise OSError(value)
        return value

    def getaddrinfo(self, host, port):
        return [(2, 1, 0, "", (host, port))]

    def socket(self, family, kind):
        self._next("socket")
        self.open += 1
        return self

    def setblocking(self, flag):
        assert flag is False

    def connect(self, address):
        self._next("connect")

    def sendto(self, data, address):
        self._next("sendto")

    def recv(self, count):
        return self._next("recv")

    def close(self):
        self.open -= 1


@pytest.fixture
def turns(monkeypatch):
    """Run a probe of `host` over `sockets` for so many ms: how often it passed, and whether it failed."""
    clock = [1000]
    monkeypatch.setattr(module, "ticks_ms", lambda: clock[0])

    def run(sockets, host, ms):
        made, passed = Probe(sockets, host, PERIOD, WAIT), 0
        for _ in range(ms // 20):
            clock[0] += 20
            made.turn(False)
            passed += made.passed
            if made.failed:
                break
        assert 0 <= sockets.open <= 1
        return passed, made.failed

    return run


# lwIP on rp2 says that the connection is reset to who waits for it, and EBADF to who asks connect() again.
@pytest.mark.parametrize("code", (errno.ECONNREFUSED, errno.ECONNRESET, errno.EBADF))
def test_a_refusal_is_an_answer(turns, code):
    sockets = Sockets(connect=[errno.EINPROGRESS, errno.EALREADY, code])
    assert turns(sockets, "192.0.2.1:1883", PERIOD + WAIT) == (1, False)


@pytest.mark.parametrize("call", ("socket", "sendto"))
@pytest.mark.parametrize("code", (errno.ENOMEM, errno.ENOBUFS))
def test_without_memory_it_is_asked_later(turns, call, code):
    """Whatever else is sent fills lwIP's memory for seconds: three of these in a row ended a call that worked."""
    sockets = Sockets(**{call: [code] * 200 + [None], "recv": [b"answer"]})
    assert turns(sockets, "192.0.2.1", 3 * PERIOD + 5000) == (3, False)


def test_memory_that_never_comes_back_is_no_answer(turns):
    assert turns(Sockets(sendto=[errno.ENOMEM]), "192.0.2.1", PERIOD + 6 * WAIT) == (0, True)


def test_no_answer_three_times_ends_the_call(turns):
    assert turns(Sockets(recv=[errno.EAGAIN]), "192.0.2.1", PERIOD + 5 * WAIT + 1000) == (0, True)
    assert turns(Sockets(connect=[errno.EINPROGRESS]), "192.0.2.1:7", PERIOD + 5 * WAIT + 1000) == (0, True)
    assert turns(Sockets(sendto=[errno.EHOSTUNREACH]), "192.0.2.1", PERIOD + 5 * WAIT + 1000) == (0, True)
