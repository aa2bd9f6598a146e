"""Cut the power at every flash operation of a change of version: one version always starts.

Prints `ok CUTS` or what went wrong. Run by tests/host/test_safestart.py on MicroPython.
"""

import binascii
import hashlib
import os
import sys

import vfs

BLOCK = 4096


class Cut(Exception):
    pass


class Head:
    serial = 1
    whole = ""

    def __init__(self, version):
        self.version = version
        self.sha256 = binascii.hexlify(hashlib.sha256(version.encode() * 9000).digest()).decode()


class Ram:
    """Flash in RAM that loses the power at the operation number `left`; torn writes half of it."""

    def __init__(self, data=None):
        self.data = data or bytearray(b"\xff" * BLOCK * 32)
        self.left = 0
        self.count = 0
        self.torn = False

    def _spend(self):
        self.count += 1
        if self.left:
            self.left -= 1
            return not self.left
        return False

    def readblocks(self, block, buf, offset=0):
        at = block * BLOCK + offset
        buf[:] = self.data[at : at + len(buf)]

    def writeblocks(self, block, buf, offset=0):
        at = block * BLOCK + offset
        if self._spend():
            if self.torn:
                self.data[at : at + len(buf) // 2] = buf[: len(buf) // 2]
            raise Cut
        self.data[at : at + len(buf)] = buf

    def ioctl(self, op, arg):
        if op == 4:
            return 32
        if op == 5:
            return BLOCK
        if op == 6:
            if self._spend():
                raise Cut
            self.data[arg * BLOCK : (arg + 1) * BLOCK] = b"\xff" * BLOCK
        return 0


def mounted(ram):
    vfs.mount(vfs.VfsLfs2(ram, progsize=256), "/f")
    os.chdir("/f")


def unmounted():
    os.chdir("/")
    vfs.umount("/f")


def install(slots, release, folder, version):
    with open("/f/update.bin", "w") as file:
        for _ in range(9):
            file.write(version * 1000)
    # As firmware/update/update.py does it.
    slots.clear("/f", folder)
    release.place("/f/update.bin", Head(version), "/f", folder)
    release.seal(Head(version), "/f", folder)


def whole(slots, folder, version):
    with open("/f/%s/%s" % (folder, slots.PACK), "rb") as file:
        if file.read() != version.encode() * 9000:
            return False
    return slots.manifest("/f", folder).get("version") == version


def change(slots, release):
    """What an update does, then one start."""
    install(slots, release, "app.b", "2")
    slots.switch("/f", "app.b", "trial", "update")


def main():
    import boot
    from firmware.update import release, slots

    ram = Ram()
    vfs.VfsLfs2.mkfs(ram, progsize=256)
    mounted(ram)
    install(slots, release, "app.a", "1")
    install(slots, release, "app.b", "0")
    slots.switch("/f", "app.a", "ok")
    unmounted()
    before = bytes(ram.data)
    ram.count = 0
    mounted(ram)
    change(slots, release)
    unmounted()
    total = ram.count
    cuts = 0
    seen = {}
    for torn in (False, True):
        for at in range(1, total + 1):
            ram = Ram(bytearray(before))
            ram.torn = torn
            mounted(ram)
            ram.left = at
            try:
                change(slots, release)
            except (Cut, OSError):
                pass
            unmounted()
            # Files the cut left open are closed some time: into memory nobody looks at any more.
            ram = Ram(bytearray(ram.data))
            mounted(ram)
            folder, starts = boot.choose()
            version = "1" if folder == "app.a" else "2"
            if not whole(slots, folder, version):
                print("cut %d torn %s: %s does not hold version %s" % (at, torn, folder, version))
                sys.exit(1)
            # The next update must be able to go on from here.
            change(slots, release)
            if boot.choose()[0] != "app.b" or not whole(slots, "app.b", "2"):
                print("cut %d torn %s: no update is possible afterwards" % (at, torn))
                sys.exit(1)
            unmounted()
            seen[version] = seen.get(version, 0) + 1
            cuts += 1
    print("ok %d %s" % (cuts, sorted(seen)))


main()
