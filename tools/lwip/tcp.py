"""A TCP connection of lwIP 2 with MicroPython's figures (extmod/lwip-include/lwipopts_common.h), the active side only.

Nothing waits longer than it has to: what the windows allow goes out in one burst. Segments out of order are dropped,
the other end sends them again.
"""

import random
import struct

from tools.lwip import errors

MSS, SND_BUF, WINDOW = 800, 6400, 6400
# MEM_SIZE is for everything that is copied into lwIP; each piece costs its headers (14 + 20 + 20), struct pbuf and the
# heap's own words (src/core/mem.c).
MEM_SIZE, OVERHEAD = 8000, 54 + 16 + 8
# PPP takes as much of it for each frame it puts out, and gives that back (src/netif/ppp/pppos.c, PBUF_POOL_BUFSIZE).
FRAME = 856 + 16 + 8
SEGMENTS = 32  # MEMP_NUM_TCP_SEG, and TCP_SND_QUEUELEN
_FIN, _SYN, _RST, _PSH, _ACK = 1, 2, 4, 8, 16
_MOD = 0xFFFFFFFF
_FAST_S, _SLOW_S, _RTO_S, _RTO_LEAST_S, _CLOSE_S = 0.25, 0.5, 3.0, 1.0, 10.0
_BACKOFF = (1, 2, 3, 4, 5, 6, 7, 7, 7, 7, 7, 7, 7)
_SYN_TRIES, _TRIES = 6, 12
NEW, CONNECTING, CONNECTED, PEER_CLOSED, PEER_RESET = 0, 2, 3, 5, 6


def _behind(difference):
    """Whether a sequence number is not before another one, by their difference."""
    return difference & _MOD < 1 << 31


class Segment:
    def __init__(self, seq, data, room):
        self.seq = seq
        self.data = bytearray(data)
        self.room = room  # bytes that may yet be added to its buffer
        self.memory = len(data) + room + OVERHEAD


