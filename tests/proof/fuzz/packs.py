"""Packs and releases: what is not whole and signed is refused, and what is no pack is never mounted."""

import hashlib
import json
import struct
import sys
import tempfile
import types
import zlib
from pathlib import Path
from unittest import mock

from cryptography.hazmat.primitives import serialization

from firmware.update import release as device
from firmware.update.source import ReleaseError
from tests.proof.fuzz.mutator import Mutator
from tools import pack, release

COUNT, SAMPLE, HEAP = 100_000, 60, 400_000
ROOT = Path(__file__).resolve().parents[3]
_KEY = ROOT / "tests" / "host" / "support" / "data" / "release" / "key.txt"
_FILES = {
    "firmware/app.mpy": b"app" * 500, "lib/umqtt/simple.mpy": b"", "firmware/a/b.mpy": b"b",
    "firmware/c.mpy": b"cd" * 99,
}  # fmt: skip
# Steps of the coroutine that checks: a turn for each multiplication, each KiB and each 32 entries.
_STEPS = 2000
# What is read of a module; a stream of a few bytes may come to much.
_READ = 65536


class _Stream:
    """MicroPython's deflate.DeflateIO for reading: OSError(EINVAL) for what is no raw deflate stream."""

    def __init__(self, file, form, bits, close=False):
        self._file, self._close = file, close
        self._inflate = zlib.decompressobj(-15)

    def readinto(self, buf):
        try:
            while not self._inflate.eof:
                raw = self._inflate.unconsumed_tail or self._file.read(64)
                data = self._inflate.decompress(raw, len(buf))
                if data:
                    buf[: len(data)] = data
                    return len(data)
                if not raw:
                    raise OSError(22)
        except zlib.error:
            raise OSError(22) from None
        return 0

    def close(self):
        if self._close:
            self._file.close()


def packfs():
    """firmware/packfs.py for CPython."""
    names = {"deflate": types.SimpleNamespace(DeflateIO=_Stream, RAW=1), "vfs": types.SimpleNamespace(mount=None)}
    with mock.patch.dict(sys.modules, names):
        from firmware import packfs as found
    return found


class Target:
    """An input is the content of a file."""

    def __init__(self, generator):
        text = _KEY.read_text()
        self._key = serialization.load_pem_private_key(text[text.index("-----BEGIN") :].encode(), None)
        self._modulus = release.modulus(self._key)
        self._packfs = packfs()
        body = pack.build(_FILES)[0]
        self._release = release.assemble(_FILES, self._key, "2.0", 77)
        self._bodies = Mutator(generator, (body,), (b"\0\0\0\0", b"\xff\xff"), 4000)
        head, signature = struct.unpack(">HH", self._release[8:12])
        words = (b"null", b"1e999", b"[", b'"', b"-", b"true", b"NaN", b"[" * 500)
        self._heads = Mutator(generator, (self._release[12 : 12 + head],), words, 1200)
        self._whole = Mutator(generator, (self._release, body), (b"L102REL1", b"L102PAK1"), 6000)
        self._body = body
        self._folder = tempfile.TemporaryDirectory()
        self._path = self._folder.name + "/firmware.pack"
        self._signed = {}

    def close(self):
        self._folder.cleanup()

    def make(self):
        way = self._whole.below(8)
        if way == 0:
            # Signed with our key: what the makers may have got wrong.
            body = self._body if self._whole.below(2) else self._bodies.make(long=self._whole.below(2) == 0)
            table = json.loads(self._heads.seeds[0])
            table.update(size=len(body), sha256=hashlib.sha256(body).hexdigest())
            head = json.dumps(table).encode()
            return self._sealed(head if self._whole.below(2) else self._heads.make(head), body)
        if way < 4:
            return self._bodies.make(long=way == 1)
        return self._whole.make(long=way == 4)

    def _sealed(self, head, body):
        start = device.MAGIC + struct.pack(">HH", len(head), self._key.key_size // 8) + head
        return start + release.sign(self._key, hashlib.sha256(start).digest()) + body

    def run(self, given):
        Path(self._path).write_bytes(given)
        became = "refused"
        try:
            found = self._drive(device.check(self._path, self._modulus))
        except ReleaseError as error:
            assert len(str(error)) < 200
        else:
            assert found.whole == hashlib.sha256(given).hexdigest() and found.total == len(given)
            became = "good"
        mounted = self._mounted()
        assert mounted or became != "good"
        return became if became == "good" or not mounted else "mounted"

    def _drive(self, coro):
        """The result of a coroutine that only gives turns."""
        for _ in range(_STEPS):
            try:
                coro.send(None)
            except StopIteration as end:
                return end.value
        raise AssertionError("no end")

    def _mounted(self):
        """Mount the file as boot.py does and look for each module; False where that was refused."""
        try:
            found = self._packfs.Pack(self._path)
        except OSError:
            return False
        for path in (*_FILES, "firmware/nothing.mpy", "firmware", "lib/umqtt", "x.py"):
            try:
                found.stat(path)
                if "." in path:
                    self._read(found.open(path, "rb"))
            except OSError:
                pass
        for stream in found:
            try:
                self._read(stream)
            except OSError:
                pass
        found._forget()
        return True

    def _read(self, stream):
        buf, count = bytearray(512), 0
        try:
            while count < _READ:
                got = stream.readinto(buf)
                if not got:
                    break
                count += got
        finally:
            stream.close()
