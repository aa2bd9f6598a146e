"""The twin's side of the simulated modem (tools/modem) apart from PPP: sockets that need the carrier, and the pins.

`Sockets` stands in for the modules `network` and `socket`: its `PPP(stream)` is ppp_standin's, its sockets are the
host's, moving data only while the newest PPP's other end answers. `Wires` are power key, reset and DCD, carried by the
simulator's control port.
"""

import errno
import io
import select
import socket
import time

from firmware.boards import ppp_standin
from firmware.port import const, ticks_diff, ticks_ms

_POLL_MS = const(10)
_POLL = const(3)
_IN, _OUT, _ERR, _HUP = const(1), const(4), const(8), const(16)
# A real blocking socket would wait for ever; the watchdog would end that.
_FOREVER_MS = const(60000)


class Sockets:
    """`link.socket` of the twin: the names of the module `socket`, with PPP's fate."""

    def __init__(self):
        self.ppp = None

    def PPP(self, stream):
        self.ppp = ppp_standin.PPP(stream)
        return self.ppp

    def __getattr__(self, name):
        return getattr(socket, name)

    def socket(self, *args):
        return Socket(self.ppp, socket.socket(*args))

    def getaddrinfo(self, *args):
        if self.ppp is None or not self.ppp.alive():
            raise OSError(-202)  # what lwIP says when no DNS server answers
        return socket.getaddrinfo(*args)


class Socket(io.IOBase):
    """A host socket that stalls while the carrier is dead and breaks when its PPP is closed.

    Timeouts are as on the boards: `setblocking(True)` takes a `settimeout()` away (platform facts 1.7).
    """

    def __init__(self, ppp, raw):
        self._ppp = ppp
        self._raw = raw
        self._timeout = None  # ms; None waits, 0 does not
        self._poller = select.poll()
        self._poller.register(raw, _IN | _OUT)

    def settimeout(self, seconds):
        self._timeout = None if seconds is None else int(seconds * 1000)
        self._raw.settimeout(seconds)

    def setblocking(self, flag):
        self._timeout = None if flag else 0
        self._raw.settimeout(None if flag else 0)

    def _open(self):
        """Raise what a socket raises whose interface went away."""
        if self._ppp is None or not self._ppp.isconnected():
            raise OSError(errno.ECONNABORTED if hasattr(errno, "ECONNABORTED") else 103)

    def _carried(self):
        """Wait until the carrier lives; False for a socket that does not wait."""
        self._open()
        if self._ppp.alive():
            return True
        start = ticks_ms()
        limit = _FOREVER_MS if self._timeout is None else self._timeout
        while ticks_diff(ticks_ms(), start) < limit:
            self._ppp.poll()
            self._open()
            if self._ppp.alive():
                return True
            time.sleep_ms(_POLL_MS)
        if self._timeout == 0:
            return False
        raise OSError(errno.ETIMEDOUT)

    def connect(self, address):
        if not self._carried():
            raise OSError(errno.EINPROGRESS)
        return self._raw.connect(address)

    def _again(self):
        raise OSError(errno.EAGAIN)

    def send(self, data):
        return self._raw.send(data) if self._carried() else self._again()

    def sendall(self, data):
        return self._raw.sendall(data) if self._carried() else self._again()

    def sendto(self, data, address):
        # A datagram on a dead carrier is sent, and lost.
        self._open()
        return self._raw.sendto(data, address) if self._ppp.alive() else len(data)

    def recv(self, count):
        return self._raw.recv(count) if self._carried() else self._again()

    def read(self, count=-1):
        if not self._carried():
            return None
        return self._raw.read(count) if count >= 0 else self._raw.read()

    def readinto(self, buf, count=-1):
        if not self._carried():
            return None
        return self._raw.readinto(buf) if count < 0 else self._raw.readinto(buf, count)

    def readline(self):
        return self._raw.readline() if self._carried() else None

    def write(self, data, *size):
        return self._raw.write(data, *size) if self._carried() else None

    def setsockopt(self, *args):
        return self._raw.setsockopt(*args)

    def close(self):
        self._raw.close()

    def ioctl(self, request, argument):
        if request == 4:
            self._raw.close()
            return 0
        if request != _POLL:
            return -1
        if self._ppp is None or not self._ppp.isconnected():
            return _HUP | (argument & (_IN | _OUT))
        if not self._ppp.alive():
            return 0
        for _, events in self._poller.poll(0):
            return events & (argument | _ERR | _HUP)
        return 0


class Wires:
    """The pins of the simulated modem: lines on the control port of tools/modem.

    `power_key(pressed)`, `reset(pressed)`, `dtr(on)`, `dcd()`, `set_baud(baud)`; `ask(line)` sends any control line.
    """

    def __init__(self, port):
        self._socket = socket.socket()
        self._socket.connect(socket.getaddrinfo("127.0.0.1", port)[0][-1])
        self._socket.settimeout(2)
        self._dcd = True
        self._asked = None

    def ask(self, line):
        self._socket.send(line.encode() + b"\n")
        return self._socket.readline().decode().strip()

    def power_key(self, pressed):
        self.ask("power %d" % pressed)

    def reset(self, pressed):
        self.ask("reset %d" % pressed)

    def dtr(self, on):
        self.ask("dtr %d" % on)

    def set_baud(self, baud):
        self.ask("baud %d" % baud)

    def dcd(self):
        """The wire's level, looked at four times a second."""
        now = ticks_ms()
        if self._asked is None or ticks_diff(now, self._asked) > 250:
            self._asked = now
            self._dcd = self.ask("dcd") == "1"
        return self._dcd


def link(setup, config, store, reboot):
    """The ModemLink of a twin: `setup` has `pty` and `control` (a port) of a tools.modem, perhaps `timing`."""
    from firmware.boards.modem_settings import modem_settings
    from firmware.boards.twin import PtyUart

    settings = modem_settings(config, int(config.get("uplink.baud")))
    settings["timing"] = setup.get("timing")
    # The tables of the settings and the modem's code together are more than there is room for.
    config.release()
    from firmware.modem.link import ModemLink

    class Uart(PtyUart):
        IRQ_RXIDLE = const(4)

        def irq(self, handler=None, trigger=0):
            return None

    sockets, wires = Sockets(), Wires(setup["control"])
    pins = {name: getattr(wires, name) for name in ("power_key", "reset", "dcd", "set_baud")}
    return ModemLink(Uart(setup["pty"]), sockets.PPP, settings, sockets, store, reboot, **pins)
