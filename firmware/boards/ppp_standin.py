"""A stand-in for network.PPP on MicroPython's unix port, which has none. It is not an IP stack.

`PPP(stream)` has the methods of the real object and its failure modes, and really negotiates LCP,
PAP or CHAP and IPCP with whatever is at the other end of the stream before it says connected. IP
packets, however, never travel over it: sockets made by `Sockets` are the host's own. So that they
behave as if they did not, the stand-in sends an LCP echo (RFC 1661 5.8) twice a second and lets
them move data only while the echoes come back: they stall on a dead carrier, as lwIP's would, and
break when the PPP object is closed. The real object sends no echoes; `isconnected()` therefore
stays True on a dead carrier here as it does there.
"""

import hashlib
import os
import struct

from firmware.port import const, ticks_add, ticks_diff, ticks_ms

_LCP, _PAP, _CHAP, _IPCP = const(0xC021), const(0xC023), const(0xC223), const(0x8021)
_REQ, _ACK, _NAK, _REJ, _TERM, _TERM_ACK = (
    const(1),
    const(2),
    const(3),
    const(4),
    const(5),
    const(6),
)
_PROTO_REJ, _ECHO, _ECHO_REPLY = const(8), const(9), const(10)
_RETRY_MS = const(3000)
_TRIES = const(10)
_ECHO_MS = const(500)
_UNANSWERED = const(4)  # so many echoes without an answer: the carrier is dead
_CLOSE_MS = const(200)  # how long disconnect() takes when the other end is silent
_FRAME = const(256)  # negotiation only: no IP comes this way
_EALREADY = const(114)
_IDLE, _ACTIVE, _CONNECTING, _CONNECTED = const(0), const(1), const(3), const(4)
_ERR_USER, _ERR_CONNECT, _ERR_AUTH, _ERR_PROTOCOL = const(-5), const(-6), const(-7), const(-8)


def _fcs_table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ 0x8408 if value & 1 else value >> 1
        table.append(struct.pack("<H", value))
    return b"".join(table)


