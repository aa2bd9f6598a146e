"""One TCP connection of the host, ended here and continued by a socket on loopback (RFC 9293, only
what that takes).

Segments out of order are dropped (the host sends them again); there is no congestion control: the
window and the line are small.
"""

import random
import socket
import struct

_FIN, _SYN, _RST, _PSH, _ACK = 1, 2, 4, 8, 16
_MOD = 0xFFFFFFFF
_RTO_S = 3.0
_BUFFER = 16384


class Flow:
    def __init__(self, network, key, seq, window, options, address):
        self.network = network
        self.key = key
        self.rcv = (seq + 1) & _MOD
        self.window = window
        self.mss = min(_mss(options), 1400)
        self.una = random.randrange(1 << 32)  # oldest byte the host has not confirmed
        self.isn = self.una
        self.out = bytearray()  # for the host: the first `sent` bytes are under way
        self.sent = 0
        self.inbox = bytearray()  # from the host, for the socket
        self.connected = self.established = False
        self.fin_from_host = self.eof = self.fin_sent = self.fin_acked = self.shut = False
        self.rto, self.rto_at = _RTO_S, None
        self.socket = socket.socket()
        self.socket.setblocking(False)
        try:
            self.socket.connect(address)
        except BlockingIOError:
            pass
        except OSError:
            self.drop()

    # the socket's side ---------------------------------------------------------------------------

    def wants_read(self):
        return self.connected and not self.eof and len(self.out) < _BUFFER

    def wants_write(self):
        return not self.connected or bool(self.inbox)

    def writable(self):
        if not self.connected:
            error = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error:
                self.network.log("TCP", self.key[3], "refused")
                self.network.tcp(self.key, 0, self.rcv, _RST | _ACK, window=0)
                self.network.flows.pop(self.key, None)
                self.socket.close()
                return
            self.connected = True
            self.network.log("TCP open", self.key[3])
            self._syn_ack()
            return
        try:
            done = self.socket.send(self.inbox)
        except BlockingIOError:
            return
        except OSError:
            self.drop()
            return
        was_full = len(self.inbox) >= _BUFFER - self.mss
        del self.inbox[:done]
        if was_full:
            self._ack()  # the window has opened
        self._shut_if_done()

    def readable(self):
        try:
            data = self.socket.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            self.drop()
            return
        if data:
            self.out += data
        else:
            self.eof = True
        self._push()

    def _shut_if_done(self):
        if self.fin_from_host and not self.inbox and not self.shut and self.connected:
            self.shut = True
            try:
                self.socket.shutdown(socket.SHUT_WR)
            except OSError:
                self.drop()

    # the host's side -----------------------------------------------------------------------------

    def _syn_ack(self):
        self.network.tcp(self.key, self.isn, self.rcv, _SYN | _ACK, options=struct.pack("!BBH", 2, 4, 1400))
        self.rto_at = self.network.now() + self.rto

    def _free(self):
        return max(0, min(8192, _BUFFER - len(self.inbox)))

    def _ack(self):
        seq = self.una + self.sent + (1 if self.fin_sent else 0)
        self.network.tcp(self.key, seq, self.rcv, _ACK, window=self._free())

    def segment(self, seq, ack, flags, window, data):
        if flags & _RST:
            self.drop(reset=False)
            return
        if flags & _SYN:
            if self.connected and not self.established:
                self._syn_ack()
            return
        self.window = window
        if flags & _ACK:
            self._acked(ack)
        answer = bool(data) or bool(flags & _FIN)
        known = (self.rcv - seq) & _MOD
        if 0 < known <= len(data):
            # Sent again, perhaps with more behind it: lwIP fills a segment up while it waits (RFC 9293 3.10.7.4).
            data, seq = data[known:], self.rcv
        if answer and seq == self.rcv:
            self._take(data, flags)
        if self.key not in self.network.flows:
            return
        if answer:
            self._ack()
        self._push()
        if self.fin_from_host and self.fin_acked:
            self.drop(reset=False)

    def _acked(self, ack):
        if not self.established:
            if ack == (self.isn + 1) & _MOD:
                self.established, self.una, self.rto_at = True, ack, None
            return
        advance = (ack - self.una) & _MOD
        if not 0 < advance <= self.sent + (1 if self.fin_sent else 0):
            return
        if advance > self.sent:
            self.fin_acked = True
        count = min(advance, self.sent)
        del self.out[:count]
        self.sent -= count
        self.una = (self.una + count) & _MOD
        self.rto = _RTO_S
        waiting = self.sent or (self.fin_sent and not self.fin_acked)
        self.rto_at = self.network.now() + self.rto if waiting else None

    def _take(self, data, flags):
        """Data in order; what does not fit is not confirmed and comes again."""
        room = _BUFFER - len(self.inbox)
        self.inbox += data[:room]
        self.rcv = (self.rcv + len(data[:room])) & _MOD
        if flags & _FIN and len(data) <= room and not self.fin_from_host:
            self.rcv = (self.rcv + 1) & _MOD
            self.fin_from_host = True
        if self.inbox:
            self.writable()
        self._shut_if_done()

    def _push(self):
        if not self.established:
            return
        while True:
            count = min(len(self.out) - self.sent, self.mss, self.window - self.sent)
            if count <= 0:
                break
            self._data(self.sent, count)
            self.sent += count
        if self.eof and not self.fin_sent and self.sent == len(self.out):
            self.fin_sent = True
            self.network.tcp(self.key, self.una + self.sent, self.rcv, _FIN | _ACK)
        if self.rto_at is None and (self.sent or self.fin_sent and not self.fin_acked):
            self.rto_at = self.network.now() + self.rto

    def _data(self, at, count):
        data = bytes(self.out[at : at + count])
        self.network.tcp(self.key, self.una + at, self.rcv, _PSH | _ACK, data, self._free())

    def tick(self, now):
        if self.rto_at is None or now < self.rto_at:
            return
        self.rto = min(self.rto * 2, 60)
        self.rto_at = now + self.rto
        if not self.established:
            self._syn_ack()
        elif self.sent:
            self._data(0, min(self.sent, self.mss))
        elif self.fin_sent:
            self.network.tcp(self.key, self.una, self.rcv, _FIN | _ACK)

    def drop(self, reset=True):
        if self.network.flows.pop(self.key, None) and reset:
            self.network.tcp(self.key, self.una + self.sent, self.rcv, _RST | _ACK, window=0)
        self.socket.close()


def _mss(options):
    while options and options[0]:
        if options[0] == 1:
            options = options[1:]
            continue
        if len(options) < 2 or options[1] < 2:
            break
        if options[0] == 2 and len(options) >= 4:
            return struct.unpack("!H", options[2:4])[0]
        options = options[options[1] :]
    return 536
