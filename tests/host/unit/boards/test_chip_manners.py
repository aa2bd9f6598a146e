"""What only the chips do: their numbers of errors, lwIP beside the interpreter, waits that nothing gets through."""

import io
import socket
import threading
import time
from types import SimpleNamespace

import pytest

from firmware.core import compat
from firmware.delivery.mqtt import login
from firmware.delivery.mqtt.packets import Stream
from firmware.net.modem import aside, dial
from firmware.net.modem.link import Session
from firmware.update.download import Download
from tests.host.support import virtual_time
from tests.host.support.fake_machine import Chip, board_of, config
from tools import patience


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
    virtual_time.run(login.connect(Stream(), sockets, "broker", 1883, 10000))
    assert not sockets.answers


def test_a_download_s_connection_too(tmp_path):
    sockets = Connecting(20)
    load = Download("http://server/file", str(tmp_path / "update.bin"), sockets)
    virtual_time.run(load._wire.open(load.host, load.port))
    assert not sockets.answers


class Uart:
    """A machine.UART as network.PPP wants it."""

    IRQ_RXIDLE = 4096

    def __init__(self):
        self.handler = None

    def irq(self, handler=None, trigger=0, hard=False):
        self.handler = handler

    def any(self):
        return 1


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

    def __del__(self):
        self.state = 0

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


def test_ppp_has_the_uart_itself_and_what_comes_in_is_counted():
    async def main():
        uart = Uart()
        session = Session(uart, native=True)
        await dial.negotiate(
            SimpleNamespace(session=session, ppp_factory=Ppp, socket=socket, settings={}, timing={"ppp": 5000})
        )
        assert session.ip == "10.0.0.2"
        # Nobody else may poll: what the interrupt read would not be counted.
        assert uart.handler is None
        await compat.sleep_ms(40000)
        assert session.silent_ms() >= 40000
        session.ppp.incoming = [100, 28]
        session.poll()
        session.poll()
        session.poll()
        assert session.rx == 128 and session.silent_ms() == 0
        aside.suspend(session, True)
        aside.suspend(session, False)
        assert session.ppp.stream is uart and uart.handler is None
        assert session.lost(500) is None
        assert await dial.close(session, socket, 1000)

    virtual_time.run(main())


def linked(family, board, monkeypatch, tmp_path):
    chip = Chip(family).install(monkeypatch)
    return chip, board_of(board, monkeypatch, tmp_path)().link(config(uplink_apn="internet"))


def test_a_board_with_an_esp32_hands_its_uart_out(monkeypatch, tmp_path):
    _, link = linked("esp32", "lilygo_t_sim7600", monkeypatch, tmp_path)
    assert link.settings["cmux"] and link.multiplexer is None and link.native
    assert link.socket.SOCK_STREAM == socket.SOCK_STREAM and link.socket is not socket


def test_a_board_with_an_rp2_need_not(monkeypatch, tmp_path):
    _, link = linked("rp2", "pico_w", monkeypatch, tmp_path)
    assert link.multiplexer and not link.native
    assert link.socket.SOCK_STREAM == socket.SOCK_STREAM and link.socket is not socket


class Resolver:
    """The module `socket`: an answer takes a poll of PPP's bytes. `wait()`: in the middle of lwIP's waiting."""

    AF_INET = 2

    def __init__(self, wait):
        self.wait = wait
        self.polled = threading.Event()
        self.threads = set()

    def getaddrinfo(self, host, number):
        self.wait()
        if host == "nobody" or not patience.until(self.polled.is_set, 5):
            raise OSError(-202)
        return [(2, 1, 0, "", (host, number))]

    def poll(self):
        """ModemLink's."""
        self.threads.add(threading.get_ident())
        self.polled.set()


@pytest.mark.parametrize("family", ["esp32", "rp2"])
def test_bytes_move_while_a_name_is_looked_up(family, monkeypatch):
    """getaddrinfo() holds the interpreter up: another thread has it on ESP32, callbacks of timers on rp2."""
    chip = Chip(family).install(monkeypatch)
    board = __import__("firmware.boards." + family, None, None, ("Board",)).Board
    from firmware.boards.base import Sockets

    resolver = Resolver(lambda: [timer.callback(timer) for timer in chip.timers])
    sockets = Sockets(resolver, resolver, lambda step: board.meanwhile(None, step))
    assert sockets.AF_INET == 2
    assert sockets.getaddrinfo("broker", 1883)[0][-1] == ("broker", 1883)
    with pytest.raises(OSError):
        sockets.getaddrinfo("nobody", 1)
    assert (threading.get_ident() in resolver.threads) == (family == "rp2")
    assert not chip.timers
    time.sleep(0.2)
    resolver.polled.clear()
    assert not resolver.polled.wait(0.1)
