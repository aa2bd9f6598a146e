"""ASDUs: the 6-byte head (protocol reference 3) and the way to the module that knows a type's objects.

`decode(buf)` and `encode(asdu, buf, at)` are inverse to each other, bit for bit; with what only a meter sends
(tools/meter/encoding.py) the simulator and the master share one codec. What the objects of a type look like is told in
docs/architecture.md.
"""

from firmware.core import overlay
from firmware.iec102 import errors, timetag

HEAD = const(6)
_CAUSE = const(0x3F)
_NEGATIVE = const(0x40)
_TEST = const(0x80)
_SQ = const(0x80)

# Codes of errors (core/errors.py).
_NO_ROOM = const(122)
_UNKNOWN = const(123)
_WRONG_LENGTH = const(124)
_TOO_SHORT = const(125)
_NOT_ENCODED = const(127)

# Modules in this folder, four apart (the last is on no device: none asks for these types), and how many objects the
# VSQ of a request or of a single answer counts.
_SIMPLE = const(0)
_TOTALS = const(4)
_SETUP = const(8)
_INSTANT = const(12)
_EXTENSIONS = const(16)
_ONE = const(1)
_MANY = const(2)  # as many as there are
TYPES = {
    1: _SIMPLE | _MANY,
    8: _TOTALS | _MANY,
    11: _TOTALS | _MANY,
    71: _SIMPLE | _ONE,
    72: _SIMPLE | _ONE,
    100: _EXTENSIONS,
    102: _EXTENSIONS,
    103: _EXTENSIONS,
    122: _EXTENSIONS | _ONE,
    123: _EXTENSIONS | _ONE,
    129: _EXTENSIONS | _ONE,
    133: _EXTENSIONS,
    134: _EXTENSIONS | _ONE,
    135: _TOTALS | _MANY,
    136: _TOTALS | _MANY,
    139: _TOTALS | _MANY,
    140: _TOTALS | _MANY,
    141: _EXTENSIONS,
    142: _SETUP | _ONE,
    144: _EXTENSIONS,
    145: _TOTALS | _MANY,
    147: _EXTENSIONS,
    148: _EXTENSIONS | _MANY,
    150: _EXTENSIONS | _MANY,
    151: _EXTENSIONS | _MANY,
    156: _EXTENSIONS | _MANY,
    157: _EXTENSIONS | _MANY,
    162: _EXTENSIONS | _MANY,
    163: _INSTANT | _MANY,
    181: _SIMPLE | _ONE,
    182: _EXTENSIONS,
    183: _EXTENSIONS | _ONE,
    187: _EXTENSIONS,
    189: _EXTENSIONS | _ONE,
    190: _EXTENSIONS | _ONE,
}

# The modules that were wanted so far, let go with this one: to enter a group takes longer than to decode an answer.
_loaded = {}


class Asdu:
    """`type`, `cause` (1..63), `point` (0..65535), `record` (0..255), `objects` (dicts), `time` (tag or None).

    `count` is the object count of the VSQ; None means what the type wants. `sq`, `negative` and `test` are
    the bits of these names.
    """

    def __init__(self, type, cause=5, point=1, record=0, objects=(), time=None):
        self.type = type
        self.cause = cause
        self.point = point
        self.record = record
        self.objects = objects
        self.time = time
        self.count = None
        self.sq = self.negative = self.test = False

    @property
    def vsq(self):
        """The VSQ byte."""
        count = self.count
        if count is None:
            count = TYPES.get(self.type, _MANY) & 3
            if count == _MANY:
                count = len(self.objects)
        return count | (_SQ if self.sq else 0)


def _module(wanted):
    found = _loaded.get(wanted)
    if found:
        return found
    with overlay.use("session"):
        if wanted == _SIMPLE:
            from firmware.iec102 import simple as found
        elif wanted == _TOTALS:
            from firmware.iec102 import totals as found
        elif wanted == _SETUP:
            from firmware.iec102 import setup as found
        elif wanted == _INSTANT:
            from firmware.iec102 import instant as found
        else:
            from firmware.iec102 import extensions as found
    _loaded[wanted] = found
    return found


