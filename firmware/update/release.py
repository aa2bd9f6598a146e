"""A release: one signed file with a whole version of the firmware.

    L102REL1                      magic
    u16 length of the head, u16 length of the signature (big end first)
    head                          JSON: version, serial, mpy, arch, size and sha256 of the body
    signature                     of everything before it (firmware/update/signature.py)
    body                          files: u8 length of the path, u32 size, path, content

The signature covers the body through its hash in the head: the head can be checked after the first
1.5 KB, before the rest is fetched; no file is written before the body's hash is right.
"""

import hashlib
import json
import os
import struct

from firmware.port import const, sleep_ms
from firmware.update import signature, slots
from firmware.update.source import ReleaseError

MAGIC = b"L102REL1"
# The head fits into what is fetched first.
HEAD_MOST = const(1536)
_CHUNK = const(1024)
_TOPS = ("firmware", "lib")


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
            digest.update(piece)
            size += len(piece)
            await sleep_ms(0)
    if size != head.size:
        raise ReleaseError("the release has %d bytes instead of %d" % (size, head.size))
    if binascii.hexlify(digest.digest()).decode() != head.sha256:
        raise ReleaseError("the release's content does not match its signature: refused")


def _safe(path):
    parts = path.split("/")
    return len(parts) > 1 and parts[0] in _TOPS and "" not in parts and ".." not in parts


async def _clear(top, gate):
    """Empty the folder `top`; no manifest first, so that nobody starts the rest."""
    slots.remove(top + "/manifest.json")
    for path, is_folder in list(slots.walk(top)):
        if gate:
            await gate.wait()
        (os.rmdir if is_folder else os.remove)(top + "/" + path)
        await sleep_ms(0)


async def unpack(path, head, root, folder, gate=None):
    """Write the files of a checked release into `folder` (emptied first) and seal it.

    `gate` (firmware.gate.Gate) keeps flash writes away from a meter's answers.
    """
    top = root + "/" + folder
    await _clear(top, gate)
    count = 0
    with open(path, "rb") as file:
        file.seek(head.start)
        while True:
            lead = file.read(5)
            if not lead:
                break
            length, size = struct.unpack(">BI", lead)
            name = file.read(length).decode()
            if not _safe(name):
                raise ReleaseError("a release may not write %s" % name)
            slots.make_folders(top, name)
            await _copy(file, top + "/" + name, size, gate)
            count += 1
    slots.seal(root, folder, {"version": head.version, "serial": head.serial})
    return count


async def _copy(file, path, size, gate):
    with open(path, "wb") as out:
        while size:
            piece = file.read(min(size, _CHUNK))
            if not piece:
                raise ReleaseError("the release ends within %s" % path)
            if gate:
                await gate.wait()
            out.write(piece)
            size -= len(piece)
            await sleep_ms(0)


def free(root):
    """Bytes the flash has room for; a large number where the port cannot tell."""
    try:
        facts = os.statvfs(root or "/")
    except (AttributeError, OSError):
        return 1 << 30
    return facts[1] * facts[3]
