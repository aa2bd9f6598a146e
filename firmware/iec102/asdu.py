"""ASDUs: the 6-byte head (protocol reference 3) and the way to the module that knows a type's objects.

`decode(buf)` and `encode(asdu, buf, at)` are inverse to each other, bit for bit, so that the simulator and the master
share one codec. What the objects of a type look like is told in docs/architecture.md.
"""

from firmware.iec102.errors import AsduError, FrameError
from firmware.port import const

HEAD = 6
_CAUSE = const(0x3F)
_NEGATIVE = const(0x40)
_TEST = const(0x80)
_SQ = const(0x80)

# Type -> (module in this folder, VSQ count of a request or of a single answer; None: number of objects).
_TYPES = {
    1: ("events", None),
    8: ("totals", None),
    11: ("totals", None),
    71: ("simple", 1),
    72: ("simple", 1),
    100: ("simple", 0),
    102: ("simple", 0),
    103: ("simple", 0),
    122: ("simple", 1),
    123: ("simple", 1),
    129: ("setup", 1),
    133: ("simple", 0),
    134: ("simple", 1),
    135: ("tariff", None),
    136: ("tariff", None),
    139: ("totals", None),
    140: ("totals", None),
    141: ("simple", 0),
    142: ("setup", 1),
    144: ("simple", 0),
    145: ("tariff", None),
    147: ("simple", 0),
    148: ("tariff", None),
    150: ("simple", None),
    151: ("setup", None),
    156: ("simple", None),
    157: ("setup", None),
    162: ("simple", None),
    163: ("instant", None),
    181: ("simple", 1),
    182: ("simple", 0),
    183: ("simple", 1),
    187: ("simple", 0),
    189: ("simple", 1),
    190: ("simple", 1),
}


class Asdu:
    """`type`, `cause` (1..63), `point` (0..65535), `record` (0..255), `objects` (list of dict), `time` (tag or None).

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
            count = _TYPES[self.type][1] if self.type in _TYPES else None
        if count is None:
            count = len(self.objects)
        return count | (_SQ if self.sq else 0)


def known_types():
    return sorted(_TYPES)


def _module(type, length):
    if type not in _TYPES:
        raise AsduError("ASDU type %d is unknown (%d bytes)" % (type, length))
    name = "firmware.iec102." + _TYPES[type][0]
    return __import__(name, None, None, ("decode", "encode"))


def wrong_length(type, length):
    """The error for an ASDU whose length does not fit its type."""
    return AsduError("ASDU type %d: a length of %d bytes does not fit" % (type, length))


def decode(buf):
    """Decode the whole of `buf` (bytes or memoryview); AsduError names the type and the length."""
    length = len(buf)
    if length < HEAD:
        raise AsduError("%d bytes are no ASDU: the head alone has 6" % length)
    type = buf[0]
    cause = buf[2]
    asdu = Asdu(type, cause & _CAUSE, buf[3] | buf[4] << 8, buf[5])
    asdu.count = buf[1] & 0x7F
    asdu.sq = buf[1] & _SQ != 0
    asdu.negative = cause & _NEGATIVE != 0
    asdu.test = cause & _TEST != 0
    asdu.objects, asdu.time = _module(type, length).decode(type, asdu.count, buf)
    return asdu


def encode(asdu, buf, at=0):
    """Write `asdu` to `buf[at:]`; returns its length. AsduError: the type is unknown or a value does not fit."""
    type = asdu.type
    module = _module(type, HEAD)
    try:
        buf[at] = type
        buf[at + 1] = asdu.vsq
        cause = asdu.cause | (_NEGATIVE if asdu.negative else 0) | (_TEST if asdu.test else 0)
        buf[at + 2] = cause
        buf[at + 3] = asdu.point & 0xFF
        buf[at + 4] = asdu.point >> 8
        buf[at + 5] = asdu.record
        return module.encode(type, asdu.objects, asdu.time, buf, at + HEAD) - at
    except IndexError:
        raise FrameError(
            "ASDU type %d does not fit the buffer of %d bytes" % (type, len(buf))
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise AsduError("ASDU type %d can't be encoded: %s" % (type, error)) from None


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
