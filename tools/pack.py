"""Pack a version of the firmware into the one file a board mounts (firmware/packfs.py has the format)."""

import base64
import hashlib
import json
import struct
import zlib
from binascii import crc32
from functools import lru_cache
from pathlib import Path

from firmware.update.release import BODY as MAGIC
from tools import deflate
from tools.build import ROOT, replacing

_START = 10
_ENTRY = 8
# Bytes that modules have in common, told once (firmware/packfs.py).
WINDOW = 1536
KEPT_WINDOW = Path(__file__).with_name("window.json")
_WINDOW_KEY = crc32(b"window") >> 2
# Read by a packfs.mpy that knows no window: what makes the others readable (firmware/__init__.py), in this order.
_BEFORE = ("firmware/__init__.mpy", "firmware/packfs.mpy")
# Bytes a version may have: a flash holds two, beside the log (firmware/app/build.py). `make test` fails beyond.
MOST = 168 * 1024
# Those of the full version, which only boards with more flash and memory take.
FULL_MOST = 240 * 1024
# What is in the full version alone: modules, and folders with all that lies in them. The base version, for an RP2040,
# refuses in words what it would take them for; that chip has no pins, or no heap beside a meter's session, for ports
# for commands, Ethernet, Home Assistant and the trace of frames.
FULL = (
    "firmware/boards/esp32",
    "firmware/boards/lilygo_t_sim7080",
    "firmware/boards/tables_esp32",
    "firmware/commands/channels/tags",
    "firmware/core/error_tls",
    "firmware/delivery/discovery",
    "firmware/delivery/homeassistant",
    "firmware/iec102/frame_text",
    "firmware/meters/frame_trace",
    "firmware/net/alone",
    "firmware/net/ethernet",
    "firmware/net/tls",
    "firmware/security/certificates",
    "firmware/security/context",
    "firmware/security/der",
    "firmware/security/trust",
    "firmware/web/",
    "roots/",
)
# The chip that takes the base version.
BASE = "armv6m"
_KEPT = ROOT / "build" / "shrunk"
# What the streams in there were made by.
_HOW = hashlib.sha256(Path(deflate.__file__).read_bytes()).digest()


class PackError(Exception):
    """The files cannot be packed, or these bytes are no pack; the text says why."""


def in_base(path):
    """Whether a file of a version, by its path, is in the base version, too."""
    return not any(path.startswith(each) if each.endswith("/") else path.rpartition(".")[0] == each for each in FULL)


def key(path):
    return crc32(path.encode()) >> 2


@lru_cache(maxsize=1)
def window():
    """The head that most modules of a version go on from (tools/window.py)."""
    kept = json.loads(KEPT_WINDOW.read_text())
    codes = deflate.Codes(kept["lengths"], kept["distances"])
    return deflate.Head(base64.b64decode(kept["text"]), codes, WINDOW)


@lru_cache(maxsize=2048)
def shrink(data, head=b""):
    """`data` as a raw deflate stream for a window of 2 KiB, as short as can be; what follows `head`, if it is given.

    That takes half a minute for a version; what it came to for each module is kept in build/.
    """
    kept = _KEPT / hashlib.sha256(_HOW + b"%d " % len(head) + head + data).hexdigest()
    if not kept.exists():
        with replacing(kept) as made:
            made.write_bytes(deflate.squeeze(data, window() if head else None))
    return kept.read_bytes()


def _folders(paths):
    found = set()
    for path in paths:
        parts = path.split("/")[:-1]
        found.update("/".join(parts[: end + 1]) for end in range(len(parts)))
    return found


def _keys(files):
    """{key: path} of everything that is there. PackError if something that is not would be taken for it."""
    found = {_WINDOW_KEY: "the window"}
    folders = _folders(files)
    for path in [*sorted(files), *sorted(folders)]:
        if key(path) in found:
            raise PackError("%s and %s have the same key: rename one" % (path, found[key(path)]))
        found[key(path)] = path
    # What an import looks for before it finds a module or a package.
    for path in [*(each.rpartition(".")[0] for each in files), *(each + "/__init__.mpy" for each in folders)]:
        if key(path) in found and found[key(path)] != path:
            raise PackError("%s would be taken for %s: rename it" % (path, found[key(path)]))
    del found[_WINDOW_KEY]
    return found


def build(files):
    """The pack of `files`, {path: content of a .mpy}: (its bytes, {path: (start, end)}, with "window"). PackError."""
    entries = {each: 0 for each in _keys(files)}
    head = window().data if set(_BEFORE) <= set(files) else b""
    if head:
        entries[_WINDOW_KEY] = 0
    spans = {}
    body = bytearray()
    start = _START + _ENTRY * len(entries)
    for path in sorted(files, key=lambda each: (each not in _BEFORE, each)):
        data = files[path]
        at = start + len(body)
        entries[key(path)] = at << 1
        body += shrink(data, b"" if path in _BEFORE else head)
        spans[path] = (at, start + len(body))
        if head and path == _BEFORE[-1]:
            entries[_WINDOW_KEY] = (start + len(body)) << 1
            spans["window"] = (start + len(body), start + len(body) + len(head))
            body += head
    top = MAGIC + struct.pack(">H", len(entries))
    table = b"".join(struct.pack(">II", *entry) for entry in sorted(entries.items()))
    return top + table + bytes(body), spans


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
    found = entries(data)
    span = found.get(key(path))
    if span is None:
        return None
    common = found.get(_WINDOW_KEY, (len(data), len(data)))
    head = data[slice(*common)] if span > common else b""
    try:
        return zlib.decompress(head + data[slice(*span)], -15)[WINDOW if head else 0 :]
    except zlib.error as error:
        raise PackError("%s is damaged: %s" % (path, error)) from None
