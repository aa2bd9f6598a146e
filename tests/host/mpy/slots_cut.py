"""Cut the power at every flash operation of a change of version: one version always starts.

Prints `ok CUTS` or what went wrong. Run by tests/host/test_safestart.py on MicroPython.
"""

import os
import sys

import vfs

BLOCK = 4096


class Cut(Exception):
    pass


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


def install(slots, folder, version):
    slots.clear("/f", folder)
    for name in ("firmware/app.py", "firmware/x/y.py", "lib/z.py"):
        slots.make_folders("/f/" + folder, name)
        with open("/f/%s/%s" % (folder, name), "w") as file:
            file.write(version * 200)
    slots.seal("/f", folder, {"version": version, "serial": 1})


def whole(slots, folder, version):
    for name in ("firmware/app.py", "firmware/x/y.py", "lib/z.py"):
        with open("/f/%s/%s" % (folder, name)) as file:
            if file.read() != version * 200:
                return False
    return slots.manifest("/f", folder).get("version") == version


def change(slots, boot):
    """What an update does, then one start."""
    install(slots, "app.b", "2")
    slots.switch("/f", "app.b", "trial", "update")


def main():
    import boot
    from firmware.update import slots

    ram = Ram()
    vfs.VfsLfs2.mkfs(ram, progsize=256)
    mounted(ram)
    install(slots, "app.a", "1")
    install(slots, "app.b", "0")
    slots.switch("/f", "app.a", "ok")
    unmounted()
    before = bytes(ram.data)
    ram.count = 0
    mounted(ram)
    change(slots, boot)
    unmounted()
    total = ram.count
    cuts = 0
    seen = {}
    for torn in (False, True):
        for at in range(1, total + 1):
            ram.data[:] = before
            ram.torn = torn
            mounted(ram)
            ram.left = at
            try:
                change(slots, boot)
            except (Cut, OSError):
                pass
            ram.left = 0
            unmounted()
            mounted(ram)
            folder, starts = boot.choose()
            version = "1" if folder == "app.a" else "2"
            if not whole(slots, folder, version):
                print("cut %d torn %s: %s does not hold version %s" % (at, torn, folder, version))
                sys.exit(1)
            # The next update must be able to go on from here.
            change(slots, boot)
            if boot.choose()[0] != "app.b" or not whole(slots, "app.b", "2"):
                print("cut %d torn %s: no update is possible afterwards" % (at, torn))
                sys.exit(1)
            unmounted()
            seen[version] = seen.get(version, 0) + 1
            cuts += 1
    print("ok %d %s" % (cuts, sorted(seen)))


main()
