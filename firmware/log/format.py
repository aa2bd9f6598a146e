"""How an entry of the log stands on the flash. Pure: bytes in, values out.

An entry is a head of 20 bytes (little endian) and its payload:

| bytes | what |
| --- | --- |
| 0 | 0xA5 |
| 1 | kind; 0xFF is an acknowledgement |
| 2-3 | length of the payload, 1 to 16384 |
| 4-5 | length of the whole entry before this one in the same file, 0 for the first |
| 6-7 | check: the low half of the CRC-32 of the head's other bytes |
| 8-11 | sequence number of the record; of an acknowledgement: the newest record's |
| 12-15 | UTC, seconds since 1970 |
| 16-19 | CRC-32 of kind, length, sequence number, UTC and payload |

The payload of an acknowledgement: everything up to `low` is done, `lost` records were never delivered, and pairs of
first and last number of what else is done; all 32 bits. The first entry of a file is one.
"""

import struct
from binascii import crc32

from firmware.port import const

HEAD = const(20)
ACK = const(0xFF)
LONGEST = const(16384)
_MAGIC = const(0xA5)
_LAYOUT = "<BBHHHIII"


def _crc(kind, length, seq, utc, payload):
    return crc32(payload, crc32(struct.pack("<BHII", kind, length, seq, utc)))


def pack(head, kind, seq, utc, payload):
    """Fill `head` (bytearray(20)) for `payload`; call follow() before it is written into a file."""
    length = len(payload)
    crc = _crc(kind, length, seq, utc, payload)
    struct.pack_into(_LAYOUT, head, 0, _MAGIC, kind, length, 0, 0, seq, utc, crc)
    follow(head, 0)


def _check(head):
    return crc32(memoryview(head)[8:HEAD], crc32(memoryview(head)[:6])) & 0xFFFF


def follow(head, previous):
    """Note in `head` how long the entry before it is."""
    struct.pack_into("<H", head, 4, previous)
    struct.pack_into("<H", head, 6, _check(head))


def unpack(head):
    """(kind, length, previous, seq, utc, crc), or None if these 20 bytes are no head."""
    magic, kind, length, previous, check, seq, utc, crc = struct.unpack(_LAYOUT, head)
    if magic != _MAGIC or not 0 < length <= LONGEST or check != _check(head):
        return None
    return kind, length, previous, seq, utc, crc


def is_good(fields, payload):
    """Whether `payload` is what `fields` (from unpack) were made for."""
    kind, length, _, seq, utc, crc = fields
    return len(payload) == length and _crc(kind, length, seq, utc, payload) == crc
