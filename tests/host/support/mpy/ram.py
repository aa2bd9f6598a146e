"""A flash in RAM that loses the power, for littlefs in tests on MicroPython; and what stands in a device's root."""

import os

BLOCK = 4096
# What stands in the root of a device beside what a test writes there, and how many bytes of it; some are much larger.
FILES = {
    "board.txt": 4,
    "boot.py": 1500,
    "crash.txt": 300,
    "main.py": 700,
    "modem.json": 20,
    "packfs.mpy": 600,
    "reason": 30,
    "release.pub": 535,
    "starts": 1,
    "unix.json": 17,
    "why": 40,
}


class Ram:
    """Loses the power at the program or erase number `cut`, which writes `part` (0 or 1) halves of its bytes.

    `dead` says that it came to that, `count` how many operations there were. `data` is copied: what another one holds,
    or blank().
    """

    def __init__(self, data, cut=0, part=0):
        self.data = bytearray(data)
        self.cut = cut
        self.part = part
        self.count = 0
        self.dead = False

    def _change(self, at, new):
        # As an error code: an exception would jump through littlefs and leave it in pieces.
        if self.dead:
            return -5
        self.count += 1
        if self.count == self.cut:
            self.dead = True
            new = new[: len(new) // 2 * self.part]
        self.data[at : at + len(new)] = new
        return -5 if self.dead else 0

    def readblocks(self, block, buf, offset=0):
        at = block * BLOCK + offset
        buf[:] = self.data[at : at + len(buf)]

    def writeblocks(self, block, buf, offset=0):
        return self._change(block * BLOCK + offset, buf)

    def ioctl(self, op, arg):
        if op == 4:
            return len(self.data) // BLOCK
        if op == 5:
            return BLOCK
        if op == 6:
            return self._change(arg * BLOCK, b"\xff" * BLOCK)
        return 0


def blank(blocks):
    """The bytes of an erased flash."""
    return b"\xff" * (BLOCK * blocks)


def around(top, fill):
    """Make what stands in the root of a device: it spans two metadata pairs then. `fill`: how many small files stand
    before all others; littlefs splits the root between other names with each.
    """
    for folder in ("app.a", "app.b", "log"):
        os.mkdir("%s/%s" % (top, folder))
    sizes = dict(FILES)
    sizes.update(("aa%d" % number, 20) for number in range(fill))
    for name, size in sizes.items():
        with open("%s/%s" % (top, name), "w") as file:
            file.write("x" * size)
