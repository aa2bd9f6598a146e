"""PPP's framing on a serial line (RFC 1662): flags, escapes, the 16-bit check sequence."""

import struct

_FLAG, _ESC = 0x7E, 0x7D


def _table():
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ 0x8408 if value & 1 else value >> 1
        yield value


_FCS = tuple(_table())


def fcs(data):
    """FCS-16 before the final complement; over a frame with its FCS it is 0xF0B8."""
    value = 0xFFFF
    for byte in data:
        value = value >> 8 ^ _FCS[(value ^ byte) & 0xFF]
    return value


def encode(protocol, payload, accm=0xFFFFFFFF):
    """A frame as it goes over the wire; `accm`: a bit for each control character to escape."""
    data = b"\xff\x03" + struct.pack("!H", protocol) + payload
    data += struct.pack("<H", fcs(data) ^ 0xFFFF)
    out = bytearray((_FLAG,))
    for byte in data:
        if byte in (_FLAG, _ESC) or (byte < 32 and accm >> byte & 1):
            out += bytes((_ESC, byte ^ 0x20))
        else:
            out.append(byte)
    out.append(_FLAG)
    return bytes(out)


class Decoder:
    """Bytes in, (protocol, payload) out. Compressed address, control and protocol fields are
    accepted.
    """

    def __init__(self):
        self._frame = bytearray()
        self._escaped = False
        self.bad = 0

    def feed(self, data):
        for byte in data:
            if byte == _FLAG:
                frame, self._frame, self._escaped = self._frame, bytearray(), False
                if len(frame) >= 4:
                    yield from self._take(bytes(frame))
            elif byte == _ESC:
                self._escaped = True
            elif len(self._frame) < 4096:
                self._frame.append(byte ^ 0x20 if self._escaped else byte)
                self._escaped = False

    def _take(self, frame):
        if fcs(frame) != 0xF0B8:
            self.bad += 1
            return
        frame = frame[:-2]
        if frame[:2] == b"\xff\x03":
            frame = frame[2:]
        if frame and frame[0] & 1:
            yield frame[0], frame[1:]
        elif len(frame) >= 2:
            yield frame[0] << 8 | frame[1], frame[2:]
