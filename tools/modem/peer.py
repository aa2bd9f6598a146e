"""The network's end of the PPP link: LCP, PAP or CHAP with MD5, IPCP with DNS; IP goes to
net.Network.

Sources: RFC 1661 (LCP), 1334 (PAP), 1994 (CHAP), 1332 and 1877 (IPCP, DNS).
"""

import hashlib
import os
import struct

from tools.modem import hdlc
from tools.modem.net import Network

LCP, PAP, CHAP, IPCP, IP = 0xC021, 0xC023, 0xC223, 0x8021, 0x0021
(
    _REQ,
    _ACK,
    _NAK,
    _REJ,
    _TERM_REQ,
    _TERM_ACK,
    _CODE_REJ,
    _PROTO_REJ,
    _ECHO,
    _ECHO_REPLY,
    _DISCARD,
) = range(1, 12)
_RETRY_S = 3.0
_TRIES = 10

ME, HIM, DNS = bytes((10, 0, 2, 2)), bytes((10, 0, 2, 15)), bytes((10, 0, 2, 3))


def options_of(body):
    """[(type, value), …] of a Configure packet; raises ValueError when it is broken."""
    found = []
    while body:
        if len(body) < 2 or body[1] < 2 or body[1] > len(body):
            raise ValueError("broken option")
        found.append((body[0], body[2 : body[1]]))
        body = body[body[1] :]
    return found


def pack_options(options):
    return b"".join(bytes((kind, 2 + len(value))) + value for kind, value in options)


