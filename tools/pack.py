"""Pack a version of the firmware into the one file a board mounts (firmware/packfs.py has the format)."""

import hashlib
import struct
import zlib
from binascii import crc32
from functools import lru_cache
from importlib.metadata import version

import zopfli.zlib

from firmware.update.release import BODY as MAGIC
from tools.build import ROOT, replacing

_START = 10
_ENTRY = 8
_WBITS = 11  # a window of 2 KiB: what inflating one module takes of the heap
_TRIES = 200  # of the parse, a quarter of a minute for a version
_BLOCKS = 15  # at most, of a module
# Bytes a version may have: a flash holds two, beside the log (firmware/app/build.py). `make test` fails beyond.
MOST = 168 * 1024
_KEPT = ROOT / "build" / "shrunk"
# What the streams in there were made by.
_HOW = ("%s %d %d %d close " % (version("zopfli"), _WBITS, _TRIES, _BLOCKS)).encode()


class PackError(Exception):
    """The files cannot be packed, or these bytes are no pack; the text says why."""


def key(path):
    return crc32(path.encode()) >> 2


@lru_cache(maxsize=2048)
def shrink(data):
    """`data` as a raw deflate stream for a window of 2 KiB, as short as can be.

    That takes seconds for a version; what it came to for each module is kept in build/.
    """
    kept = _KEPT / hashlib.sha256(_HOW + data).hexdigest()
    if not kept.exists():
        with replacing(kept) as made:
            made.write_bytes(_shrunk(data))
    return kept.read_bytes()


def _shrunk(data):
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -_WBITS, 9)
    plain = squeeze.compress(data) + squeeze.flush()
    # zopfli looks back as far as it likes, which is not always too far.
    close = zopfli.zlib.compress(data, numiterations=_TRIES, blocksplittingmax=_BLOCKS)[2:-4]
    return min(plain, close, key=len) if _fits(close, len(data)) else plain


def _fits(stream, size):
    """Whether a raw deflate stream never looks back farther than the window."""
    inflate = zlib.decompressobj(-_WBITS)
    try:
        for _ in range(size):
            # A byte at a time: what zlib has given out in one call it looks back to, however far that is.
            if not inflate.decompress(stream, 1):
                return False
            stream = inflate.unconsumed_tail
    except zlib.error:
        return False
    return True


def _folders(paths):
    found = set()
    for path in paths:
        parts = path.split("/")[:-1]
        found.update("/".join(parts[: end + 1]) for end in range(len(parts)))
    return found


def _keys(files):
    """{key: path} of everything that is there. PackError if something that is not would be taken for it."""
    found = {}
    folders = _folders(files)
    for path in [*sorted(files), *sorted(folders)]:
        if key(path) in found:
            raise PackError("%s and %s have the same key: rename one" % (path, found[key(path)]))
        found[key(path)] = path
    # What an import looks for before it finds a module or a package.
    for path in [*(each.rpartition(".")[0] for each in files), *(each + "/__init__.mpy" for each in folders)]:
        if key(path) in found and found[key(path)] != path:
            raise PackError("%s would be taken for %s: rename it" % (path, found[key(path)]))
    return found


def build(files):
    """The pack of `files`, {path: content of a .mpy}: (its bytes, {path: (start, end)}). PackError."""
    keys = _keys(files)
    entries = {each: 0 for each in keys}
    spans = {}
    body = bytearray()
    start = _START + _ENTRY * len(entries)
    for path in sorted(files):
        data = files[path]
        at = start + len(body)
        entries[key(path)] = at << 1
        body += shrink(data)
        spans[path] = (at, start + len(body))
    head = MAGIC + struct.pack(">H", len(entries))
    table = b"".join(struct.pack(">II", *entry) for entry in sorted(entries.items()))
    return head + table + bytes(body), spans


def entries(data, size=None):
    """{key: (start, end)} of the modules of a pack of `size` bytes (None: all of `data`), of which `data` has at least
    the table. PackError.
    """
    if data[:8] != MAGIC or len(data) < _START:
        raise PackError("not a packed version of the firmware")
    count = struct.unpack(">H", data[8:_START])[0]
    if len(data) < _START + _ENTRY * count:
        raise PackError("the pack is cut off in its table")
    found = [struct.unpack_from(">II", data, _START + _ENTRY * index) for index in range(count)]
    modules = sorted((value >> 1, each) for each, value in found if value)
    ends = [start for start, _ in modules[1:]] + [len(data) if size is None else size]
    return {each: (start, end) for (start, each), end in zip(modules, ends)}


def get(data, path):
    """The content of the module `path` in a pack; None when it has none. PackError."""
    span = entries(data).get(key(path))
    if span is None:
        return None
    try:
        return zlib.decompress(data[slice(*span)], -15)
    except zlib.error as error:
        raise PackError("%s is damaged: %s" % (path, error)) from None
