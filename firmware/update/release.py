"""A release: one signed file with a whole version of the firmware.

    L102REL1                      magic
    u16 length of the head, u16 length of the signature (big end first)
    head                          JSON: version, serial, mpy, arch, full, size and sha256 of the body
    signature                     of everything before it: RSASSA-PKCS1-v1_5 over SHA-256, exponent 65537
    body                          the firmware as it is run (firmware/packfs.py)

The signature covers the body through its hash in the head: the head can be checked after the first 1.5 KB, before the
rest is fetched. What that head said is worth nothing for what was fetched later: `check()` goes once through the file
as it lies on the flash, signature, hash and table, and only what it has found good is run. It is called after the last
write, in the file's own place, and by a version itself that older tools laid there (starts.py).

Why RSA (RFC 8017 section 8.2.2) and not Ed25519: checking takes 17 multiplications of big numbers, which MicroPython
does in C, against some thousand steps of Python per check; and SHA-256 is in every build while Ed25519's SHA-512 is in
none. Each multiplication is one turn of the loop (docs/update.md has the figures).
"""

import binascii
import hashlib
import json
import struct

from firmware.core.compat import sleep_ms
from firmware.update import slots
from firmware.update.source import ReleaseError

MAGIC = b"L102REL1"
BODY = b"L102PAK1"
# The head fits into what is fetched first.
HEAD_MOST = const(1536)
_CHUNK = const(1024)
# Characters of a version: what a device keeps of a release and shows.
_VERSION_MOST = const(64)
# The largest flash of a board holds no more beside the log.
_SIZE_MOST = const(4 << 20)
_TABLE_START = const(10)
_ENTRY = const(8)
_ENTRIES_A_TURN = const(32)
# DER of AlgorithmIdentifier sha256 and the head of the 32 bytes that follow (RFC 8017, section
# 9.2).
_SHA256 = const(b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20")
_MIN_BYTES = const(256)  # 2048 bits


class Head:
    """The facts of a release; `start` is where the body begins in the file, `digest` the SHA-256 that was signed.

    `whole` is the SHA-256 (hex) of the file's every byte, once check() has read them. ValueError and the like when a
    fact is missing or cannot be.
    """

    whole = ""

    def __init__(self, table, start, digest):
        self.version = table["version"]
        self.serial = table["serial"]
        self.mpy = table["mpy"]
        self.arch = table.get("arch")
        self.size = table["size"]
        self.sha256 = table["sha256"]
        self.full = table.get("full")  # whether it is a full version (tools/pack.py); older tools did not tell
        self.start = start
        self.total = start + self.size
        self.digest = digest
        if not 0 < len(self.version) <= _VERSION_MOST or not all(31 < ord(c) < 127 for c in self.version):
            raise ValueError("version")
        if self.serial < 0 or not _TABLE_START <= self.size <= _SIZE_MOST:
            raise ValueError("size")


def padded(digest, size):
    """The `size` bytes a signature of `digest` (32 bytes) has to open to."""
    fill = size - 3 - len(_SHA256) - len(digest)
    return b"\x00\x01" + b"\xff" * fill + b"\x00" + _SHA256 + digest


async def verify(digest, signature, modulus):
    """Whether `signature` of `digest` was made with the key of `modulus` (bytes, big end
    first).
    """
    size = len(modulus)
    if size < _MIN_BYTES or len(signature) != size:
        return False
    n = int.from_bytes(modulus, "big")
    s = int.from_bytes(signature, "big")
    if not 1 < s < n:
        return False
    x = s
    for _ in range(16):
        x = x * x % n
        await sleep_ms(0)
    x = x * s % n
    # Compared as a whole: nothing of what was signed is parsed, so nothing can be smuggled in.
    return x.to_bytes(size, "big") == padded(digest, size)


async def read_head(path, modulus):
    """Read and check the head of the release in the file `path`; returns a Head. ReleaseError."""
    with open(path, "rb") as file:
        return await _head(file.read(HEAD_MOST), modulus)


async def _head(start, modulus):
    """The Head that the bytes `start` of a release begin with."""
    if start[:8] != MAGIC or len(start) < 12:
        raise ReleaseError("not a release file")
    head_length, signature_length = struct.unpack(">HH", start[8:12])
    end = 12 + head_length
    if end + signature_length > len(start):
        raise ReleaseError("the release file is cut off in its head")
    digest = hashlib.sha256(start[:end]).digest()
    if not await verify(digest, start[end : end + signature_length], modulus):
        raise ReleaseError("the signature is not right: refused, nothing was changed")
    try:
        return Head(json.loads(start[12:end]), end + signature_length, digest)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ReleaseError("the release's head is not understood") from None


async def check(path, modulus):
    """Read the release in the file `path` from its first byte to its last and return its Head. ReleaseError.

    What has come back from here is signed, whole and can be mounted.
    """
    whole, body = hashlib.sha256(), hashlib.sha256()
    with open(path, "rb") as file:
        piece = file.read(HEAD_MOST)
        head = await _head(piece, modulus)
        whole.update(piece)
        size = len(piece)
        piece = piece[head.start :]
        if piece[:8] != BODY:
            raise ReleaseError("the release is of another kind: `make deploy` takes it")
        while piece:
            body.update(piece)
            piece = file.read(_CHUNK)
            whole.update(piece)
            size += len(piece)
            if size > head.total:
                break
            await sleep_ms(0)
        if size != head.total:
            raise ReleaseError("the release has %d bytes instead of %d" % (size - head.start, head.size))
        if binascii.hexlify(body.digest()).decode() != head.sha256:
            raise ReleaseError("the release's content does not match its signature: refused")
        await _table(file, head.start, head.size)
    head.whole = binascii.hexlify(whole.digest()).decode()
    return head


async def _table(file, base, size):
    """See that the pack of `size` bytes at `base` has its entries in order and what they point at inside of it."""
    file.seek(base + 8)
    count = struct.unpack(">H", file.read(2))[0]
    first = _TABLE_START + _ENTRY * count
    before = -1
    entry = bytearray(_ENTRY)
    for index in range(count if first <= size else 0):
        file.readinto(entry)
        key, value = struct.unpack(">II", entry)
        if key <= before or (value and not first <= value >> 1 < size):
            count = 0
            break
        before = key
        if not index % _ENTRIES_A_TURN:
            await sleep_ms(0)
    if not count or first > size:
        raise ReleaseError("the table of the pack is wrong: refused")


def seal(head, root, folder):
    """Make what was checked in its place the version in `folder`. Whoever starts it compares its SHA-256."""
    slots.seal(root, folder, {"version": head.version, "serial": head.serial, "sha256": head.whole})
