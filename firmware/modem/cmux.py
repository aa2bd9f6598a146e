"""CMUX: several channels on one UART, so that PPP and AT commands live side by side (3GPP TS
27.010, basic option).

The board is the initiator. `Mux.poll()` moves the bytes; a `Channel` is a stream as network.PPP
wants it. Only the header of a UIH frame is covered by its check sequence (5.2.1.6), so data costs
no more than copying.
"""

from firmware.modem.channel import Channel
from firmware.port import const, sleep_ms, take, ticks_add, ticks_diff, ticks_ms

_FLAG = const(0xF9)
_EA = const(1)
_CR = const(2)
_PF = const(0x10)
SABM, UA, DM, DISC, UIH, UI = (
    const(0x2F),
    const(0x63),
    const(0x0F),
    const(0x43),
    const(0xEF),
    const(0x03),
)
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
_TRIES = const(3)
_DATA_RING = const(1536)
_AT_RING = const(512)
# lwIP sends at once what it may, 6,400 bytes (TCP_SND_BUF) in eight segments of 800 (TCP_MSS), and takes a line that
# does not hold it for broken (ERR_IF). Each has 40 bytes of IP and TCP and 8 of PPP, which writes two bytes for some
# of them: in JSON for one of 25 or so. 400 are left for a name that is looked up, or a ping, meanwhile.
_QUEUE = const(7424)
_OUT = const(1024)
_IN = const(640)


def _crc_table():
    table = bytearray(256)
    for at in range(256):
        value = at
        for _ in range(8):
            value = value >> 1 ^ 0xE0 if value & 1 else value >> 1
        table[at] = value
    return table


