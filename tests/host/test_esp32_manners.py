"""What only an ESP32 does: its numbers of errors, lwIP in a task of its own."""

import io
import socket
import threading
import time

import pytest

from firmware import port
from firmware.modem import dial, ppp
from firmware.update.download import Download
from firmware.uplink.stream import Stream
from tests.host import virtual
from tests.host.fakes_machine import Chip, config


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


class Uart:
    """A machine.UART as network.PPP wants it."""

    IRQ_RXIDLE = 4096

    def __init__(self):
        self.handler = None

    def irq(self, handler=None, trigger=0, hard=False):
        self.handler = handler


class Ppp:
    """network.PPP of ESP32: what lwIP's own task calls must be no Python. `incoming`: lengths, one for each poll."""

    SEC_NONE = 0

    def __init__(self, stream):
        self._take(stream)
        self.state = 0
        self.incoming = []

    def _take(self, stream):
        assert not isinstance(stream, io.IOBase), "Guru Meditation Error: Core 0 panic'ed"
        self.stream = stream

    def connect(self, security, user, key):
        self.stream.irq(self.poll, self.stream.IRQ_RXIDLE)
        self.state = 3

    def config(self, stream):
        if self.stream:
            self.stream.irq(None)
        self._take(stream)
        if stream:
            stream.irq(self.poll, stream.IRQ_RXIDLE)

    def poll(self, _irq=None):
        if self.state <= 2:
            return -1
        if not self.incoming:
            self.state = 4
            return 0
        return self.incoming.pop(0)

    def status(self):
        return self.state

    def ipconfig(self, _name):
        return "10.0.0.2", "255.255.255.255"

    def disconnect(self):
        self.stream.irq(None)
        self.state = 0


def test_ppp_has_the_uart_itself_and_what_comes_in_is_counted():
    async def main():
        uart = Uart()
        session = ppp.Session(Ppp, uart, b"\x7e\xff", True)
        await dial.negotiate(session, {}, 5000)
        assert session.ip == "10.0.0.2"
        # Nobody else may poll: what the interrupt read would not be counted.
        assert uart.handler is None
        await port.sleep_ms(40000)
        assert session.tap.silent_ms() >= 40000
        session.ppp.incoming = [100, 28]
        session.poll()
        session.poll()
        session.poll()
        assert session.tap.rx == 128 and session.tap.silent_ms() == 0
        session.suspend(True)
        session.suspend(False)
        assert session.ppp.stream is uart and uart.handler is None
        assert session.lost(500) is None
        assert await session.close(1000)

    virtual.run(main())


def linked(family, board, monkeypatch, tmp_path):
    chip = Chip(family).install(monkeypatch)
    module = __import__("firmware.boards." + board, None, None, ("Board",))
    monkeypatch.setattr(module.Board, "root", str(tmp_path))
    return chip, module.Board().link(config(uplink_apn="internet"))


def test_a_board_with_an_esp32_hands_its_uart_out(monkeypatch, tmp_path):
    _, link = linked("esp32", "lilygo_t_sim7600", monkeypatch, tmp_path)
    assert link.settings["cmux"] and link.multiplexer is None and link.bare
    assert link.socket.SOCK_STREAM == socket.SOCK_STREAM and link.socket is not socket


def test_a_board_with_an_rp2_need_not(monkeypatch, tmp_path):
    _, link = linked("rp2", "pico_w", monkeypatch, tmp_path)
    assert link.multiplexer and not link.bare and link.socket is socket


def test_a_name_is_looked_up_while_bytes_move(monkeypatch):
    """getaddrinfo() holds the interpreter's thread up: the answer comes through a poll from another one."""
    answered = threading.Event()
    polls = []

    class Line:
        session = None

    class Session:
        def poll(self):
            polls.append(threading.get_ident())
            answered.set()

    class Module:
        AF_INET = 2

        def getaddrinfo(self, host, number):
            if host == "nobody" or (Line.session and not answered.wait(5)):
                raise OSError(-202)
            return [(2, 1, 0, "", (host, number))]

    Chip("esp32").install(monkeypatch)
    from firmware.boards.esp32 import Sockets

    link = Line()
    sockets = Sockets(link, Module())
    assert sockets.AF_INET == 2
    assert sockets.getaddrinfo("10.0.0.1", 1)[0][-1] == ("10.0.0.1", 1)  # no call: nothing to poll
    assert not polls
    Line.session = Session()
    assert sockets.getaddrinfo("broker", 1883)[0][-1] == ("broker", 1883)
    with pytest.raises(OSError):
        sockets.getaddrinfo("nobody", 1)
    assert threading.get_ident() not in polls
    time.sleep(0.2)
    ended = len(polls)
    time.sleep(0.1)
    assert len(polls) == ended
