"""The twin's side of the simulated modem (tools/modem): PPP's face, sockets that need the carrier, and the pins.

`Sockets` stands in for the modules `network` and `socket`: its `PPP(stream)` is run by the simulator, its sockets are
the host's, moving data only while the newest PPP's other end answers. `Wires` are power key, reset and DCD, carried by
the simulator's control port.
"""

import errno
import io
import select
import socket
import time

from firmware.port import const, ticks_diff, ticks_ms, unload

_POLL_MS = const(10)
_POLL = const(3)
_IN, _OUT, _ERR, _HUP = const(1), const(4), const(8), const(16)
# A real blocking socket would wait for ever; the watchdog would end that.
_FOREVER_MS = const(60000)
_CHUNK = const(255)  # a byte tells the length of a piece
_ECONNABORTED, _EALREADY = const(103), const(114)


class PPP:
    """network.PPP on the twin: what it is told by the simulator's other half (tools/modem/relay.py), which negotiates.

    A board's is C with memory of its own; here there is next to nothing of it in the heap either.
    """

    SEC_NONE = 0
    SEC_PAP = 1
    SEC_CHAP = 2

    def __init__(self, port, stream):
        self._port = port
        self._stream = stream
        self._socket = None
        self._rest = b""
        self._facts = (b"0", b"0")

    def connect(self, security=0, user=None, key=None):
        """OSError: connecting or connected already, or used up."""
        if self._socket is not None:
            raise OSError(_EALREADY if self.status() > 0 else "ppp_connect failed")
        self._socket = raw = socket.socket()
        raw.connect(socket.getaddrinfo("127.0.0.1", self._port)[0][-1])
        words = [text.encode().hex() if text else "-" for text in (user, key)]
        raw.write("ppp %d %s %s\n" % (security, words[0], words[1]))
        raw.setblocking(False)
        self._facts = (b"3", b"0")
        self._irq()

    def _irq(self):
        if self._stream is not None:
            self._stream.irq(self.poll, self._stream.IRQ_RXIDLE)

    def disconnect(self):
        if self.status() > 0:
            self._socket.write(b"\0")

    def status(self):
        return int(self._facts[0])

    def isconnected(self):
        return self._facts[0] == b"4"

    def alive(self):
        """Whether the other end has answered lately (what the host's sockets go by)."""
        return self._facts[1] == b"1"

    def ipconfig(self, name):
        address, dns = str(self._facts[2], "ascii"), str(self._facts[3], "ascii")
        return dns if name == "dns" else (address, "255.255.255.255")

    def config(self, name=None, stream=False):
        """`stream=None` stops polling, `stream=s` starts it again."""
        if self._stream is not None:
            self._stream.irq(None, 0)
        self._stream = stream
        self._irq()

    def poll(self, irq=None):
        """Carry what has come, both ways. Called from the stream's irq and once a turn."""
        stream, raw = self._stream, self._socket
        if stream is None or raw is None or self.status() <= 0:
            return
        while True:
            data = stream.read(_CHUNK)
            if not data:
                break
            raw.write(bytes((len(data),)) + data)
        data = raw.read(_CHUNK)
        if data == b"":
            self._facts = (b"-5", b"0")  # the simulator is gone
        if not data:
            return
        data, self._rest = self._rest + data, b""
        while data:
            # A full line loses the frame, as on lwIP; PPP's timers send it again.
            out, told, data = data.partition(b"\x01")
            if out:
                stream.write(out)
            if told:
                line, whole, rest = data.partition(b"\n")
                if not whole:
                    self._rest = told + data
                    return
                self._facts, data = line.split(b" "), rest
        if self.status() <= 0:
            stream.irq(None, 0)


class Sockets:
    """`link.socket` of the twin: the names of the module `socket`, with PPP's fate.

    `port`: the simulator's control port.
    """

    def __init__(self, port):
        self._port = port
        self.ppp = None

    def PPP(self, stream):
        self.ppp = PPP(self._port, stream)
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
        self.settimeout(None if flag else 0)

    def _open(self):
        """Raise what a socket raises whose interface went away."""
        if self._ppp is None or not self._ppp.isconnected():
            raise OSError(_ECONNABORTED)

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

    def __getattr__(self, name):
        if name in ("send", "recv") and not self._carried():
            raise OSError(errno.EAGAIN)
        return getattr(self._raw, name)

    def sendto(self, data, address):
        # A datagram on a dead carrier is sent, and lost.
        self._open()
        return self._raw.sendto(data, address) if self._ppp.alive() else len(data)

    def read(self, *count):
        return self._raw.read(*count) if self._carried() else None

    def readinto(self, *where):
        return self._raw.readinto(*where) if self._carried() else None

    def write(self, *what):
        return self._raw.write(*what) if self._carried() else None

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
    unload("firmware.boards.modem_settings")
    # The tables of the settings and the modem's code together are more than there is room for.
    config.release()
    from firmware.modem.link import ModemLink

    class Uart(PtyUart):
        IRQ_RXIDLE = const(4)

        def irq(self, handler=None, trigger=0):
            return None

    sockets, wires = Sockets(setup["control"]), Wires(setup["control"])
    pins = {name: getattr(wires, name) for name in ("power_key", "reset", "dcd", "set_baud")}
    return ModemLink(Uart(setup["pty"]), sockets.PPP, settings, sockets, store, reboot, **pins)