class PPP:
    SEC_NONE = 0
    SEC_PAP = 1
    SEC_CHAP = 2

    def __init__(self, stream):
        self._stream = stream
        self._state = _IDLE
        self._used = False
        self._table = _fcs_table()
        self._chunk = bytearray(256)
        self._frame = bytearray(_FRAME)
        self._fill = 0
        self._escaped = False
        self._ident = 0
        self._address = bytes(4)
        self._dns = bytes(4)
        self._ends_at = None
        self._after = _IDLE
        self._magic = os.urandom(4)
        self._unanswered = 0

    # the interface of the real object ------------------------------------------------------------

    def connect(self, security=0, user=None, key=None):
        """Start to negotiate. Raises OSError(EALREADY) while connecting or connected."""
        if self._state in (_CONNECTING, _CONNECTED):
            raise OSError(_EALREADY)
        if self._used:
            raise OSError("ppp_connect failed")  # throw the object away after a failure
        self._used = True
        self._security = security
        self._user = (user or "").encode()
        self._key = (key or "").encode()
        self._auth = 0  # the protocol the other end wants
        self._lcp_mine = self._lcp_theirs = self._authed = self._ip_mine = self._ip_theirs = False
        self._tries = 0
        self._state = _CONNECTING
        self._retry_at = ticks_ms()
        self._irq(True)
        self.poll()

    def disconnect(self):
        """Start the end; `status()` becomes 0 some time later."""
        if self._state in (_CONNECTING, _CONNECTED) and self._ends_at is None:
            self._packet(_LCP, _TERM, b"")
            self._finish(_IDLE)

    def _finish(self, after):
        if self._ends_at is not None:
            return  # the first reason counts
        self._after = after
        self._ends_at = ticks_add(ticks_ms(), _CLOSE_MS)

    def status(self):
        return self._state

    def isconnected(self):
        return self._state == _CONNECTED

    def ipconfig(self, name):
        if name == "addr4":
            return _dotted(self._address), "255.255.255.255"
        if name == "dns":
            return _dotted(self._dns)
        raise ValueError("unknown config param")

    def config(self, name=None, stream=False):
        """`stream=None` stops polling, `stream=s` starts it again."""
        if stream is not False:
            self._irq(False)
            self._stream = stream
            self._irq(True)
        elif name == "stream":
            return self._stream
        return None

    def poll(self, irq=None):
        """Read what has come, send what is due. Called from the stream's irq and once a turn."""
        if self._stream is None:
            return
        while self._state > _ACTIVE:
            count = self._stream.readinto(self._chunk)
            if not count:
                break
            self._input(count)
        if self._state > _ACTIVE:
            self._due()

    def alive(self):
        """Whether the other end has answered lately (what the host's sockets go by)."""
        return (
            self._state == _CONNECTED and self._ends_at is None and self._unanswered < _UNANSWERED
        )

    def _irq(self, enabled):
        if self._stream is not None:
            if enabled:
                self._stream.irq(self.poll, self._stream.IRQ_RXIDLE)
            else:
                self._stream.irq(None, 0)

    # timers --------------------------------------------------------------------------------------

    def _due(self):
        now = ticks_ms()
        if self._ends_at is not None:
            if ticks_diff(now, self._ends_at) >= 0:
                self._ends_at = None
                self._irq(False)
                self._state = self._after
            return
        if ticks_diff(now, self._retry_at) < 0:
            return
        if self._state == _CONNECTED:
            self._retry_at = ticks_add(now, _ECHO_MS)
            self._unanswered += 1
            self._packet(_LCP, _ECHO, self._magic)
            return
        self._retry_at = ticks_add(now, _RETRY_MS)
        self._tries += 1
        if self._tries > _TRIES:
            self._finish(_ERR_PROTOCOL)
        else:
            self._ask()

    def _ask(self):
        if not self._lcp_mine:
            self._packet(_LCP, _REQ, b"\x02\x06\x00\x00\x00\x00\x05\x06" + self._magic)
        elif not self._lcp_theirs:
            return
        elif self._auth == _PAP and not self._authed:
            body = bytes((len(self._user),)) + self._user + bytes((len(self._key),)) + self._key
            self._packet(_PAP, _REQ, body)
        elif (self._authed or not self._auth) and not self._ip_mine:
            self._packet(_IPCP, _REQ, b"\x03\x06" + self._address + b"\x81\x06" + self._dns)

    def _go_on(self):
        """Something was achieved: the next step at once."""
        if self._state == _CONNECTED:
            return
        self._tries = 0
        self._retry_at = ticks_add(ticks_ms(), _RETRY_MS)
        if self._ip_mine and self._ip_theirs:
            self._state = _CONNECTED
            self._unanswered = 0
            self._retry_at = ticks_ms()
        else:
            self._ask()

    # framing (RFC 1662) --------------------------------------------------------------------------

    def _fcs(self, data):
        table, value = self._table, 0xFFFF
        for byte in data:
            at = ((value ^ byte) & 0xFF) << 1
            value = value >> 8 ^ (table[at] | table[at + 1] << 8)
        return value

    def _packet(self, protocol, code, body, ident=None):
        if ident is None:
            self._ident = ident = (self._ident + 1) & 0xFF
        data = b"\xff\x03" + struct.pack("!HBBH", protocol, code, ident, 4 + len(body)) + body
        data += struct.pack("<H", self._fcs(data) ^ 0xFFFF)
        out = bytearray(b"\x7e")
        for byte in data:
            if byte < 32 or byte in (0x7D, 0x7E):
                out.append(0x7D)
                byte ^= 0x20
            out.append(byte)
        out.append(0x7E)
        # A full line loses the frame, as on lwIP; the timers send it again.
        self._stream.write(out)

    def _input(self, count):
        for at in range(count):
            byte = self._chunk[at]
            if byte == 0x7E:
                fill, self._fill, self._escaped = self._fill, 0, False
                if fill >= 8 and self._fcs(memoryview(self._frame)[:fill]) == 0xF0B8:
                    self._take(bytes(self._frame[: fill - 2]))
            elif byte == 0x7D:
                self._escaped = True
            elif self._fill < _FRAME:
                self._frame[self._fill] = byte ^ 0x20 if self._escaped else byte
                self._fill += 1
                self._escaped = False

    def _take(self, frame):
        if frame[:2] == b"\xff\x03":
            frame = frame[2:]
        if len(frame) < 6:
            return
        protocol, code, ident, length = struct.unpack("!HBBH", frame[:6])
        body = frame[6 : 2 + length]
        if protocol == _LCP:
            self._lcp(code, ident, body)
        elif protocol == _CHAP:
            self._chap(code, ident, body)
        elif protocol == _PAP:
            self._verdict(code == _ACK)
        elif protocol == _IPCP and self._lcp_mine:
            self._ipcp(code, ident, body)

    # protocols -----------------------------------------------------------------------------------

    def _requested(self, ident, body):
        """The other end's LCP options: refuse what we do not know and an authentication we lack."""
        refused, self._auth = b"", 0
        for kind, value in _options(body):
            if kind == 3:
                self._auth = value[0] << 8 | value[1]
            if kind not in (1, 2, 3, 5, 7, 8) or (kind == 3 and not self._may(self._auth)):
                refused += _option(kind, value)
        if refused:
            self._packet(_LCP, _REJ, refused, ident)
            if self._auth and not self._may(self._auth):
                self._finish(_ERR_AUTH)
            return
        self._packet(_LCP, _ACK, body, ident)
        self._lcp_theirs = True
        if self._lcp_mine:
            self._go_on()

    def _lcp(self, code, ident, body):
        if code == _REQ:
            self._requested(ident, body)
        elif code == _ACK:
            self._lcp_mine = True
            if self._lcp_theirs:
                self._go_on()
        elif code == _TERM:
            self._packet(_LCP, _TERM_ACK, b"", ident)
            self._finish(_ERR_CONNECT)
        elif code == _TERM_ACK and self._ends_at is not None:
            self._ends_at = ticks_ms()
        elif code == _ECHO:
            self._packet(_LCP, _ECHO_REPLY, self._magic + body[4:], ident)
        elif code == _ECHO_REPLY:
            self._unanswered = 0

    def _may(self, protocol):
        if protocol == _PAP:
            return self._security >= self.SEC_PAP
        return protocol == _CHAP and self._security >= self.SEC_CHAP

    def _verdict(self, accepted):
        if accepted:
            self._authed = True
            self._go_on()
        else:
            self._finish(_ERR_AUTH)

    def _chap(self, code, ident, body):
        if code == _REQ:
            challenge = body[1 : 1 + body[0]]
            value = hashlib.md5(bytes((ident,)) + self._key + challenge).digest()
            self._packet(_CHAP, 2, bytes((16,)) + value + self._user, ident)
        elif code in (3, 4):
            self._verdict(code == 3)

    def _ipcp(self, code, ident, body):
        if code == _REQ:
            self._packet(_IPCP, _ACK, body, ident)
            self._ip_theirs = True
            self._go_on()
        elif code == _NAK:
            for kind, value in _options(body):
                if kind == 3:
                    self._address = value
                elif kind == 0x81:
                    self._dns = value
            self._go_on()
        elif code == _ACK:
            self._ip_mine = True
            self._go_on()


def _options(body):
    while len(body) >= 2 and 2 <= body[1] <= len(body):
        yield body[0], body[2 : body[1]]
        body = body[body[1] :]


def _option(kind, value):
    return bytes((kind, 2 + len(value))) + value


def _dotted(address):
    return "%d.%d.%d.%d" % tuple(address)
