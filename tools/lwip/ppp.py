"""PPP as lwIP does it: the one control block, its phases, and network.PPP's state on top of them.

Sources: RFC 1661, 1334, 1994, 1332; lwIP's netif/ppp/ppp.c and fsm.c; MicroPython's extmod/network_ppp_lwip.c.
"""

import hashlib
import os
import struct

from tools.modem import hdlc
from tools.modem.peer import CHAP, IP, IPCP, LCP, PAP, options_of, pack_options

_REQ, _ACK, _NAK, _REJ, _TERM, _TERM_ACK = range(1, 7)
_PROTO_REJ, _ECHO, _ECHO_REPLY = 8, 9, 10
# FSM_DEFTIMEOUT, FSM_DEFMAXCONFREQS, FSM_DEFMAXTERMREQS (lwIP's netif/ppp/ppp_opts.h).
_TIMEOUT_S, _CONF_REQS, _TERM_REQS = 6.0, 10, 2
# Phases, in lwIP's order.
DEAD, ESTABLISH, AUTHENTICATE, NETWORK, RUNNING, TERMINATE = 0, 4, 5, 8, 10, 11
# network.PPP.status(): what MicroPython makes of the calls back; errors are told negative.
INACTIVE, ACTIVE, ERROR, CONNECTING, CONNECTED = range(5)
_NONE, _USER, _CONNECT, _AUTH, _PROTOCOL = 0, 5, 6, 7, 8


