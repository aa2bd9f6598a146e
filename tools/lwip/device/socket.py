"""The module socket of a Pico W behind a modem, over the lwIP that network.py reaches. Not part of the firmware.

Errors come in rp2's numbers (py/mperrno.h); a send that lwIP has no memory for holds up everything for up to ten
seconds, also in a socket that does not wait (extmod/modlwip.c, lwip_tcp_send); poll() of PPP is nobody's business
while C waits: what moves bytes then is the board's (Sockets in firmware/boards/base.py).
"""

import io
import struct
import time

import network

AF_INET, SOCK_STREAM, SOCK_DGRAM = 2, 1, 2
SOL_SOCKET, SO_REUSEADDR, IPPROTO_TCP, TCP_NODELAY = 1, 4, 6, 1
_EAGAIN, _ENOMEM, _EINPROGRESS, _ETIMEDOUT = 11, 12, 115, 110
_WAIT = 200  # tools/lwip/errors.py
_MEMORY_TRIES, _MEMORY_MS = 200, 50
_CLOSE, _POLL = 4, 3


def _chip():
    if network.PPP.chip is None:
        network.PPP(None)
    return network.PPP.chip


def _address(host):
    return bytes(map(int, host.split(".")))


def getaddrinfo(host, port, family=0, kind=0, proto=0, flags=0):
    """Holds up the interpreter until a name server answers or does not."""
    chip = _chip()
    while True:
        number, found = chip.call(b"l", 0, host.encode())
        if number < 0:
            raise OSError(number)
        if found:
            return [(AF_INET, SOCK_STREAM, 0, "", ("%d.%d.%d.%d" % tuple(found), port))]
        chip.wait()


class socket(io.IOBase):  # noqa: N801  the name that MicroPython has for it
    def __init__(self, family=AF_INET, kind=SOCK_STREAM, proto=0):
        self._chip = _chip()
        self._stream = kind == SOCK_STREAM
        self._timeout = -1  # ms; -1 waits for ever
        self._handle = self._call(b"t" if self._stream else b"u")

    def _call(self, op, data=b""):
        number, _ = self._chip.call(op, getattr(self, "_handle", 0), data)
        if number < 0:
            raise OSError(-number if number < -1 else -1)
        return number

    def settimeout(self, seconds):
        self._timeout = -1 if seconds is None else int(seconds * 1000)

    def setblocking(self, flag):
        self._timeout = -1 if flag else 0

    def setsockopt(self, level, option, value):
        if (level, option) == (IPPROTO_TCP, TCP_NODELAY):
            self._call(b"n", bytes((bool(value),)))

    def _waited(self, start):
        """Wait a moment, once at least; whether the time is up."""
        self._chip.wait()
        return self._timeout >= 0 and time.ticks_diff(time.ticks_ms(), start) >= self._timeout

    def connect(self, address):
        start = time.ticks_ms()
        self._call(b"c", _address(address[0]) + struct.pack("!H", address[1]))
        self._chip.wait()
        while not self._call(b"d"):
            if self._waited(start):
                raise OSError(_ETIMEDOUT if self._timeout else _EINPROGRESS)

    def send(self, data):
        start, tries = time.ticks_ms(), 0
        while True:
            number, _ = self._chip.call(b"s", self._handle, bytes(data)[:6400])
            if number == -_WAIT and tries < _MEMORY_TRIES:
                tries += 1
                time.sleep_ms(_MEMORY_MS)
            elif number != -_EAGAIN or not self._timeout:
                break
            elif self._waited(start):
                raise OSError(_ETIMEDOUT)
        if number == -_WAIT:
            raise OSError(_ENOMEM)
        if number < 0:
            raise OSError(-number if number < -1 else -1)
        return number

    def _receive(self, op, count):
        start = time.ticks_ms()
        while True:
            number, data = self._chip.call(op, self._handle, struct.pack("!H", min(count, 6400)))
            if number >= 0:
                return data
            if number != -_EAGAIN or not self._timeout:
                raise OSError(-number if number < -1 else -1)
            if self._waited(start):
                raise OSError(_ETIMEDOUT)

    def recv(self, count):
        return self._receive(b"r", count) if self._stream else self._receive(b"R", count)[6:]

    def recvfrom(self, count):
        data = self._receive(b"R", count)
        host, port = "%d.%d.%d.%d" % tuple(data[:4]), struct.unpack("!H", data[4:6])[0]
        return data[6:], (host, port)

    def sendto(self, data, address):
        return self._call(b"S", _address(address[0]) + struct.pack("!H", address[1]) + data)

    def _again(self, function, *arguments):
        """As a stream: None where a socket says EAGAIN."""
        try:
            return function(*arguments)
        except OSError as error:
            if error.args[0] == _EAGAIN:
                return None
            raise

    def readinto(self, buf, count=-1):
        data = self._again(self.recv, len(buf) if count < 0 else min(count, len(buf)))
        if data is None:
            return None
        buf[: len(data)] = data
        return len(data)

    def read(self, count=-1):
        if count >= 0:
            return self._again(self.recv, count)
        parts = b""
        while True:
            part = self.recv(1024)
            if not part:
                return parts
            parts += part

    def write(self, data):
        return self._again(self.send, data)

    def ioctl(self, request, argument):
        if request == _POLL:
            return self._call(b"e", bytes((argument,))) if self._handle else 32
        if request == _CLOSE:
            if self._handle:
                self._call(b"x")
                self._handle = 0
            return 0
        return -1

    def close(self):
        self.ioctl(_CLOSE, 0)
