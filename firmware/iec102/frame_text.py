"""Frames as text: hex with what it means beside it, and no password in it. Loaded while frames are traced.

`lines(data, opening)` is what firmware/meters/frame_trace.py and tools.doctor show; tools.decode has the words of a
frame from here. A password stands in the ASDU 183, its echo and its confirmation (protocol reference 6.1), and in the
parameters 129 (6.6): its four bytes and the checksum, which would tell their sum, are shown as **. What is no good
frame is not shown at all while such a frame may be it.
"""

from binascii import hexlify

from firmware.core import errors

_FIXED = const(0x10)
_VARIABLE = const(0x68)
_END = const(0x16)
_SESSION = const(183)
_PARAMETERS = const(129)  # have the password behind link address, number of points and point
# Where the body of the ASDU begins in a variable frame.
_BODY = const(13)

_TO_METER = const(
    b"0 reset of the link;1 reset of the user process;3 data;9 request link status;10 poll class 1;11 poll;"
)
_TO_MASTER = const(b"0 ACK;1 NACK;8 data;9 no data yet;11 link status;")
_CAUSES = const(
    b"3 spontaneous;4 initialised;5 request;6 activation;7 confirmation;8 deactivation;9 deactivation confirmed;"
    b"10 end of data;"
)
_TYPES = const(
    b"1 events;8 totals;11 increments;71 identity;72 clock;100 identity?;102 events?;103 clock?;122 totals?;"
    b"123 increments?;129 parameters;133 tariff now?;134 closings?;135 tariff now;136 closings;"
    b"139 blocks of totals;140 blocks of increments;141 configuration?;142 configuration;144 powers?;"
    b"145 powers;147 holidays?;148 holidays;162 instantaneous values?;163 instantaneous values;181 set clock;"
    b"182 parameters?;183 password;187 end of session;189 blocks of totals?;190 blocks of increments?;"
)


def _find(table, number):
    """The words behind `number` in a table, or "" where there are none."""
    mark = b";%d " % number
    whole = b";" + table
    at = whole.find(mark)
    if at < 0:
        return ""
    at += len(mark)
    return whole[at : whole.find(b";", at)].decode()


def function_of(control):
    """What a control byte asks for or answers."""
    function = control & 15
    return _find(_TO_METER if control & 0x40 else _TO_MASTER, function) or "function %d" % function


def cause_of(cause):
    """A cause of transmission."""
    if 12 < cause < 19:
        return errors.text((100 + cause,))
    return _find(_CAUSES, cause) or "cause %d" % cause


def _length(data, at):
    """Length of the good frame that begins at `at`, or 0."""
    left = len(data) - at
    if left >= 6 and data[at] == _FIXED:
        total, first = 6, at + 1
    elif left >= 15 and data[at] == _VARIABLE and data[at + 1] == data[at + 2] and data[at + 3] == _VARIABLE:
        total, first = data[at + 1] + 6, at + 4
    else:
        return 0
    if left < total or total < 6 or data[at + total - 1] != _END:
        return 0
    last = at + total - 2
    return total if sum(memoryview(data)[first:last]) & 0xFF == data[last] else 0


def lines(data, opening=False):
    """Yield a text for each good frame in the bytes `data` and for what is between them.

    `opening`: a session is being opened, so that spoilt bytes may be a password.
    """
    at = start = 0
    while at < len(data):
        total = _length(data, at)
        if not total:
            at += 1
            continue
        if at > start:
            yield _spoilt(data[start:at], opening)
        yield describe(data[at : at + total])
        at = start = at + total
    if at > start:
        yield _spoilt(data[start:], opening)


def _spoilt(data, opening):
    if opening:
        return "%d bytes, no good frame (not shown: a password may be in them)" % len(data)
    return "%s | no good frame" % hexlify(data).decode()


def describe(frame):
    """Hex and meaning of one good frame (bytes)."""
    text = hexlify(frame).decode()
    fixed = frame[0] == _FIXED
    control = frame[1 if fixed else 4]
    link = frame[2] | frame[3] << 8 if fixed else frame[5] | frame[6] << 8
    words = "link %d: %s" % (link, function_of(control))
    if control & 0x10:
        # To the meter bit 4 says that the frame count bit counts; to us that the meter takes no more data.
        words += ", FCB %d" % (control >> 5 & 1) if control & 0x40 else ", DFC"
    if fixed:
        return text + " | " + words
    kind = frame[7]
    if kind == _SESSION:
        text = _masked(text, _BODY, len(frame) - 2)
    elif kind == _PARAMETERS and len(frame) > _BODY + 11:
        text = _masked(text, _BODY + 5, _BODY + 9)
    cause = frame[9] & 0x3F
    return "%s | %s, %s (type %d), cause %d %s%s, point %d, record %d" % (
        text,
        words,
        _find(_TYPES, kind) or "unknown",
        kind,
        cause,
        cause_of(cause),
        ", negative" if frame[9] & 0x40 else "",
        frame[10] | frame[11] << 8,
        frame[12],
    )


def _masked(text, first, last):
    """`text` without the bytes from `first` to before `last`, and without the checksum."""
    return text[: 2 * first] + "**" * (last - first) + text[2 * last : -4] + "**" + text[-2:]