class Mux:
    """The multiplexer over `uart`. `dead` is set when the modem ends it."""

    def __init__(self, uart):
        self._uart = uart
        self._table = _crc_table()
        self._in = bytearray(_IN)
        self._in_view = memoryview(self._in)
        self._out = bytearray(_OUT)
        self._out_view = memoryview(self._out)
        self._control = Channel(self, 0, 1)
        self._channels = (
            self._control,
            Channel(self, 1, _DATA_RING),
            Channel(self, 2, _AT_RING),
        )
        try:
            from micropython import RingIO

            self._channels[1].buffer = RingIO(_QUEUE)
        except ImportError:
            pass  # CPython has no interrupts
        self.bad = 0
        self.frames = 0
        self.restart(31)

    def restart(self, n1):
        """As new, with frames of up to `n1` bytes; the buffers are kept, they would not fit in
        again.
        """
        self._n1 = n1
        self._fill = 0
        self._out_from = 0
        self._out_to = 0
        self._stopped = False  # FCoff: the modem takes nothing on any channel
        self._closed = False
        self.dead = False
        for channel in self._channels:
            channel.restart()

    def channel(self, dlci):
        return self._channels[dlci]

    # opening and closing -------------------------------------------------------------------------

    async def open(self, step_ms):
        """SABM on each channel, `step_ms` for each of three tries; whether all are open."""
        for channel in self._channels:
            for _ in range(_TRIES):
                self._frame(channel.dlci, SABM | _PF)
                if await self._until(channel.settled, step_ms):
                    break
            if not channel.open:
                return False
            if channel.dlci:
                self.signal(channel)
        return True

    async def close(self, step_ms):
        """CLD and a moment for its answer; the modem takes commands on the UART again."""
        if not self.dead:
            self._closed = False
            self._message(_CLD, b"")
            await self._until(lambda: self._closed or self.dead, step_ms)
        self.dead = True

    async def _until(self, done, ms):
        end = ticks_add(ticks_ms(), ms)
        while not done():
            self.poll()
            if done():
                break
            if ticks_diff(end, ticks_ms()) <= 0:
                return False
            await sleep_ms(10)
        return True

    # out -----------------------------------------------------------------------------------------

    def room(self, channel):
        """Payload bytes that can be taken now."""
        if channel.halted or self._stopped or self.dead:
            return 0
        return max(0, _OUT - (self._out_to - self._out_from) - 16)

    def send(self, channel, buf):
        room = self.room(channel)
        total, at = len(buf), 0
        view = memoryview(buf)
        while at < total:
            size = min(self._n1, total - at)
            if size + 8 > room:
                break
            self._frame(channel.dlci, UIH, view[at : at + size])
            at += size
            room -= size + 8
        self._flush()
        return at

    def _frame(self, dlci, control, info=b""):
        """Queue one frame; the initiator's commands and data carry C/R 1 (5.2.1.2)."""
        size = len(info)
        if self._out_to + size + 8 > _OUT:
            self._compact()
            if self._out_to + size + 8 > _OUT:
                return  # only control frames get here: they are asked for again
        out, at, table = self._out, self._out_to, self._table
        response = control & ~_PF in (UA, DM)
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
        if size:
            self._out_view[at : at + size] = info
            at += size
        out[at] = 0xFF - crc
        out[at + 1] = _FLAG
        self._out_to = at + 2
        self._flush()

    def _compact(self):
        left = self._out_to - self._out_from
        self._out[:left] = self._out[self._out_from : self._out_to]
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
        self._frame(0, UIH, head + value)

    def signal(self, channel):
        """Tell the modem our V.24 signals for `channel`, with FC while its ring is nearly full
        (MSC).
        """
        signals = _SIGNALS | (_FC if channel.halting else 0)
        self._message(_MSC, bytes((channel.dlci << 2 | _CR | _EA, signals)))

    # in ------------------------------------------------------------------------------------------

    def poll(self):
        """Move what there is, out, and in as much as one look at the UART brings; whether it brought anything.

        No more, so that who reads the channels can do so before they overflow.
        """
        data = self._channels[1]
        while data.buffer and data.buffer.any():
            size = min(self.room(data) - 8, data.buffer.any(), self._n1)
            if size <= 0:
                break
            self.send(data, data.buffer.read(size))
        self._flush()
        count = 0 if self.dead else take(self._uart, self._in_view[self._fill :])
        if not count:
            return False
        self._fill += count
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
            buf[:left] = buf[at : self._fill]
        self._fill = max(left, 0)
        if self._fill == _IN:
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
        if not buf[at + 1] & _EA or size > _IN - 8:
            return -1
        total = head + size + 2
        if fill - at < total:
            return 0
        control = buf[at + 2] & ~_PF
        if control == UI:
            for index in range(at + head, at + head + size):
                crc = table[crc ^ buf[index]]
        if buf[at + total - 1] != _FLAG or table[crc ^ buf[at + total - 2]] != 0xCF:
            return -1
        self.frames += 1
        self._take(buf[at + 1] >> 2, control, self._in_view[at + head : at + head + size])
        return total

    def _take(self, dlci, control, info):
        channel = self._channels[dlci] if dlci < len(self._channels) else None
        if control in (UIH, UI):
            if channel is None:
                self._frame(dlci, DM | _PF)
            elif dlci:
                channel.took(info)
            else:
                self._told(bytes(info))
        elif control == UA and channel:
            channel.open = True
        elif control == DM and channel:
            channel.refused = True
            if channel.open:
                self.dead = True  # it knows nothing of a channel that we have open
        elif control == DISC:
            self._frame(dlci, UA | _PF)
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
            if dlci < len(self._channels):
                self._channels[dlci].halted = bool(value[1] & _FC)
        elif kind in (_FCOFF, _FCON):
            self._stopped = kind == _FCOFF
        elif kind not in (_PN, _PSC, _TEST, _CLD):
            self._message(_NSC, bytes((info[0],)), command=False)
            return
        # Everything else is answered with itself: PN accepts what is proposed (5.4.6.3.1).
        self._message(kind, value, command=False)
