"""What lwIP's errors mean to who connects: later, refused, lost. Only what may be the link's fault is told to it."""

import errno
from types import SimpleNamespace

import pytest

from firmware.delivery.mqtt.service import MqttService
from tests.host.support import umqtt_versions
from tests.host.support.fake_log import FakeRing
from tests.host.support.virtual_time import run

ERR_IF = -1


class Sockets:
    """The module socket and a socket of it; `connects`: what each call of connect() raises (a number), or None."""

    AF_INET, SOCK_STREAM, IPPROTO_TCP, TCP_NODELAY = 2, 1, 6, 1

    def __init__(self, connects):
        self.connects = list(connects)
        self.asked = 0

    def getaddrinfo(self, host, port, family, kind):
        return [(2, 1, 0, "", (host, port))]

    def socket(self):
        return self

    def setsockopt(self, level, option, value):
        assert (level, option, value) == (6, 1, 1)

    def setblocking(self, flag):
        assert flag is False

    def connect(self, address):
        self.asked += 1
        code = self.connects.pop(0) if len(self.connects) > 1 else self.connects[0]
        if code is not None:
            raise OSError(code)

    def send(self, data):
        return len(data)

    def readinto(self, buf):
        return None

    def close(self):
        """Gone."""


class Link:
    suspected = 0

    def __init__(self, sockets):
        self.socket = sockets

    def is_up(self):
        return True

    def suspect(self):
        self.suspected += 1


@pytest.fixture
def attempt(tmp_path):
    """Make one attempt over `sockets`; the service's last error and the link's complaints."""
    umqtt = umqtt_versions.module(umqtt_versions.VERSIONS[0], tmp_path)

    def once(sockets):
        link = Link(sockets)
        settings = {"host": "broker", "port": 1883, "client_id": "x", "keepalive": 60}
        made = MqttService(umqtt, settings, FakeRing(), link, lambda kind: "t", lambda: None)

        async def no_pause(ms):
            """The next attempt is nobody's business here."""

        made._pause = no_pause
        run(made._attempt())
        return SimpleNamespace(error=made.status()["last_error"], suspected=link.suspected)

    return once


@pytest.mark.parametrize("code", (errno.ECONNREFUSED, errno.ECONNRESET, errno.EBADF))
def test_a_refusal_has_come_over_a_link_that_works(attempt, code):
    found = attempt(Sockets([errno.EINPROGRESS, errno.EALREADY, code]))
    assert found.error == "ECONNREFUSED by broker:1883" and found.suspected == 0


@pytest.mark.parametrize("code", (errno.ENOMEM, errno.ENOBUFS))
def test_without_memory_the_connection_is_asked_for_later(attempt, code):
    sockets = Sockets([code, code, None])
    assert attempt(sockets).error == "the broker does not answer" and sockets.asked == 3


@pytest.mark.parametrize("code", (errno.EHOSTUNREACH, errno.ECONNABORTED, ERR_IF))
def test_what_may_be_the_link_s_fault_is_told_to_it(attempt, code):
    assert attempt(Sockets([code])).suspected == 1
