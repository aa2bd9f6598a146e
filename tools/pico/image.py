"""A MicroPython image in the form UF2: what is in it, and whether it is one that the firmware runs on.

UF2: github.com/microsoft/uf2. What a program for an RP2040 tells of itself: pico-sdk, pico/binary_info.
"""

import re
import struct

_BLOCK = 512
_MAGIC = (0x0A324655, 0x9E5D5157)
_END = 0x0AB16F30
_HAS_FAMILY = 0x2000
_RP2040 = 0xE48BFF56
FLASH = 0x10000000
SRAM = 0x20000000
# What the chip has; an image linked with more says so in where its stack begins.
_RAM = 264 * 1024
# Below the top of that: ports/rp2/CMakeLists.txt, PICO_STACK_SIZE.
_STACK = 0x2000
# Behind the second stage of the boot: data sheet 2.8.1.3.
_VECTORS = 0x100
_INFO = (0x7188EBF2, 0xE71AA390)
_TEXT, _BLOCKS = 6, 7
_VERSION_ID = 0x11A9BC3A
_OLDEST = (1, 29)
# ports/rp2/boards/RPI_PICO_W/mpconfigboard.h, for an image that does not tell.
_STORAGE = (0x200000 - 848 * 1024, 848 * 1024)


class ImageError(Exception):
    """The image is none, or none for this; the text is a sentence for whoever named it. `code`: one of those below."""

    MISSING, NO_UF2, NO_RP2040, NO_MICROPYTHON, TOO_OLD, NO_PPP = range(1, 7)

    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


class Image:
    """`flash`: its bytes from address 0x10000000 on; `ram`: bytes of RAM it was linked for; `stack`: (offset in them,
    bytes) of the stack; `version`: text; `storage`: (offset, bytes) of the file system on the flash.

    Raises ImageError.
    """

    def __init__(self, path):
        self.path = path
        if not path:
            raise ImageError(
                ImageError.MISSING, "which image? IMAGE=RPI_PICO_W.uf2, from micropython.org/download/RPI_PICO_W"
            )
        try:
            with open(path, "rb") as file:
                data = file.read()
        except OSError as error:
            raise ImageError(ImageError.MISSING, "%s: %s" % (path, error.strerror)) from None
        self.flash = self._unpack(data)
        top, _start = struct.unpack_from("<2I", self.flash.ljust(_VECTORS + 8, b"\0"), _VECTORS)
        self.ram = max(_RAM, min(top - SRAM, 512 * 1024)) if top > SRAM else _RAM
        self.stack = (self.ram - _STACK, _STACK)
        self.version = ""
        self.storage = _STORAGE
        self._look()
        self._check()

    def _unpack(self, data):
        """The bytes of all blocks, each at its place."""
        blocks = [data[at : at + _BLOCK] for at in range(0, len(data), _BLOCK)]
        pieces = []
        for block in blocks:
            if len(block) < _BLOCK or struct.unpack_from("<2I", block) != _MAGIC:
                raise ImageError(ImageError.NO_UF2, "%s is no UF2 file" % self.path)
            flags, address, size = struct.unpack_from("<3I", block, 8)
            family = struct.unpack_from("<I", block, 28)[0] if flags & _HAS_FAMILY else _RP2040
            if struct.unpack_from("<I", block, 508)[0] != _END or size > 476:
                raise ImageError(ImageError.NO_UF2, "%s is a damaged UF2 file" % self.path)
            if family == _RP2040 and 0 <= address - FLASH < 0x1000000:
                pieces.append((address - FLASH, block[32 : 32 + size]))
        if not blocks:
            raise ImageError(ImageError.NO_UF2, "%s is empty, not a UF2 file" % self.path)
        if not pieces:
            raise ImageError(ImageError.NO_RP2040, "%s is for another chip than the RP2040 of a Pico W" % self.path)
        flash = bytearray(b"\xff" * max(at + len(piece) for at, piece in pieces))
        for at, piece in pieces:
            flash[at : at + len(piece)] = piece
        return bytes(flash)

    def _text(self, address):
        at = address - FLASH
        end = self.flash.find(b"\0", at) if 0 <= at < len(self.flash) else -1
        return self.flash[at:end].decode("utf-8", "replace") if end >= 0 else ""

    def _look(self):
        """Take over what the program tells of itself."""
        words = struct.unpack_from("<64I", self.flash.ljust(_VECTORS + 256, b"\0"), _VECTORS)
        for at in range(len(words) - 4):
            if words[at] == _INFO[0] and words[at + 4] == _INFO[1]:
                first, last = words[at + 1] - FLASH, words[at + 2] - FLASH
                break
        else:
            return
        for place in range(max(first, 0), min(last, len(self.flash) - 3), 4):
            entry = struct.unpack_from("<I", self.flash, place)[0] - FLASH
            if 0 <= entry < len(self.flash) - 20:
                self._entry(entry)

    def _entry(self, at):
        kind, _tag, name, value, more = struct.unpack_from("<2H3I", self.flash, at)
        if kind == _TEXT and name == _VERSION_ID:
            self.version = self._text(value)
        elif kind == _BLOCKS and self._text(name) == "MicroPython":
            self.storage = (value - FLASH, more)

    def _check(self):
        if b"MicroPython" not in self.flash:
            raise ImageError(ImageError.NO_MICROPYTHON, "%s is no MicroPython" % self.path)
        found = re.search(r"v?(\d+)\.(\d+)", self.version)
        said = self.version or "of an unknown version"
        if found and (int(found[1]), int(found[2])) < _OLDEST:
            text = "%s is MicroPython %s: network.PPP, which the modem needs, is in 1.29 and newer" % (self.path, said)
            raise ImageError(ImageError.TOO_OLD, text)
        # A name of network.PPP's own, as the table of names in the image has it.
        if b"\0SEC_CHAP\0" not in self.flash and b"AUTH_CHAP\0" not in self.flash:
            text = "%s (MicroPython %s) was built without network.PPP, which the modem needs" % (self.path, said)
            raise ImageError(ImageError.NO_PPP, text)
