"""Runs inside MicroPython's unix port before anything else and makes it look like a board.

A real littlefs is mounted at "/" (the host keeps only /pts), `machine` has the few names
boot.py, main.py and the tools use, boot.py and main.py run as on a board, and then comes the REPL.
The environment says how: UNIXBOARD_FLASH (file with the flash chip's content), UNIXBOARD_BLOCKS,
UNIXBOARD_RUN (`all`, `boot` or `none`), UNIXBOARD_CAUSE (reset cause), UNIXBOARD_UP (milliseconds since
the last reset of the chip, which a soft one is not), UNIXBOARD_CUT (lose the power at this many flash operations; 0
never), UNIXBOARD_WATCH (a text: `machine.flash.seen` has the operations that wrote it), UNIXBOARD_WIRING (the content
of unix.json, where the outside knows it better than the flash).
"""

import os
import sys

import vfs

_BLOCK = 4096


def _die(signal):
    """The process ends at once, nothing is flushed: 15 is a reset, 9 a power cut."""
    os.system("kill -%d $PPID" % signal)
    while True:
        pass


class _Flash:
    def __init__(self, path, blocks, cut):
        self.blocks = blocks
        self.left = cut
        self.operations = 0
        self.watch = (os.getenv("UNIXBOARD_WATCH") or "").encode()
        self.seen = []
        # No allocation while the file system works: the firmware may have little memory left.
        self.erased = b"\xff" * _BLOCK
        try:
            self.file = open(path, "r+b")  # noqa: SIM115  open as long as the board runs
        except OSError:
            with open(path, "wb") as new:
                for _ in range(blocks):
                    new.write(b"\xff" * _BLOCK)
            self.file = open(path, "r+b")  # noqa: SIM115  open as long as the board runs

    def _spend(self):
        self.operations += 1
        if self.left:
            self.left -= 1
            if not self.left:
                _die(9)

    def readblocks(self, block, buf, offset=0):
        self.file.seek(block * _BLOCK + offset)
        self.file.readinto(buf)

    def writeblocks(self, block, buf, offset=0):
        self._spend()
        if self.watch and self.watch in bytes(buf):
            self.seen.append(self.operations)
        self.file.seek(block * _BLOCK + offset)
        self.file.write(buf)

    def ioctl(self, op, arg):
        if op == 4:
            return self.blocks
        if op == 5:
            return _BLOCK
        if op == 6:
            self._spend()
            self.file.seek(arg * _BLOCK)
            self.file.write(self.erased)
        return 0


class _Machine:
    PWRON_RESET = 1
    HARD_RESET = 2
    WDT_RESET = 3

    def __init__(self, cause, flash):
        self._cause = cause
        self.flash = flash  # for tests: how many operations there were, and which of them

    def reset_cause(self):
        return self._cause

    def unique_id(self):
        return b"UNIXBRD1"

    def reset(self):
        _die(15)


class _Time:
    """What boot.py sees of `time`: a board's clock begins with the reset of the chip, as rp2's and esp32's do."""

    @staticmethod
    def ticks_ms():
        return int(os.getenv("UNIXBOARD_UP") or "0")


def _mount():
    flash = _Flash(
        os.getenv("UNIXBOARD_FLASH"),
        int(os.getenv("UNIXBOARD_BLOCKS") or "512"),
        int(os.getenv("UNIXBOARD_CUT") or "0"),
    )
    try:
        volume = vfs.VfsLfs2(flash, progsize=256)
    except OSError:
        vfs.VfsLfs2.mkfs(flash, progsize=256)
        volume = vfs.VfsLfs2(flash, progsize=256)
    vfs.umount("/")
    # The UARTs; never more of the host: somebody may well delete everything on "the board".
    vfs.mount(vfs.VfsPosix("/dev/pts"), "/pts")
    vfs.mount(volume, "/")
    os.chdir("/")
    wiring = os.getenv("UNIXBOARD_WIRING")
    if wiring:
        with open("unix.json", "w") as file:
            file.write(wiring)
    return flash


def _run(name, scope):
    try:
        try:
            with open(name) as file:
                source = file.read()
        except OSError:
            return
        exec(source, scope)
    except (Exception, KeyboardInterrupt) as error:
        sys.print_exception(error)


_flash = _mount()
sys.path[:] = ["", ".frozen", "/lib"]
sys.modules["machine"] = _Machine(int(os.getenv("UNIXBOARD_CAUSE") or "1"), _flash)
_mode = os.getenv("UNIXBOARD_RUN") or "all"
# From here on the board listens; the launcher keeps this word to itself.
print("[unixboard]")
if _mode != "none":
    sys.modules["time"] = _Time
    _run("boot.py", globals())
    del sys.modules["time"]
if _mode == "all":
    _run("main.py", globals())
