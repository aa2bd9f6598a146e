# Runs on MicroPython: argv = flash image, script. Mounts the image's littlefs at /flash, with the geometry that
# tools/board/prelude.py gives it, and runs the script with the firmware of MICROPYPATH.
import sys

import vfs

BLOCK = 4096


class Flash:
    def __init__(self, path):
        self.file = open(path, "r+b")  # noqa: SIM115  open for as long as this runs
        self.blocks = self.file.seek(0, 2) // BLOCK

    def readblocks(self, block, buf, offset=0):
        self.file.seek(block * BLOCK + offset)
        self.file.readinto(buf)

    def writeblocks(self, block, buf, offset=0):
        self.file.seek(block * BLOCK + offset)
        self.file.write(buf)

    def ioctl(self, op, arg):
        if op == 4:
            return self.blocks
        if op == 5:
            return BLOCK
        if op == 6:
            self.file.seek(arg * BLOCK)
            self.file.write(b"\xff" * BLOCK)
        return 0


flash = Flash(sys.argv[1])
with open(sys.argv[2]) as script:
    source = script.read()
vfs.mount(vfs.VfsLfs2(flash, progsize=256), "/flash")
exec(source, {"__name__": "__main__"})
vfs.umount("/flash")
flash.file.close()