def wrong_length(type, length):
    """The error for an ASDU whose length does not fit its type."""
    return errors.AsduError(_WRONG_LENGTH, type, length)


def decode(buf):
    """Decode the whole of `buf` (bytes or memoryview); AsduError names the type and the length."""
    length = len(buf)
    if length < HEAD:
        raise errors.AsduError(_TOO_SHORT, length)
    type = buf[0]
    cause = buf[2]
    asdu = Asdu(type, cause & _CAUSE, buf[3] | buf[4] << 8, buf[5])
    asdu.count = buf[1] & 0x7F
    asdu.sq = buf[1] & _SQ != 0
    asdu.negative = cause & _NEGATIVE != 0
    asdu.test = cause & _TEST != 0
    if type not in TYPES:
        raise errors.AsduError(_UNKNOWN, type, length)
    asdu.objects, asdu.time = _module(TYPES[type] & ~3).decode(type, asdu.count, buf)
    return asdu


def encode(asdu, buf, at=0, write=None):
    """Write `asdu` to `buf[at:]`; returns its length. AsduError: the type is unknown or a value does not fit.

    `write`: does so with the objects where it is no request (tools/meter/encoding.py).
    """
    type = asdu.type
    if type not in TYPES:
        raise errors.AsduError(_UNKNOWN, type, HEAD)
    write = write or _module(_SIMPLE).encode
    try:
        buf[at] = type
        buf[at + 1] = asdu.vsq
        cause = asdu.cause | (_NEGATIVE if asdu.negative else 0) | (_TEST if asdu.test else 0)
        buf[at + 2] = cause
        buf[at + 3] = asdu.point & 0xFF
        buf[at + 4] = asdu.point >> 8
        buf[at + 5] = asdu.record
        return write(type, asdu.objects, asdu.time, buf, at + HEAD) - at
    except IndexError:
        raise errors.FrameError(_NO_ROOM, type, len(buf)) from None
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise errors.AsduError(_NOT_ENCODED, type, str(error)) from None


class Objects:
    """The objects of an answer, `size` bytes each, made by `make(data, at)` when they are looked at.

    All at once the objects of one ASDU take up to 10 KB of heap.
    """

    def __init__(self, data, size, make):
        self._data = data
        self._size = size
        self._make = make

    def __len__(self):
        return len(self._data) // self._size

    def __getitem__(self, number):
        if number < 0:
            number += len(self)
        if not 0 <= number < len(self):
            raise IndexError
        return self._make(self._data, number * self._size)


def put32(buf, at, value):
    """Write an UI32 LE; returns the position behind it."""
    if not 0 <= value <= 0xFFFFFFFF:
        raise ValueError("%d is not an unsigned 32-bit number" % value)
    for shift in (0, 8, 16, 24):
        buf[at] = value >> shift & 0xFF
        at += 1
    return at


def get32(buf, at):
    return buf[at] | buf[at + 1] << 8 | buf[at + 2] << 16 | buf[at + 3] << 24


def get_fields(fields, buf, at, item):
    """Put the fields at `buf[at:]` into the dict `item`; returns the position behind them.

    `fields`: (name, length) each; 1, 2 and 4 are numbers, 5 a time tag, "s" a text of that many bytes.
    """
    for name, length in fields:
        if length == 5:
            item[name] = timetag.decode_a(buf, at)
        elif length == 4:
            item[name] = get32(buf, at)
        elif length == 2:
            item[name] = buf[at] | buf[at + 1] << 8
        elif length == 1:
            item[name] = buf[at]
        else:
            length = int(length[1:])
            # One character a byte; padding zeros at the end are left out.
            item[name] = "".join(chr(b) for b in buf[at : at + length]).rstrip("\0")
        at += length
    return at
