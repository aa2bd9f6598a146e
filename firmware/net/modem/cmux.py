"""CMUX: several channels on one UART, so that PPP and AT commands live side by side (3GPP TS 27.010, basic option).

The board is the initiator. `Mux.poll()` moves the bytes; a `Channel` is a stream as network.PPP wants it. Only the
header of a UIH frame is covered by its check sequence (5.2.1.6), so data costs no more than copying. How a Mux
is made is prepare.py, how it begins and ends dial.py, which are loaded for that.
"""

import io

from firmware.core.compat import take

_FLAG = const(0xF9)
_EA = const(1)
_CR = const(2)
_PF = const(0x10)
_UA = const(0x63)
_DM = const(0x0F)
_DISC = const(0x43)
_UIH = const(0xEF)
_UI = const(0x03)
# Messages of the control channel (5.4.6.3), without EA and C/R.
_PN = const(0x80)
_PSC = const(0x40)
_CLD = const(0xC0)
_TEST = const(0x20)
_FCON = const(0xA0)
_FCOFF = const(0x60)
_MSC = const(0xE0)
_NSC = const(0x10)
_FC = const(2)  # MSC: "I cannot accept frames"
_SIGNALS = const(0x0D)  # EA, RTC and RTR: DTR and RTS on (5.4.6.3.7)


class Mux:
    """The multiplexer over a UART; prepare.make_mux() gives it its buffers. `dead` is set when the modem ends it.

    `channels`: control, data, commands; `bad` counts frames that were none. What is private is also for prepare.py and
    dial.py.
    """

    # out -----------------------------------------------------------------------------------------

    def room(self, channel):
        """Payload bytes that can be taken now."""
        if channel.halted or self._stopped or self.dead:
            return 0
        return max(0, len(self._out) - (self._out_to - self._out_from) - 16)

    def send(self, channel, buf):
        room = self.room(channel)
        total, at = len(buf), 0
        view = memoryview(buf)
        while at < total:
            size = min(self._n1, total - at)
            if size + 8 > room:
                break
            self._frame(channel.dlci, _UIH, view[at : at + size])
            at += size
            room -= size + 8
        self._flush()
        return at

    def _frame(self, dlci, control, info=b"", size=None):
        """Queue one frame; the initiator's commands and data carry C/R 1 (5.2.1.2). `size`: of what `info` has."""
        ring = size
        size = size or len(info)
        if self._out_to + size + 8 > len(self._out):
            self._compact()
            if self._out_to + size + 8 > len(self._out):
                return  # only control frames get here: they are asked for again
        out, at, table = self._out, self._out_to, self._table
        response = control & ~_PF in (_UA, _DM)
        address = dlci << 2 | (0 if response else _CR) | _EA
        out[at] = _FLAG
        out[at + 1] = address
        out[at + 2] = control
        crc = table[table[0xFF ^ address] ^ control]
        if size < 128:
            out[at + 3] = size << 1 | _EA
            crc = table[crc ^ out[at + 3]]
            at += 4
        else:
            out[at + 3] = size << 1 & 0xFE
            out[at + 4] = size >> 7
            crc = table[table[crc ^ out[at + 3]] ^ out[at + 4]]
            at += 5
        if ring:
            info.readinto(self._out_view[at : at + size])
        elif size:
            self._out_view[at : at + size] = info
        at += size
        out[at] = 0xFF - crc
        out[at + 1] = _FLAG
        self._out_to = at + 2
        self._flush()

    def _compact(self):
        left = self._out_to - self._out_from
        self._out_view[:left] = self._out_view[self._out_from : self._out_to]
        self._out_from, self._out_to = 0, left

    def _flush(self):
        """Give the UART what it takes; a frame is never left half said for good."""
        while self._out_from < self._out_to:
            count = self._uart.write(self._out_view[self._out_from : self._out_to])
            if not count:
                return
            self._out_from += count
        self._out_from = self._out_to = 0

    def _message(self, kind, value, command=True):
        head = bytes((kind | (_CR if command else 0) | _EA, len(value) << 1 | _EA))
        self._frame(0, _UIH, head + value)

    def signal(self, channel):
        """Tell the modem our V.24 signals for `channel`, with FC while its ring is nearly full (MSC)."""
        signals = _SIGNALS | (_FC if channel.halting else 0)
        self._message(_MSC, bytes((channel.dlci << 2 | _CR | _EA, signals)))

    # in ------------------------------------------------------------------------------------------

    def poll(self):
        """Move what there is, out, and in as much as one look at the UART brings; whether it brought anything.

        No more, so that who reads the channels can do so before they overflow.
        """
        data = self.channels[1]
        while data.buffer and data.buffer.any():
            size = min(self.room(data) - 8, data.buffer.any(), self._n1)
            if size <= 0:
                break
            self._frame(data.dlci, _UIH, data.buffer, size)
        self._flush()
        if self.dead or not self._uart.any():
            return False
        self._fill += take(self._uart, self._in_view[self._fill :])
        self._parse()
        return True

    def _parse(self):
        """Take all whole frames off the input buffer; a broken one costs its first flag."""
        buf, at = self._in, 0
        while not self.dead:
            at = buf.find(b"\xf9", at, self._fill)
            if at < 0:
                at = self._fill
                break
            while at + 1 < self._fill and buf[at + 1] == _FLAG:
                at += 1
            length = self._whole(at)
            if length == 0:
                break
            if length < 0:
                self.bad += 1
                at += 1
            else:
                # The closing flag may be the next frame's opening one.
                at += length - 1
        left = self._fill - at
        if at and left > 0:
            self._in_view[:left] = self._in_view[at : self._fill]
        self._fill = max(left, 0)
        if self._fill == len(buf):
            self._fill = 0  # a flag and much that is no frame

    def _whole(self, at):
        """Length of the frame at `at` with both flags, 0 when more is to come, -1 when it is none."""
        buf, fill, table = self._in, self._fill, self._table
        if fill - at < 6:
            return 0
        size, head = buf[at + 3] >> 1, 4
        crc = table[table[table[0xFF ^ buf[at + 1]] ^ buf[at + 2]] ^ buf[at + 3]]
        if not buf[at + 3] & _EA:
            size |= buf[at + 4] << 7
            crc = table[crc ^ buf[at + 4]]
            head = 5
        if not buf[at + 1] & _EA or size > len(buf) - 8:
            return -1
        total = head + size + 2
        if fill - at < total:
            return 0
        control = buf[at + 2] & ~_PF
        if control == _UI:
            for index in range(at + head, at + head + size):
                crc = table[crc ^ buf[index]]
        if buf[at + total - 1] != _FLAG or table[crc ^ buf[at + total - 2]] != 0xCF:
            return -1
        self._take(buf[at + 1] >> 2, control, self._in_view[at + head : at + head + size])
        return total

    def _take(self, dlci, control, info):
        channel = self.channels[dlci] if dlci < len(self.channels) else None
        if control in (_UIH, _UI):
            if channel is None:
                self._frame(dlci, _DM | _PF)
            elif dlci:
                channel.took(info)
            else:
                self._told(bytes(info))
        elif control == _UA and channel:
            channel.open = True
        elif control == _DM and channel:
            channel.refused = True
            if channel.open:
                self.dead = True  # it knows nothing of a channel that we have open
        elif control == _DISC:
            self._frame(dlci, _UA | _PF)
            self.dead = True

    def _told(self, info):
        """A message on the control channel."""
        if len(info) < 2:
            return
        kind, command, value = info[0] & 0xFC, info[0] & _CR, info[2 : 2 + (info[1] >> 1)]
        if kind == _CLD:
            self._closed = True
            if command:
                self.dead = True
        if not command:
            return
        if kind == _MSC and len(value) >= 2:
            dlci = value[0] >> 2
            if dlci < len(self.channels):
                self.channels[dlci].halted = bool(value[1] & _FC)
        elif kind in (_FCOFF, _FCON):
            self._stopped = kind == _FCOFF
        elif kind not in (_PN, _PSC, _TEST, _CLD):
            self._message(_NSC, bytes((info[0],)), command=False)
            return
        # Everything else is answered with itself: PN accepts what is proposed (5.4.6.3.1).
        self._message(kind, value, command=False)


