"""One version of the firmware as one file, mounted so that it can be imported from: boot.py's helper.

littlefs gives each file at least one block of 4 KiB, and the firmware is some 150 small modules: packed and
compressed, a version takes a quarter of the flash. Like boot.py this lies outside of both versions, on the root, and
no remote update replaces it. The file, written by tools/pack.py:

    L102PAK1                      magic
    u16                           number of entries (all numbers big end first)
    entries                       sorted: u32 the path's CRC-32 without its two lowest bits;
                                  u32 2 * position + 1 if the module's names are wanted at the start; 0: a folder
    modules                       each a raw deflate stream for a window of 2 KiB
    the window                    at the place of an entry "window": the head of such a stream, one block of 1,536
                                  bytes as they are, which the modules have in common
    modules                       of these each goes on where the window ended

Positions count from the magic. A pack need not have a window; the modules before it are read without. MicroPython's
deflate reads no byte ahead (1.21 to 1.29), so that its file can be moved on under it. A release
(firmware/update/release.py) has its signed head before that and is mounted as it was fetched. Of the file only its
folders are kept in memory; a path is found by halving the entries. It is open for no longer than an import takes:
littlefs counts what an open file has twice when it tells how much is free.
"""

import struct
import sys
from binascii import crc32

import deflate
import vfs

MOUNT = "/app"
_MAGIC = b"L102PAK1"
_SIGNED = b"L102REL1"
_START = 10
_ENTRY = 8
_WBITS = 11
_WINDOW = 1536
_PIECE = 64
_FILE = (0x8000, 0, 0, 0, 0, 0, 0, 0, 0, 0)
_FOLDER = (0x4000, 0, 0, 0, 0, 0, 0, 0, 0, 0)

# _key("window")
_KEY = 0x22F93E77

# The mounted Pack, if there is one.
mounted = None


class Pack:
    """A read-only file system over the file `path`. OSError when it is none, or points at something outside of it."""

    def __init__(self, path):
        self._path = path
        self._base = 0
        self._entry = bytearray(_ENTRY)
        self.window = 0  # its position, as in its entry
        self._found = None  # path, open file and value of what was asked for last: it is opened next
        with open(path, "rb") as file:
            lead = file.read(12)
            if lead[:8] == _SIGNED and len(lead) == 12:
                self._base = 12 + sum(struct.unpack(">HH", lead[8:]))
                file.seek(self._base)
                lead = file.read(_START)
            if lead[:8] != _MAGIC or len(lead) < _START:
                raise OSError(22)
            self._count = struct.unpack(">H", lead[8:_START])[0]
            first, size = _START + self._count * _ENTRY, file.seek(0, 2) - self._base
            folders = []
            before = -1
            for index in range(self._count):
                key, value = self._at(file, index)
                if key <= before or (value and not first <= value >> 1 < size):
                    raise OSError(22)
                before = key
                if not value:
                    folders.append(key)
                elif key == _KEY:
                    self.window = value
        self._folders = tuple(folders)

    def _at(self, file, index):
        """(key, value) of an entry."""
        file.seek(self._base + _START + index * _ENTRY)
        if file.readinto(self._entry) != _ENTRY:
            raise OSError(22)
        return struct.unpack(">II", self._entry)

    def _find(self, path):
        """(the open file, value) of a module; OSError(ENOENT)."""
        key = _key(path)
        file = open(self._path, "rb")  # noqa: SIM115  whoever reads the module closes it
        low, high = 0, self._count
        while low < high:
            middle = (low + high) // 2
            found, value = self._at(file, middle)
            if found == key and value:
                return file, value
            if found < key:
                low = middle + 1
            else:
                high = middle
        file.close()
        raise OSError(2)

    def _stream(self, file, value, close):
        behind = value > self.window > 0
        file.seek(self._base + ((self.window if behind else value) >> 1))
        stream = deflate.DeflateIO(file, deflate.RAW, _WBITS, close)
        if behind:
            piece = bytearray(_PIECE)
            for _ in range(_WINDOW // _PIECE):
                stream.readinto(piece)
            file.seek(self._base + (value >> 1))
        return stream

    def __iter__(self):
        """Yield a stream of each module whose names are wanted at the start; read it before the next."""
        with open(self._path, "rb") as file:
            for index in range(self._count):
                value = self._at(file, index)[1]
                if value & 1:
                    yield self._stream(file, value, False)

    # what MicroPython asks a file system for ------------------------------------------------------

    def mount(self, _readonly, _mkfs):
        pass

    def umount(self):
        pass

    def stat(self, path):
        if path.endswith(".py"):  # asked for before each module, and never there
            raise OSError(2)
        if "." not in path:
            if _key(path) not in self._folders:
                raise OSError(2)
            return _FOLDER
        self._forget()
        try:
            self._found = (path,) + self._find(path)
        except MemoryError:
            # An import takes whatever is raised here for: not there. open() is asked next, and what it says counts.
            pass
        return _FILE

    def open(self, path, mode):
        if "w" in mode or "a" in mode or "+" in mode:
            raise OSError(30)
        if self._found and self._found[0] == path:
            _, file, value = self._found
            self._found = None
        else:
            self._forget()
            file, value = self._find(path)
        return self._stream(file, value, True)

    def _forget(self):
        if self._found:
            self._found[1].close()
            self._found = None

    def statvfs(self, _path):
        return (4096, 4096, 0, 0, 0, 0, 0, 0, 1, 255)

    def ilistdir(self, _path):
        return iter(())  # names are not kept in the file


def _key(path):
    return crc32(path.strip("/").replace("//", "/").encode()) >> 2


def mount(path):
    """Mount the version in the file `path` and import from it ahead of anything else. OSError."""
    global mounted
    mounted = Pack(path)
    vfs.mount(mounted, MOUNT)
    # What mpremote and mip install goes into the first folder of the path that ends in /lib: not into this one, which
    # nobody can write to.
    for each in (MOUNT + "/lib/", MOUNT):
        if each not in sys.path:
            sys.path.insert(0, each)


def replace(old):
    """Mount again what an older packfs.mpy, of which the names within are not known, has mounted as `old`."""
    for name in dir(old):
        value = getattr(old, name)
        if isinstance(value, str) and value.endswith(".pack"):
            vfs.umount(MOUNT)
            mount(value)
            # So that nothing holds on to the old one's code.
            sys.modules["packfs"] = sys.modules[__name__]
            return
