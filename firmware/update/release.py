"""A release: one signed file with a whole version of the firmware.

    L102REL1                      magic
    u16 length of the head, u16 length of the signature (big end first)
    head                          JSON: version, serial, mpy, arch, size and sha256 of the body
    signature                     of everything before it (firmware/update/signature.py)
    body                          the firmware as it is run (firmware/packfs.py)

The signature covers the body through its hash in the head: the head can be checked after the first
1.5 KB, before the rest is fetched; the version is not put in its place before the body's hash is right.
"""

import hashlib
import json
import os
import struct

from firmware.port import const, sleep_ms
from firmware.update import signature, slots
from firmware.update.source import ReleaseError

MAGIC = b"L102REL1"
BODY = b"L102PAK1"
# The head fits into what is fetched first.
HEAD_MOST = const(1536)
_CHUNK = const(1024)


class Head:
    """The facts of a release; `start` is where the body begins in the file."""

    def __init__(self, table, start):
        self.version = table["version"]
        self.serial = table["serial"]
        self.mpy = table["mpy"]
        self.arch = table.get("arch")
        self.size = table["size"]
        self.sha256 = table["sha256"]
        self.start = start
        self.total = start + table["size"]


async def read_head(path, modulus):
    """Read and check the head of the release in the file `path`; returns a Head."""
    with open(path, "rb") as file:
        start = file.read(HEAD_MOST)
    if start[:8] != MAGIC or len(start) < 12:
        raise ReleaseError("not a release file")
    head_length, signature_length = struct.unpack(">HH", start[8:12])
    end = 12 + head_length
    if end + signature_length > len(start):
        raise ReleaseError("the release file is cut off in its head")
    digest = hashlib.sha256(start[:end]).digest()
    if not await signature.verify(digest, start[end : end + signature_length], modulus):
        raise ReleaseError("the signature is not right: refused, nothing was changed")
    try:
        return Head(json.loads(start[12:end]), end + signature_length)
    except (ValueError, KeyError):
        raise ReleaseError("the release's head is not understood") from None


async def check_body(path, head):
    """Compare the body's hash with the one the signature covers."""
    import binascii

    digest = hashlib.sha256()
    size = 0
    with open(path, "rb") as file:
        file.seek(head.start)
        while True:
            piece = file.read(_CHUNK)
            if not piece:
                break
            if not size and piece[:8] != BODY:
                raise ReleaseError("the release is of another kind: `make deploy` takes it")
            digest.update(piece)
            size += len(piece)
            await sleep_ms(0)
    if size != head.size:
        raise ReleaseError("the release has %d bytes instead of %d" % (size, head.size))
    if binascii.hexlify(digest.digest()).decode() != head.sha256:
        raise ReleaseError("the release's content does not match its signature: refused")


def place(path, head, root, folder):
    """Make a checked release the version in `folder`, which is empty: it is run as it was fetched."""
    os.rename(path, "%s/%s/%s" % (root, folder, slots.PACK))
    slots.seal(root, folder, {"version": head.version, "serial": head.serial, "sha256": head.sha256})


def free(root):
    """Bytes the flash has room for; a large number where the port cannot tell."""
    try:
        facts = os.statvfs(root or "/")
    except (AttributeError, OSError):
        return 1 << 30
    return facts[1] * facts[3]
