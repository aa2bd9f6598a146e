"""What stands in a certificate (X.509, RFC 5280) or in a private key, as DER (ITU-T X.690): as much as is wanted here.

Nothing is checked but what is looked for; whoever uses a certificate has it checked by TLS. What is no DER raises
ValueError.
"""

import hashlib
from binascii import hexlify

_INTEGER = const(0x02)
_BITS = const(0x03)
_OCTETS = const(0x04)
_SEQUENCE = const(0x30)
_UTC_TIME = const(0x17)
_VERSION = const(0xA0)
_PUBLIC = const(0xA1)  # of an elliptic key (RFC 5915, 3)
_EXTENSIONS = const(0xA3)
_COMMON_NAME = const(b"\x55\x04\x03")
_CONSTRAINTS = const(b"\x55\x1d\x13")
_DAYS = const((0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334))


def item(data, at=0):
    """(tag, start of the content, its end) of what stands at `at`. ValueError."""
    if at + 2 > len(data):
        raise ValueError("cut off")
    tag, length = data[at], data[at + 1]
    at += 2
    if length > 127:
        count = length & 127
        if not 0 < count < 4 or at + count > len(data):
            raise ValueError("a length that is none")
        length = int.from_bytes(data[at : at + count], "big")
        at += count
    if at + length > len(data):
        raise ValueError("cut off")
    return tag, at, at + length


def items(data, at, end):
    """[(tag, where it begins, start of its content, its end)] of what stands from `at` to `end`."""
    found = []
    while at < end:
        tag, start, stop = item(data, at)
        if stop > end:
            raise ValueError("longer than what it is in")
        found.append((tag, at, start, stop))
        at = stop
    return found


class Certificate:
    """`issuer`, `subject`: bytes (DER of the names); `begins`, `ends`: UTC seconds; `key`: its SubjectPublicKeyInfo
    (bytes); `authority`: whether it may sign others. ValueError."""

    def __init__(self, data):
        tag, start, end = item(data)
        if tag != _SEQUENCE or end != len(data):
            raise ValueError("no certificate")
        fields = items(data, *item(data, start)[1:])
        if fields and fields[0][0] == _VERSION:
            fields = fields[1:]
        if len(fields) < 6:
            raise ValueError("no certificate")
        self.issuer = bytes(data[fields[2][1] : fields[2][3]])
        self.subject = bytes(data[fields[4][1] : fields[4][3]])
        times = items(data, *fields[3][2:])
        self.begins, self.ends = [_time(bytes(data[t[2] : t[3]]), t[0]) for t in times]
        self.key = bytes(data[fields[5][1] : fields[5][3]])
        self.authority = False
        for tag, _, start, _end in fields[6:]:
            if tag == _EXTENSIONS:
                for extension in items(data, *item(data, start)[1:]):
                    parts = items(data, *extension[2:])
                    if bytes(data[parts[0][2] : parts[0][3]]) == _CONSTRAINTS:
                        inner = bytes(data[parts[-1][2] : parts[-1][3]])
                        # SEQUENCE { BOOLEAN TRUE, ... }
                        self.authority = inner[2:4] == b"\x01\x01"


def _time(text, tag):
    """UTC seconds of a UTCTime (YYMMDDHHMMSSZ) or a GeneralizedTime (YYYYMMDDHHMMSSZ)."""
    if tag == _UTC_TIME:
        text = (b"19" if text[:1] >= b"5" else b"20") + text
    if len(text) != 15 or not text[:14].isdigit():
        raise ValueError("a date that is none")
    year, month, day = int(text[:4]), int(text[4:6]), int(text[6:8])
    hour, minute, second = int(text[8:10]), int(text[10:12]), int(text[12:14])
    if not 0 < month < 13:
        raise ValueError("a date that is none")
    leaps = year if month > 2 else year - 1
    days = (year - 1970) * 365 + leaps // 4 - leaps // 100 + leaps // 400 - 477 + _DAYS[month - 1] + day - 1
    return days * 86400 + hour * 3600 + minute * 60 + second


def name(raw):
    """The common name in the DER of a name, or the last text there is; printable. ValueError."""
    found = b"?"
    for _, _, start, _end in items(raw, *item(raw)[1:]):
        pair = items(raw, *item(raw, start)[1:])
        found = raw[pair[-1][2] : pair[-1][3]]
        if raw[pair[0][2] : pair[0][3]] == _COMMON_NAME:
            break
    return "".join(chr(c) if 32 <= c < 127 else "?" for c in found[:60])


def pin(data):
    """SHA-256 (64 hex digits) of the public key in a certificate: of its SubjectPublicKeyInfo, as RFC 7469 has it."""
    return hexlify(hashlib.sha256(Certificate(data).key).digest()).decode()


def public_part(data):
    """What of a private key stands in its certificate, too: the point of an elliptic one (RFC 5915), the modulus of an
    RSA one (RFC 8017), or of either in PKCS #8. ValueError: it is none, or its public half is not in it."""
    tag, start, end = item(data)
    fields = items(data, start, end)
    if tag != _SEQUENCE or len(fields) < 3:
        raise ValueError("no private key")
    if fields[1][0] == _SEQUENCE and fields[2][0] == _OCTETS:
        return public_part(bytes(data[fields[2][2] : fields[2][3]]))
    if fields[1][0] == _INTEGER and len(fields) > 8:
        return bytes(data[fields[1][2] : fields[1][3]])
    for tag, _, start, _end in fields:
        if tag == _PUBLIC:
            kind, at, stop = item(data, start)
            if kind == _BITS:
                return bytes(data[at + 1 : stop])
    raise ValueError("no private key with its public half in it")


def day(utc):
    """A time in words, as 2026-11-30."""
    days = utc // 86400 + 719468
    era, left = days // 146097, days % 146097
    year = (left - left // 1460 + left // 36524 - left // 146096) // 365
    left -= 365 * year + year // 4 - year // 100
    month = (5 * left + 2) // 153
    left -= (153 * month + 2) // 5
    month += 3 if month < 10 else -9
    return "%04d-%02d-%02d" % (year + era * 400 + (month < 3), month, left + 1)
