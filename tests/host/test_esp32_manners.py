"""What only an ESP32 does: its numbers of errors."""

from firmware.update.download import Download
from firmware.uplink.stream import Stream
from tests.host import virtual


class Connecting:
    """The module `socket` and a socket: connect() goes on for a while. Numbers of newlib (ports/esp32, errno)."""

    SOCK_STREAM = 1
    EINPROGRESS, EALREADY, EISCONN = 119, 120, 127

    def __init__(self, turns):
        self.answers = [self.EINPROGRESS] + [self.EALREADY] * turns + [self.EISCONN]

    def getaddrinfo(self, host, number, *_):
        return [(2, 1, 0, "", (host, number))]

    def socket(self, *_):
        return self

    def connect(self, _address):
        raise OSError(self.answers.pop(0))

    def readinto(self, _buf):
        return None

    def _ignore(self, *_):
        pass

    setblocking = setsockopt = close = _ignore


def test_a_connection_may_take_its_time():
    sockets = Connecting(20)
    virtual.run(Stream().connect(sockets, "broker", 1883, 10000))
    assert not sockets.answers


def test_a_download_s_connection_too(tmp_path):
    sockets = Connecting(20)
    load = Download("http://server/file", str(tmp_path / "update.bin"), sockets)
    virtual.run(load._connect())
    assert not sockets.answers