class Tcp:
    """`stack.segment(pcb, …)` puts a segment out and answers False for ERR_IF; `state` below 0 is an error of lwIP."""

    def __init__(self, stack, port):
        self._stack = stack
        self.port, self.peer = port, None
        self.state = NEW
        self.no_delay = False
        self.closing = None  # when its socket was closed
        self.inbox = bytearray()
        self._una = self._nxt = self._end = random.randrange(1 << 32)  # acknowledged, sent, written up to
        self._unsent, self._unacked = [], []
        self._window, self._cwnd, self._mss = 0, MSS, MSS
        self._rcv = 0
        self._fin = self._fin_sent = False
        self._ack_at = self._rexmit_at = None
        self._slow_at = stack.now()
        self._rto, self._deviation, self._smooth, self._tries = _RTO_S, 0, None, 0
        self._timed = None  # (sequence number, when it was sent)

    def memory(self):
        return sum(segment.memory for segment in self._unsent + self._unacked)

    def room(self):
        """tcp_sndbuf()."""
        return SND_BUF - sum(len(segment.data) for segment in self._unsent + self._unacked)

    def idle(self):
        return not self._unsent and not self._unacked

    # the socket's side ------------------------------------------------------------------------------

    def connect(self, peer):
        """An error of lwIP, or 0."""
        self.peer = peer
        self.state = CONNECTING
        self._end = self._nxt = (self._una + 1) & _MOD
        code = self._segment(self._una, _SYN, options=struct.pack("!BBH", 2, 4, MSS))
        if code == errors.RTE:
            self.state = NEW
            return code
        self._rexmit_at = self._stack.now() + self._rto
        return errors.OK

    def write(self, data):
        """tcp_write(): all of it or errors.MEM. `data` is no longer than room()."""
        at, fresh = 0, []
        last = self._unsent[-1] if self._unsent else None
        fits = min(last.room, len(data)) if last else 0
        at = fits
        segments = len(self._unsent) + len(self._unacked)
        memory = self._stack.memory()
        while at < len(data):
            piece = data[at : at + self._mss]
            # With Nagle's algorithm a buffer is made as long as a segment, so that more may be added
            # (tcp_pbuf_prealloc).
            grows = not self.no_delay and (fresh or segments)
            segment = Segment(self._end + at, piece, self._mss - len(piece) if grows else 0)
            memory += segment.memory
            if segments + len(fresh) >= SEGMENTS or memory > MEM_SIZE:
                return errors.MEM
            fresh.append(segment)
            at += len(piece)
        if fits:
            last.data += data[:fits]
            last.room -= fits
        self._unsent += fresh
        self._end = (self._end + len(data)) & _MOD
        for segment in fresh:
            segment.seq &= _MOD
        return errors.OK

    def output_nagle(self):
        """tcp_output_nagle(): now, or when what is under way is confirmed."""
        held = self._unacked and not self.no_delay and len(self._unsent) < 2
        if held and len(self._unsent[0].data) < self._mss and self.room():
            return errors.OK
        return self.output()

    def output(self):
        """Send all that the windows allow; an error of lwIP, or 0."""
        window = min(self._window, self._cwnd)
        while self._unsent:
            segment = self._unsent[0]
            if ((segment.seq - self._una) & _MOD) + len(segment.data) > window:
                if not self._unacked and self._rexmit_at is None:
                    self._rexmit_at = self._stack.now() + self._rto  # asks a closed window again
                break
            code = self._segment(segment.seq, _ACK | _PSH, segment.data)
            if code:
                return code
            self._unacked.append(self._unsent.pop(0))
            self._nxt = max(self._nxt, segment.seq + len(segment.data))
            if self._timed is None and not self._tries:
                self._timed = (segment.seq, self._stack.now())
            if self._rexmit_at is None:
                self._rexmit_at = self._stack.now() + self._rto
        if self._fin and not self._unsent and not self._fin_sent:
            self._fin_sent = True
            self._end = (self._end + 1) & _MOD
            self._rexmit_at = self._rexmit_at or self._stack.now() + self._rto
            return self._segment((self._end - 1) & _MOD, _FIN | _ACK)
        return errors.OK

    def read(self, count):
        data = bytes(self.inbox[:count])
        full = len(self.inbox) > WINDOW // 2
        del self.inbox[:count]
        if full and len(self.inbox) <= WINDOW // 2 and self.state == CONNECTED:
            self._acknowledge()
        return data

    def close(self):
        """The socket is gone: FIN behind what waits, RST when something was not read, or not in ten seconds."""
        self.closing = self._stack.now()
        if self.state not in (CONNECTED, PEER_CLOSED):
            self._stack.gone(self)
        elif self.inbox:
            self._segment(self._nxt, _RST | _ACK)
            self._stack.gone(self)
        else:
            self._fin = True
            self.output()

    def abort(self, code=errors.ABRT):
        """Ends at once; who has the socket reads `code`."""
        self.state = code
        self._unsent, self._unacked = [], []
        self._stack.gone(self)

    # the network's side -----------------------------------------------------------------------------

    def _segment(self, seq, flags, data=b"", options=b""):
        self._ack_at = None
        window = max(0, WINDOW - len(self.inbox))
        ack = self._rcv if flags & _ACK else 0
        return self._stack.segment(self, seq & _MOD, ack, flags, window, bytes(data), options)

    def _acknowledge(self):
        self._segment(self._nxt, _ACK)

    def segment(self, seq, ack, flags, window, data, mss):
        if flags & _RST:
            self.abort(errors.RST)
            return
        self._window = window
        if self.state == CONNECTING:
            if flags & _SYN and flags & _ACK and ack == self._end:
                self.state = CONNECTED
                self._una, self._rcv = ack, (seq + 1) & _MOD
                self._mss = min(MSS, mss)
                self._cwnd = min(4 * self._mss, max(2 * self._mss, 4380))
                self._rexmit_at, self._tries = None, 0
                self._acknowledge()
                self.output()
            return
        if flags & _ACK:
            self._acked(ack)
        if data or flags & _FIN:
            self._took(seq, flags, data)
        if self.state >= CONNECTED:
            self.output()
            ended = self.closing is not None and self.idle() and self._fin_sent and self._una == self._end
            if ended and self.state == PEER_CLOSED:  # else this is FIN-WAIT-2
                self._stack.gone(self)

    def _acked(self, ack):
        advance = (ack - self._una) & _MOD
        if not 0 < advance <= (self._end - self._una) & _MOD:
            return
        self._una = ack
        for queue in (self._unacked, self._unsent):  # after a time-out all waits to be sent again
            while queue and _behind(ack - queue[0].seq - len(queue[0].data)):
                queue.pop(0)
        self._nxt = self._end if not self._unsent else self._unsent[0].seq
        self._cwnd = min(self._cwnd + min(advance, self._mss), 0xFFFF)
        if self._timed and _behind(ack - self._timed[0] - 1):
            self._measure(self._stack.now() - self._timed[1])
            self._timed = None
        self._tries = 0
        waiting = self._unacked or (self._fin_sent and self._una != self._end)
        self._rexmit_at = self._stack.now() + self._rto if waiting else None

    def _measure(self, seconds):
        if self._smooth is None:
            self._smooth, self._deviation = seconds, seconds / 2
        self._deviation += (abs(seconds - self._smooth) - self._deviation) / 4
        self._smooth += (seconds - self._smooth) / 8
        self._rto = max(self._smooth + 4 * self._deviation, _RTO_LEAST_S)

    def _took(self, seq, flags, data):
        if seq != self._rcv or len(self.inbox) + len(data) > WINDOW:
            self._acknowledge()
            return
        if self.closing is None:
            self.inbox += data
        self._rcv = (self._rcv + len(data) + (1 if flags & _FIN else 0)) & _MOD
        if flags & _FIN:
            self.state = PEER_CLOSED
        if self._ack_at is not None or flags & _FIN:
            self._acknowledge()
        else:
            self._ack_at = self._stack.now() + _FAST_S

    def tick(self):
        now = self._stack.now()
        if self._ack_at is not None and now >= self._ack_at:
            self._acknowledge()
        if self.closing is not None and now - self.closing > _CLOSE_S:
            self._segment(self._nxt, _RST | _ACK)
            self._stack.gone(self)
            return
        if now >= self._slow_at:
            self._slow_at = now + _SLOW_S
            self.output()  # what had no memory for its frame (tcp_slowtmr)
        if self._rexmit_at is None or now < self._rexmit_at:
            return
        if self._tries >= (_SYN_TRIES if self.state == CONNECTING else _TRIES):
            self.abort()
            return
        self._rexmit_at = now + self._rto * (1 << _BACKOFF[self._tries])
        self._tries += 1
        self._timed = None
        if self.state == CONNECTING:
            self._segment(self._una, _SYN, options=struct.pack("!BBH", 2, 4, MSS))
            return
        if not self._unacked and self._unsent:
            self._segment((self._una - 1) & _MOD, _ACK)  # is the window still closed?
        self._unsent[:0], self._unacked = self._unacked, []
        self._cwnd = self._mss
        if not self._unsent and self._fin_sent:
            self._segment((self._end - 1) & _MOD, _FIN | _ACK)
        self.output()