class Channel(io.IOBase):
    """One channel of the multiplexer as a UART-like stream; nothing waits. prepare.py makes it, dial.py opens it.

    `halted`: the modem takes nothing (its FC bit), `halting`: we do not; `lost`: bytes that came although we had said
    stop.
    """

    IRQ_RXIDLE = 1
    buffer = None  # micropython.RingIO; see write()

    def any(self):
        return self._count

    def readinto(self, buf, count=-1):
        count = min(len(buf) if count < 0 else count, self._count)
        if not count:
            return None
        size, head = len(self._ring), self._head
        first = min(count, size - head)
        buf[:first] = self._view[head : head + first]
        if count > first:
            buf[first:count] = self._view[: count - first]
        self._head = (head + count) % size
        self._count -= count
        if self.halting and self._count < size // 4:
            self.halting = False
            self._mux.signal(self)
        return count

    def write(self, buf):
        """How many bytes were taken: all, some, or 0 while the line is full or the modem says stop.

        On rp2 lwIP's timers call this in an interrupt (ports/rp2/mpnetworkport.c): with a buffer between nothing is
        allocated in here, and nothing of the Mux is touched, which may be in the middle of something. What is not
        taken costs lwIP's user his connection: prepare.py says how large the buffer is.
        """
        return self.buffer.write(buf) if self.buffer else self._mux.send(self, buf)

    def ioctl(self, request, argument):
        if request != 3:
            return 0 if request == 4 else -1
        return (argument & 1 if self._count else 0) | (argument & 4 if self._mux.room(self) else 0)

    def irq(self, handler=None, trigger=0, hard=False):
        """Nothing: who reads a channel asks it. network.PPP calls this, its end with the heap locked."""

    def ends_with(self, words):
        """Whether the newest bytes that came, read or not, are `words`, or text with them in front."""
        ring, size, left = self._ring, len(self._ring), len(words)
        end = self._head + self._count
        for back in range(1, size):
            byte = ring[(end - back) % size]
            if byte == 126 or byte > 126 or byte < 32 and byte != 13 and byte != 10:
                return False  # PPP, whose packets end with 126
            left = left - 1 if byte == words[left - 1] else len(words) - (byte == words[-1])
            if not left:
                return True
        return False

    def took(self, data):
        """Bytes from the modem (called by the Mux)."""
        size = len(self._ring)
        count = min(len(data), size - self._count)
        self.lost += len(data) - count
        tail = (self._head + self._count) % size
        first = min(count, size - tail)
        self._ring[tail : tail + first] = data[:first]
        if count > first:
            self._ring[: count - first] = data[first:count]
        self._count += count
        if not self.halting and self._count > size * 3 // 4:
            self.halting = True
            self._mux.signal(self)
