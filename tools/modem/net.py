"""What the simulated network does with IP packets: DNS, NTP and ping answered here, TCP and UDP to
loopback only.

Whatever address the host speaks to, the connection goes to 127.0.0.1, same port unless `map` says
otherwise. There is no other address in this file to connect to, so nothing can leave the machine.
"""

import random
import socket
import struct
import time

from tools.modem.tcp import Flow

LOOPBACK = "127.0.0.1"
_ICMP, _TCP, _UDP = 1, 6, 17
_RST_ACK, _SYN, _ACK_BIT, _RST = 0x14, 0x02, 0x10, 0x04


def checksum(data):
    """The Internet checksum (RFC 1071)."""
    if len(data) & 1:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Network:
    """`send(packet)` takes IP packets for the host. `sockets()` are to be watched; call
    `readable(sock)` for each that is.
    """

    def __init__(self, send, port_map, now, log):
        self._send = send
        self._map = port_map
        self.now = now
        self.log = log
        self.flows = {}
        self._udp = {}

    def port(self, number):
        return self._map.get(number, number)

    def close(self):
        for flow in list(self.flows.values()):
            flow.socket.close()
        for sock in self._udp.values():
            sock.close()
        self.flows.clear()
        self._udp.clear()

    def tick(self):
        for flow in list(self.flows.values()):
            flow.tick(self.now())

    def sockets(self):
        """(to watch for reading, to watch for writing)"""
        flows = self.flows.values()
        return (
            [f.socket for f in flows if f.wants_read()] + list(self._udp.values()),
            [f.socket for f in flows if f.wants_write()],
        )

    def ready(self, readable, writable):
        for flow in list(self.flows.values()):
            if flow.socket in writable:
                flow.writable()
            if flow.socket in readable and flow.key in self.flows:
                flow.readable()
        for key, sock in list(self._udp.items()):
            if sock in readable:
                self._udp_back(key, sock)

    # IP ------------------------------------------------------------------------------------------

    def receive(self, packet):
        if len(packet) < 20 or packet[0] >> 4 != 4:
            return
        header = (packet[0] & 15) * 4
        (total,) = struct.unpack("!H", packet[2:4])
        protocol, src, dst = packet[9], packet[12:16], packet[16:20]
        payload = packet[header:total]
        if protocol == _ICMP and payload[:1] == b"\x08":
            reply = b"\0\0\0\0" + payload[4:]
            self.ip(_ICMP, dst, src, reply[:2] + struct.pack("!H", checksum(reply)) + reply[4:])
        elif protocol == _UDP and len(payload) >= 8:
            self._udp_in(src, dst, payload)
        elif protocol == _TCP and len(payload) >= 20:
            self._tcp_in(src, dst, payload)

    def ip(self, protocol, src, dst, payload):
        head = struct.pack(
            "!BBHHHBBH4s4s",
            0x45, 0, 20 + len(payload), random.randrange(65536), 0x4000, 64, protocol, 0, src, dst,
        )  # fmt: skip
        head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
        self._send(head + payload)

    # UDP -----------------------------------------------------------------------------------------

    def udp(self, src, src_port, dst, dst_port, data):
        segment = struct.pack("!HHHH", src_port, dst_port, 8 + len(data), 0) + data
        pseudo = src + dst + struct.pack("!BBH", 0, _UDP, len(segment))
        value = checksum(pseudo + segment) or 0xFFFF
        self.ip(_UDP, src, dst, segment[:6] + struct.pack("!H", value) + segment[8:])

    def _udp_in(self, src, dst, payload):
        src_port, dst_port = struct.unpack("!HH", payload[:4])
        data = payload[8:]
        if dst_port == 53 and 53 not in self._map:
            answer = dns_answer(data)
        elif dst_port == 123 and 123 not in self._map:
            answer = ntp_answer(data, time.time())
        else:
            self._udp_out((src, src_port, dst, dst_port), data)
            return
        if answer:
            self.udp(dst, dst_port, src, src_port, answer)

    def _udp_out(self, key, data):
        sock = self._udp.get(key)
        if sock is None:
            if len(self._udp) >= 32:
                self._udp.pop(next(iter(self._udp))).close()
            sock = self._udp[key] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.setblocking(False)
            sock.connect((LOOPBACK, self.port(key[3])))
        try:
            sock.send(data)
        except OSError:
            self.log("UDP", key[3], "nobody there")

    def _udp_back(self, key, sock):
        src, src_port, dst, dst_port = key
        try:
            data = sock.recv(2048)
        except OSError:
            return
        self.udp(dst, dst_port, src, src_port, data)

    # TCP -----------------------------------------------------------------------------------------

    def tcp(self, key, seq, ack, flags, data=b"", window=8192, options=b""):
        """A segment towards the host on the connection `key` (host address, host port, remote
        address, remote port).
        """
        src, src_port, dst, dst_port = key
        segment = struct.pack(
            "!HHIIBBHHH",
            dst_port, src_port, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF,
            (20 + len(options)) // 4 << 4, flags, window, 0, 0,
        )  # fmt: skip
        segment += options + data
        value = checksum(dst + src + struct.pack("!BBH", 0, _TCP, len(segment)) + segment)
        self.ip(_TCP, dst, src, segment[:16] + struct.pack("!H", value) + segment[18:])

    def _tcp_in(self, src, dst, payload):
        src_port, dst_port, seq, ack, offset, flags, window = struct.unpack("!HHIIBBH", payload[:16])
        header = (offset >> 4) * 4
        options, data = payload[20:header], payload[header:]
        key = (src, src_port, dst, dst_port)
        flow = self.flows.get(key)
        if flow:
            flow.segment(seq, ack, flags, window, data)
        elif flags & _SYN and not flags & _ACK_BIT:
            self.flows[key] = Flow(self, key, seq, window, options, (LOOPBACK, self.port(dst_port)))
        elif not flags & _RST:
            self.tcp(key, ack, seq + len(data) + (1 if flags & 3 else 0), _RST_ACK)


def dns_answer(query):
    """Every name is 10.0.2.2 (which leads to loopback like every address); other record types have
    no answer.
    """
    if len(query) < 17:
        return None
    at = 12
    while at < len(query) and query[at]:
        at += query[at] + 1
    question, kind = query[12 : at + 5], query[at + 1 : at + 3]
    if len(kind) < 2:
        return None
    answer = b""
    if kind == b"\0\1":
        answer = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x0a\0\2\2"
    counts = struct.pack("!HHHH", 1, 1 if answer else 0, 0, 0)
    return query[:2] + b"\x81\x80" + counts + question + answer


def ntp_answer(query, utc):
    """A stratum 1 answer (RFC 5905) with the host's clock."""
    if len(query) < 48:
        return None
    utc += 2208988800
    stamp = struct.pack("!II", int(utc), int(utc % 1 * 2**32))
    return struct.pack("!BBbb", 0x24, 1, 6, -20) + bytes(8) + b"LOCL" + stamp + query[40:48] + stamp + stamp
