"""lwIP's sockets over one PPP: TCP, UDP, names; what is called here is what a socket of MicroPython calls in C."""

import struct
import types

from tools.lwip import errors, ppp
from tools.lwip.tcp import CONNECTED as TCP_CONNECTED
from tools.lwip.tcp import CONNECTING as TCP_CONNECTING
from tools.lwip.tcp import MEM_SIZE, NEW, OVERHEAD, PEER_CLOSED, PEER_RESET, Tcp
from tools.modem.net import checksum

_TCP, _UDP = 6, 17
_FIN, _SYN, _RST, _ACK = 1, 2, 4, 16
_TCPS, _UDPS = 5, 5  # MEMP_NUM_TCP_PCB, MEMP_NUM_UDP_PCB with mDNS
_TURN_S = 0.064  # LWIP_TICK_RATE_MS of ports/rp2/mpnetworkport.c
_QUEUE = 4  # packets that a UDP socket keeps
_DNS_S, _DNS_TRIES = 1.0, 4  # lwIP's core/dns.c
_RD, _WR, _ERR, _HUP, _NVAL = 1, 4, 8, 16, 32
_FIRST_PORT = 49153


class Udp:
    def __init__(self, port):
        self.port = port
        self.inbox = []


class Stack:
    """One chip's lwIP. `out(frame)` takes a frame of PPP; False: not all of it, which is ERR_IF.

    Calls of sockets return a number: 0 or more, or -errno as MicroPython on rp2 raises it.
    """

    def __init__(self, out, now):
        self.now = now
        self.ppp = ppp.Ppp(out, now)
        self.ppp.on_ip, self.ppp.on_up = self._ip, self._link
        self._tcps, self._udps = [], []
        self._port = _FIRST_PORT
        self._up = False
        self._running = False  # rp2's soft timer
        self._due = now()
        self._asked = None  # (name, its UDP socket, when to ask again, tries left)
        self._failed = None  # the name that nobody answered for

    # timers ------------------------------------------------------------------------------------------

    def tick(self):
        """Time has passed: rp2's soft timer runs every 64 ms while an interface is up or a connection is active."""
        if self._running and self.now() >= self._due:
            self._due = self.now() + _TURN_S
            self._timers()
            self._running = self._up or bool(self._tcps)

    def hook(self):
        """lwip_poll_hook(): what waits for a socket has the timer run, once at least."""
        if not self._running:
            self._running, self._due = True, self.now() + _TURN_S

    def _timers(self):
        self.ppp.timers()
        for pcb in list(self._tcps):
            pcb.tick()
        if self._asked and self.now() >= self._asked[2]:
            self._ask()

    def memory(self):
        return sum(pcb.memory() for pcb in self._tcps)

    # the link ----------------------------------------------------------------------------------------

    def _link(self, up):
        self._up = up
        if up:
            self.hook()
            return
        for pcb in list(self._tcps):
            pcb.abort()

    def _send(self, protocol, dst, payload):
        src = self.ppp.address
        head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 1, 0, 255, protocol, 0, src, dst)
        head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
        try:
            return errors.OK if self.ppp.ip(head + payload) else errors.IF
        except ConnectionError:
            return errors.RTE

    def _ip(self, packet):
        header = (packet[0] & 15) * 4
        payload, src = packet[header : struct.unpack("!H", packet[2:4])[0]], packet[12:16]
        if packet[9] == _UDP:
            self._udp_in(src, payload)
        elif packet[9] == _TCP:
            self._tcp_in(src, payload)

    def port(self):
        self._port = self._port + 1 if self._port < 65535 else _FIRST_PORT
        return self._port

    # TCP ---------------------------------------------------------------------------------------------

    def tcp(self):
        """A control block, or None (ENOMEM)."""
        if len(self._tcps) >= _TCPS:
            closing = [pcb for pcb in self._tcps if pcb.closing is not None]
            if not closing:
                return None
            self.gone(closing[0])
        return Tcp(self, self.port())

    def gone(self, pcb):
        if pcb in self._tcps:
            self._tcps.remove(pcb)

    def segment(self, pcb, seq, ack, flags, window, data, options):
        dst, port = pcb.peer
        offset = (20 + len(options)) // 4 << 4
        segment = struct.pack("!HHIIBBHHH", pcb.port, port, seq, ack, offset, flags, window, 0, 0) + options + data
        value = checksum(self.ppp.address + dst + struct.pack("!BBH", 0, _TCP, len(segment)) + segment)
        return self._send(_TCP, dst, segment[:16] + struct.pack("!H", value) + segment[18:])

    def _tcp_in(self, src, payload):
        source, port, seq, ack, offset, flags, window = struct.unpack("!HHIIBBH", payload[:16])
        header = (offset >> 4) * 4
        mss = 536
        if header >= 24 and payload[20] == 2:
            mss = struct.unpack("!H", payload[22:24])[0]
        for pcb in list(self._tcps):
            if pcb.port == port and pcb.peer == (src, source):
                pcb.segment(seq, ack, flags, window, payload[header:], mss)
                return
        if not flags & _RST:  # tcp_input(): nobody is there
            length = len(payload) - header + (1 if flags & (_SYN | _FIN) else 0)
            nobody = types.SimpleNamespace(port=port, peer=(src, source))
            self.segment(nobody, ack, (seq + length) & 0xFFFFFFFF, _RST | _ACK, 0, b"", b"")

    def connect(self, pcb, peer):
        if pcb.state < 0:
            return -errors.EBADF  # _lwip_tcp_error() took the control block away
        if pcb.state != NEW:
            return -(errors.EISCONN if pcb.state == TCP_CONNECTED else errors.EALREADY)
        self._tcps.append(pcb)
        code = pcb.connect(peer)
        if code:
            self.gone(pcb)
            return -errors.number(code)
        self.hook()
        return 0

    def send(self, pcb, data):
        """What it took; -ENOMEM means wait 50 ms and ask again, which MicroPython does for ten seconds."""
        if pcb.state < 0:
            return -errors.number(pcb.state)
        room = pcb.room() if pcb.state in (TCP_CONNECTED, PEER_CLOSED) else 0
        if not room:
            return -errors.EAGAIN
        data = data[:room]
        if pcb.write(data):
            pcb.output()
            return -errors.ENOMEM
        code = pcb.output_nagle()
        return -errors.number(code) if code else len(data)

    def recv(self, pcb, count):
        """Bytes, or -errno."""
        if pcb.inbox:
            return pcb.read(count)
        if pcb.state < 0:
            code = errors.number(pcb.state)
            pcb.state = PEER_RESET if pcb.state == errors.RST else errors.BADF
            return -code
        if pcb.state in (PEER_CLOSED, PEER_RESET):
            return b""
        return -errors.EAGAIN

    def connected(self, pcb):
        """0 while under way, 1, or -errno."""
        if pcb.state < 0:
            return -errors.number(pcb.state)
        return int(pcb.state != TCP_CONNECTING)

    def events(self, pcb, flags):
        """lwip_socket_ioctl() for MP_STREAM_POLL."""
        if isinstance(pcb, Udp):
            return flags & (_WR | (_RD if pcb.inbox else 0))
        state, found = pcb.state, 0
        if pcb.inbox or state in (errors.RST, PEER_RESET):
            found |= flags & _RD
        if state in (NEW, TCP_CONNECTED, PEER_CLOSED) and pcb.room():
            found |= flags & _WR
        if state == NEW:
            found |= _HUP
        elif state == PEER_CLOSED:
            found |= flags & (_RD | _WR)
        elif state == errors.RST:
            found |= flags & _WR | _ERR | _HUP
        elif state == PEER_RESET:
            found |= _HUP
        elif state == errors.BADF:
            found |= _NVAL
        elif state < 0:
            found |= _ERR
        return found

    def close(self, pcb):
        if isinstance(pcb, Udp):
            self._udps.remove(pcb)
        elif pcb.state >= 0:
            pcb.close()

    # UDP and names -------------------------------------------------------------------------------------

    def udp(self):
        if len(self._udps) >= _UDPS:
            return None
        self._udps.append(Udp(self.port()))
        return self._udps[-1]

    def sendto(self, pcb, data, peer):
        if self.memory() + len(data) + OVERHEAD > MEM_SIZE:
            return -errors.ENOMEM
        dst, port = peer
        segment = struct.pack("!HHHH", pcb.port, port, 8 + len(data), 0) + data
        value = checksum(self.ppp.address + dst + struct.pack("!BBH", 0, _UDP, len(segment)) + segment) or 0xFFFF
        code = self._send(_UDP, dst, segment[:6] + struct.pack("!H", value) + segment[8:])
        return -errors.number(code) if code else len(data)

    def _udp_in(self, src, payload):
        source, port = struct.unpack("!HH", payload[:4])
        for pcb in self._udps:
            if pcb.port == port and len(pcb.inbox) < _QUEUE:
                pcb.inbox.append((payload[8:], src, source))

    def lookup(self, name):
        """dns_gethostbyname(): 4 bytes, None while it is asked for, or -lwIP's error."""
        parts = name.split(".")
        if len(parts) == 4 and all(part.isdigit() and int(part) < 256 for part in parts):
            return bytes(map(int, parts))
        if self._failed == name:
            self._failed = None
            return -2
        if self._asked and self._asked[0] != name:
            self._end_of_asking()
        if self._asked is None:
            pcb = self.udp()
            if pcb is None:
                return errors.MEM
            self._asked = (name, pcb, self.now(), _DNS_TRIES)
            self._ask()
        self.hook()
        inbox = self._asked[1].inbox
        if not inbox:
            return None
        answer = inbox[0][0]
        self._end_of_asking()
        return answer[-4:] if answer[-6:-4] == b"\0\4" else -2

    def _end_of_asking(self):
        self._udps.remove(self._asked[1])
        self._asked = None

    def _ask(self):
        name, pcb, _, tries = self._asked
        if not tries:
            self._failed = name
            self._end_of_asking()
            return
        self._asked = (name, pcb, self.now() + _DNS_S * (_DNS_TRIES - tries + 1), tries - 1)
        labels = b"".join(bytes((len(part),)) + part.encode() for part in name.split("."))
        question = struct.pack("!HHHHHH", 0x1234, 0x100, 1, 0, 0, 0) + labels + b"\0\0\1\0\1"
        self.sendto(pcb, question, (self.ppp.dns, 53))
