"""The modem's side of CMUX (3GPP TS 27.010, basic option): it answers, the host asks.

Written apart from firmware/net/modem/cmux.py on purpose: each is the other's check.
"""

_FLAG, _EA, _CR, _PF = 0xF9, 0x01, 0x02, 0x10
_SABM, _UA, _DM, _DISC, _UIH, _UI = 0x2F, 0x63, 0x0F, 0x43, 0xEF, 0x03
_PN, _CLD, _PSC, _TEST, _MSC, _NSC, _FCON, _FCOFF = (
    0x80, 0xC0, 0x40, 0x20, 0xE0, 0x10, 0xA0, 0x60,
)  # fmt: skip


def _crc(data):
    value = 0xFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ 0xE0 if value & 1 else value >> 1
    return value


def frame(dlci, control, info=b"", command=False):
    """One frame as the modem (the responder) sends it; `command` sets the C/R bit's meaning
    (5.2.1.2).
    """
    # A responder's commands carry C/R 0, its responses C/R 1.
    head = bytes((dlci << 2 | (0 if command else _CR) | _EA, control))
    head += bytes((len(info) << 1 | _EA,)) if len(info) < 128 else bytes((len(info) << 1 & 0xFE, len(info) >> 7))
    covered = head if control & ~_PF == _UIH else head + info
    return bytes((_FLAG,)) + head + info + bytes((0xFF - _crc(covered), _FLAG))


class Mux:
    """Channels over the modem's UART. Channel 0 is the control channel; each other one is a
    Terminal.
    """

    def __init__(self, modem, n1):
        self.modem = modem
        self.n1 = n1
        self._in = bytearray()
        self.channels = {}
        self.stopped = False  # the host asked for silence on all channels (FCoff)
        self._halted = {}  # dlci -> bytes kept back while the host's FC bit is set
        self.bad = 0

    def terminals(self):
        return [self.channels[d] for d in sorted(self.channels) if d]

    def close(self):
        for terminal in self.terminals():
            terminal.hang_up()
        self.channels.clear()

    def receive(self, data):
        self._in += data
        while self.modem.mux is self and self._next():
            pass

    def _next(self):
        """Take one frame off the input; False when there is none."""
        buf = self._in
        start = buf.find(_FLAG)
        if start < 0:
            buf.clear()
            return False
        del buf[:start]
        while len(buf) > 1 and buf[1] == _FLAG:
            del buf[:1]
        if len(buf) < 6:
            return False
        length, at = buf[3] >> 1, 4
        if not buf[3] & _EA:
            length, at = length | buf[4] << 7, 5
        end = at + length
        if length > 1600:
            del buf[:1]
            return True
        if len(buf) < end + 2:
            return False
        covered = buf[1:at] if buf[2] & ~_PF == _UIH else buf[1:end]
        if buf[end + 1] != _FLAG or _crc(covered) ^ buf[end] != 0xFF:
            self.bad += 1
            del buf[:1]
            return True
        address, control, info = buf[1], buf[2], bytes(buf[at:end])
        del buf[: end + 1]
        self._frame(address >> 2, control & ~_PF, info)
        return True

    def _send(self, *args, **kwargs):
        self.modem.transmit(frame(*args, **kwargs))

    def _frame(self, dlci, kind, info):
        if kind == _SABM:
            self._open(dlci)
        elif kind == _DISC:
            self._disc(dlci)
        elif kind in (_UIH, _UI):
            if dlci not in self.channels:
                self._send(dlci, _DM | _PF)
            elif dlci == 0:
                self._control(info)
            else:
                self.channels[dlci].receive(info)

    def _open(self, dlci):
        from tools.modem.terminal import Terminal

        self._send(dlci, _UA | _PF)
        if dlci == 0:
            self.channels[0] = None
            return
        if dlci not in self.channels:
            self.channels[dlci] = Terminal(self.modem, lambda d: self.write(dlci, d), "dlc%d" % dlci)
        self._send(0, _UIH, bytes((_MSC | _CR | _EA, 5, dlci << 2 | 3, 0x0D)), command=True)

    def _disc(self, dlci):
        terminal = self.channels.pop(dlci, None)
        self._send(dlci, _UA | _PF)
        if terminal:
            terminal.hang_up()
        if dlci == 0:
            self.modem.forget_mux()

    def write(self, dlci, data):
        if self.stopped or dlci in self._halted:
            self._halted.setdefault(dlci, bytearray()).extend(data)
            return
        for at in range(0, len(data), self.n1):
            self._send(dlci, _UIH, data[at : at + self.n1], command=True)

    def _control(self, info):
        if len(info) < 2:
            return
        kind, is_command = info[0] & ~(_CR | _EA), bool(info[0] & _CR)
        value = info[2 : 2 + (info[1] >> 1)]
        if not is_command:
            return
        if kind == _MSC and len(value) >= 2:
            self._flow(value[0] >> 2, bool(value[1] & 2))
        elif kind == _FCOFF:
            self.stopped = True
        elif kind == _FCON:
            self.stopped = False
        elif kind not in (_CLD, _TEST, _PN, _PSC):
            self._send(0, _UIH, bytes((_NSC | _CR | _EA, 3, info[0])), command=True)
            return
        self._send(0, _UIH, bytes((info[0] & ~_CR,)) + info[1:], command=True)
        if kind == _FCON:
            self._release()
        elif kind == _CLD:
            self.modem.forget_mux()

    def _flow(self, dlci, halt):
        if halt:
            self._halted.setdefault(dlci, bytearray())
            return
        kept = self._halted.pop(dlci, None)
        if kept:
            self.write(dlci, bytes(kept))

    def _release(self):
        for dlci in list(self._halted):
            self._flow(dlci, False)