class Ppp:
    """`send(frame)` puts one frame out and says whether all of it was taken. `on_ip(packet)`, `on_up(up)`."""

    def __init__(self, send, now):
        self._send = send
        self._now = now
        self.on_ip = lambda packet: None
        self.on_up = lambda up: None
        self.lost = False  # the control block has no owner any more: it never comes back
        self._forget()

    def _forget(self):
        self.state, self.error, self.phase = INACTIVE, 0, DEAD
        self.created = False
        self.address, self.dns = bytes(4), bytes(4)
        self._decoder = hdlc.Decoder()
        self._timer = None
        self._ident = 0

    # network.PPP -----------------------------------------------------------------------------------

    def status(self):
        return -self.error if self.state == ERROR else self.state

    def create(self):
        """False: pppos_create failed, there is no control block left."""
        if self.created or self.lost:
            return False
        self._forget()
        self.created, self.state = True, ACTIVE
        return True

    def connect(self, security, user, key):
        """False: ppp_connect failed."""
        if self.phase != DEAD:
            return False
        self._security, self._user, self._key = security, user.encode(), key.encode()
        self._auth = 0
        self._lcp_mine = self._lcp_theirs = self._authed = self._ip_mine = self._ip_theirs = False
        self._magic = os.urandom(4)
        self._error = _NONE
        self.phase, self.state = ESTABLISH, CONNECTING
        self._tries = _CONF_REQS
        self._ask()
        return True

    def close(self, no_carrier):
        """ppp_close(): only a running link ends at once, and only without a carrier; else LCP says goodbye first."""
        self._error = _USER
        if self.phase == DEAD:
            self._called_back()
        elif self.phase == RUNNING and no_carrier:
            self._dead()
        elif self.phase < TERMINATE:
            self._terminate()

    def delete(self):
        """network.PPP.__del__() behind its irq(None)."""
        if self.state >= ERROR:
            self.close(True)
        elif self.state == ACTIVE and self.phase == DEAD:
            self._forget()

    def orphan(self):
        """Its object was collected: what the block has still to say is said to nobody (a dangling pointer)."""
        self.lost = self.created

    def _called_back(self):
        """network_ppp_status_cb()."""
        if self._error == _NONE:
            self.state = CONNECTED
        elif self._error == _USER:
            self._forget()
        else:
            self.state, self.error = ERROR, self._error

    # phases ----------------------------------------------------------------------------------------

    def _terminate(self):
        if self.phase == RUNNING:
            self.on_up(False)
        self.phase = TERMINATE
        self._tries = _TERM_REQS
        self._ask()

    def _dead(self):
        if self.phase == RUNNING:
            self.on_up(False)
        self.phase, self._timer = DEAD, None
        self._called_back()

    def _fail(self, error):
        if self.phase in (DEAD, TERMINATE):
            return
        self._error = error
        self._terminate()

    def timers(self):
        """lwIP's timers; who calls this decides when they run."""
        if self._timer is None or self._now() < self._timer:
            return
        if not self._tries:
            self._timer = None
            if self.phase == TERMINATE:
                self._dead()
            else:
                self._fail(_PROTOCOL)
            return
        self._ask()

    def _ask(self):
        """Send (again) what is to be answered."""
        self._tries -= 1
        self._timer = self._now() + _TIMEOUT_S
        if self.phase == TERMINATE:
            self._packet(LCP, _TERM, b"")
        elif not self._lcp_mine:
            self._packet(LCP, _REQ, pack_options([(2, bytes(4)), (5, self._magic)]))
        elif self.phase == AUTHENTICATE and self._auth == PAP:
            body = bytes((len(self._user),)) + self._user + bytes((len(self._key),)) + self._key
            self._packet(PAP, _REQ, body)
        elif self.phase == NETWORK and not self._ip_mine:
            self._packet(IPCP, _REQ, pack_options([(3, self.address), (0x81, self.dns)]))

    def _next(self, phase=None):
        self.phase = phase or self.phase
        self._tries = _CONF_REQS
        self._ask()

    # in ---------------------------------------------------------------------------------------------

    def input(self, data):
        """Bytes from the line (pppos_input)."""
        if self.phase == DEAD:
            return
        for protocol, payload in self._decoder.feed(data):
            try:
                self._take(protocol, payload)
            except (ValueError, IndexError, struct.error):
                continue  # dropped, as any broken packet

    def ip(self, packet):
        """Send an IP packet; False: ERR_IF. Raises ConnectionError without a link (ERR_RTE)."""
        if self.phase != RUNNING:
            raise ConnectionError("no route")
        return self._send(hdlc.encode(IP, packet, 0))

    def _take(self, protocol, payload):
        if protocol == IP:
            if self.phase == RUNNING:
                self.on_ip(payload)
            return
        code, ident, length = struct.unpack("!BBH", payload[:4])
        body = payload[4:length]
        if protocol == LCP:
            self._lcp(code, ident, body)
        elif protocol == CHAP and self.phase == AUTHENTICATE:
            self._chap(code, ident, body)
        elif protocol == PAP and self.phase == AUTHENTICATE:
            self._verdict(code == _ACK)
        elif protocol == IPCP and self.phase in (NETWORK, RUNNING):
            self._ipcp(code, ident, body)
        elif protocol not in (PAP, CHAP, IPCP):
            self._packet(LCP, _PROTO_REJ, struct.pack("!H", protocol) + payload)

    def _lcp(self, code, ident, body):
        if code == _REQ and ESTABLISH <= self.phase < TERMINATE:
            self._requested(ident, body)
        elif code == _ACK and self.phase == ESTABLISH:
            self._lcp_mine = True
            self._opened()
        elif code == _TERM:
            self._packet(LCP, _TERM_ACK, b"", ident)
            if self.phase not in (DEAD, TERMINATE):
                # Opened: the end is told a time-out later (fsm_rtermreq), if somebody runs the timers.
                self._error = _CONNECT
                if self.phase == RUNNING:
                    self.on_up(False)
                self.phase, self._tries = TERMINATE, 0
                self._timer = self._now() + _TIMEOUT_S
        elif code == _TERM_ACK and self.phase == TERMINATE:
            self._dead()
        elif code == _ECHO:
            self._packet(LCP, _ECHO_REPLY, self._magic + body[4:], ident)

    def _requested(self, ident, body):
        refused, self._auth = [], 0
        for kind, value in options_of(body):
            if kind == 3:
                self._auth = struct.unpack("!H", value[:2])[0]
            if kind not in (1, 2, 3, 5, 7, 8) or (kind == 3 and not self._may(self._auth)):
                refused.append((kind, value))
        if refused:
            self._packet(LCP, _REJ, pack_options(refused), ident)
            if self._auth and not self._may(self._auth):
                self._fail(_AUTH)
            return
        self._packet(LCP, _ACK, body, ident)
        self._lcp_theirs = True
        self._opened()

    def _may(self, protocol):
        return self._security >= {PAP: 1, CHAP: 2}.get(protocol, 3)

    def _opened(self):
        if self._lcp_mine and self._lcp_theirs and self.phase == ESTABLISH:
            self._next(AUTHENTICATE if self._auth else NETWORK)

    def _verdict(self, accepted):
        if accepted:
            self._next(NETWORK)
        else:
            self._fail(_AUTH)

    def _chap(self, code, ident, body):
        if code == 1:
            value = hashlib.md5(bytes((ident,)) + self._key + body[1 : 1 + body[0]]).digest()
            self._packet(CHAP, 2, bytes((16,)) + value + self._user, ident)
        elif code in (3, 4):
            self._verdict(code == 3)

    def _ipcp(self, code, ident, body):
        if code == _REQ:
            self._packet(IPCP, _ACK, body, ident)
            self._ip_theirs = True
        elif code == _NAK:
            for kind, value in options_of(body):
                if kind == 3:
                    self.address = value
                elif kind == 0x81:
                    self.dns = value
            self._next()
        elif code == _ACK:
            self._ip_mine = True
        if self._ip_mine and self._ip_theirs and self.phase == NETWORK:
            self.phase, self._timer = RUNNING, None
            self._called_back()
            self.on_up(True)

    # out --------------------------------------------------------------------------------------------

    def _packet(self, protocol, code, body, ident=None):
        if ident is None:
            self._ident = ident = (self._ident + 1) & 0xFF
        packet = struct.pack("!BBH", code, ident, 4 + len(body)) + body
        self._send(hdlc.encode(protocol, packet, 0xFFFFFFFF if protocol == LCP else 0))