class Peer:
    """One call. `write(bytes)` takes what goes to the host; `on_closed()` is called when the link
    was terminated.

    Options: `auth` ("", "pap:user:password", "chap:user:password"), `map` (port -> port), `echo_s`
    (LCP echo period, 0 = none), `no_ipcp`. `silent`: never starts anything (a call left over from
    before).
    """

    def __init__(self, write, options, now, log, silent=False):
        self._write = write
        self._options = options
        self._now = now
        self._log = log
        self._silent = silent
        self._decoder = hdlc.Decoder()
        self._accm = 0xFFFFFFFF
        self._id = 0
        self._magic = os.urandom(4)
        kind, _, rest = options.get("auth", "").partition(":")
        self._auth = kind
        user, _, password = rest.partition(":")
        self._user, self._password = user.encode(), password.encode()
        self._challenge = os.urandom(16)
        self.lcp_mine = self.lcp_theirs = self.ipcp_mine = self.ipcp_theirs = False
        self.authenticated = not kind
        self.refused = False
        self._next = now() + 0.05
        self._tries = 0
        self._echo_at = None
        self._echo_open = 0
        self.closed = False
        self.on_closed = lambda: None
        self.network = Network(lambda packet: self._send(IP, packet), options.get("map", {}), now, log)
        self.frames = 0

    def state_name(self):
        if self.closed:
            return "closed"
        if not (self.lcp_mine and self.lcp_theirs):
            return "lcp"
        if not self.authenticated:
            return "auth"
        return "up" if self.ipcp_mine and self.ipcp_theirs else "ipcp"

    def close(self):
        self.closed = True
        self.network.close()

    # out -----------------------------------------------------------------------------------------

    def _send(self, protocol, payload):
        self._write(hdlc.encode(protocol, payload, 0xFFFFFFFF if protocol == LCP else self._accm))

    def _packet(self, protocol, code, body=b"", ident=None):
        if ident is None:
            self._id = ident = (self._id + 1) & 0xFF
        self._send(protocol, struct.pack("!BBH", code, ident, 4 + len(body)) + body)

    def tick(self):
        """Retransmissions, echoes and the forwarded connections' timers."""
        if self.closed or self._silent:
            return
        self.network.tick()
        now = self._now()
        if self._echo_at is not None and now >= self._echo_at:
            self._echo_at = now + self._options["echo_s"]
            self._packet(LCP, _ECHO, self._magic)
        if now >= self._next:
            self._next = now + _RETRY_S
            self._ask()

    def _ask(self):
        """Send (again) whatever we are waiting to have confirmed."""
        if self._tries > _TRIES:
            return
        state = self.state_name()
        self._tries += 1
        if not self.lcp_mine:
            options = [(2, bytes(4)), (5, self._magic)]
            if self._auth == "pap":
                options.append((3, b"\xc0\x23"))
            elif self._auth == "chap":
                options.append((3, b"\xc2\x23\x05"))
            self._packet(LCP, _REQ, pack_options(options))
        elif state == "auth" and self._auth == "chap" and not self.refused:
            body = bytes((16,)) + self._challenge + b"modem"
            self._packet(CHAP, 1, body)
        elif state == "ipcp" and not self.ipcp_mine and not self._options.get("no_ipcp"):
            self._packet(IPCP, _REQ, pack_options([(3, ME)]))
        else:
            self._tries -= 1

    def _soon(self):
        self._next, self._tries = self._now(), 0
        self._ask()
        self._next = self._now() + _RETRY_S

    # in ------------------------------------------------------------------------------------------

    def receive(self, data):
        if self.closed or self._silent:
            return
        for protocol, payload in self._decoder.feed(data):
            self.frames += 1
            try:
                self._dispatch(protocol, payload)
            except ValueError as error:
                self._log("PPP:", error)  # dropped, as any broken packet
            if self.closed:
                return

    def _dispatch(self, protocol, payload):
        if protocol == IP:
            if self.state_name() == "up":
                self.network.receive(payload)
            return
        if len(payload) < 4:
            return
        code, ident, length = struct.unpack("!BBH", payload[:4])
        body = payload[4:length]
        if protocol == LCP:
            self._lcp(code, ident, body)
        elif protocol == PAP and self._auth == "pap":
            self._pap(code, ident, body)
        elif protocol == CHAP and self._auth == "chap":
            self._chap(code, ident, body)
        elif protocol == IPCP:
            if self.authenticated and not self._options.get("no_ipcp"):
                self._ipcp(code, ident, body)
        else:
            self._packet(LCP, _PROTO_REJ, struct.pack("!H", protocol) + payload[:200])

    def _request(self, protocol, ident, body, known, wanted):
        """Answer a Configure-Request; True when it was acknowledged."""
        try:
            options = options_of(body)
        except ValueError:
            return False
        unknown = [o for o in options if o[0] not in known]
        if unknown:
            self._packet(protocol, _REJ, pack_options(unknown), ident)
            return False
        wrong = [(kind, wanted[kind]) for kind, value in options if wanted.get(kind, value) != value]
        if wrong:
            self._packet(protocol, _NAK, pack_options(wrong), ident)
            return False
        self._packet(protocol, _ACK, body, ident)
        return True

    def _lcp(self, code, ident, body):
        if code == _REQ:
            # MRU, ACCM, magic number, protocol and address field compression; nothing else.
            if self._request(LCP, ident, body, (1, 2, 5, 7, 8), {}):
                for kind, value in options_of(body):
                    if kind == 2:
                        self._accm = struct.unpack("!I", value)[0]
                self.lcp_theirs = True
                self._open_if_ready()
        elif code == _ACK:
            self.lcp_mine = True
            self._open_if_ready()
        elif code in (_NAK, _REJ):
            if any(kind == 3 for kind, _ in options_of(body)):
                self._log("PPP: the host refuses our authentication")
                self._packet(LCP, _TERM_REQ)
                self.refused = True
            else:
                self._soon()
        elif code == _TERM_REQ:
            self._packet(LCP, _TERM_ACK, b"", ident)
            self._end("terminated by the host")
        elif code == _TERM_ACK:
            self._end("termination confirmed")
        elif code == _ECHO:
            self._packet(LCP, _ECHO_REPLY, self._magic + body[4:], ident)
        elif code not in (_CODE_REJ, _PROTO_REJ, _ECHO_REPLY, _DISCARD):
            self._packet(LCP, _CODE_REJ, body)

    def _end(self, why):
        self._log("PPP:", why)
        self.close()
        self.on_closed()

    def _open_if_ready(self):
        if self.lcp_mine and self.lcp_theirs:
            self._soon()
            if self._options.get("echo_s"):
                self._echo_at = self._now() + self._options["echo_s"]

    def _granted(self, ok, who):
        self._log("PPP:", self._auth, who, "ok" if ok else "refused")
        self.authenticated = ok
        self.refused = not ok
        if ok:
            self._soon()
        else:
            self._packet(LCP, _TERM_REQ)

    def _pap(self, code, ident, body):
        if code != 1 or not body:
            return
        user = body[1 : 1 + body[0]]
        rest = body[1 + body[0] :]
        password = rest[1 : 1 + rest[0]] if rest else b""
        ok = (user, password) == (self._user, self._password)
        self._packet(PAP, 2 if ok else 3, b"\0", ident)
        self._granted(ok, user)

    def _chap(self, code, ident, body):
        if code != 2 or not body:
            return
        value, name = body[1 : 1 + body[0]], body[1 + body[0] :]
        digest = hashlib.md5(bytes((ident,)) + self._password + self._challenge).digest()
        ok = value == digest and name == self._user
        self._packet(CHAP, 3 if ok else 4, b"welcome" if ok else b"no", ident)
        self._granted(ok, name)

    def _ipcp(self, code, ident, body):
        if code == _REQ:
            self.ipcp_theirs = self._request(IPCP, ident, body, (3, 129, 131), {3: HIM, 129: DNS, 131: DNS})
        elif code == _ACK:
            self.ipcp_mine = True
        elif code in (_NAK, _REJ):
            # It will not hear our address: ask for nothing.
            self._packet(IPCP, _REQ)
        elif code == _TERM_REQ:
            self._packet(IPCP, _TERM_ACK, b"", ident)
        if self.state_name() == "up":
            self._log("PPP: up")
