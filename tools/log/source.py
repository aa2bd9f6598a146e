"""Gets the folder of a log: out of a flash image, off a board, or as it is."""

import os
import stat
import subprocess
from pathlib import Path

from tools import micropython

# Runs on MicroPython's unix port: argv = image, target, bytes of a program. Only reads the image.
_COPY = """
import os, sys, vfs
class Image:
    def __init__(self, path):
        self.file = open(path, "rb")
        self.size = os.stat(path)[6]
    def readblocks(self, block, buf, offset=0):
        self.file.seek(block * 4096 + offset)
        self.file.readinto(buf)
    def writeblocks(self, block, buf, offset=0):
        return -5
    def ioctl(self, op, arg):
        return {4: self.size // 4096, 5: 4096, 6: -5}.get(op, 0)
vfs.mount(vfs.VfsLfs2(Image(sys.argv[1]), progsize=int(sys.argv[3]), mtime=False), "/image")
def walk(path, target):
    for item in os.ilistdir(path):
        name, kind = item[0], item[1]
        if kind == 0x4000:
            os.mkdir(target + "/" + name)
            walk(path + "/" + name, target + "/" + name)
        else:
            with open(path + "/" + name, "rb") as source, open(target + "/" + name, "wb") as copy:
                while True:
                    data = source.read(4096)
                    if not data:
                        break
                    copy.write(data)
            print(name)
for folder in ("/image/log", "/image/flash/log"):
    try:
        os.stat(folder)
    except OSError:
        continue
    walk(folder, sys.argv[2])
    break
else:
    print("NO LOG")
"""


class SourceError(Exception):
    """There is nothing to read; the text says why and what to do."""


def fetch(source, target, say):
    """Path of the folder with the log of `source`; copies go below `target`. `say(text)` tells the progress."""
    path = Path(source)
    if path.is_dir():
        return path / "log" if (path / "log").is_dir() else path
    try:
        mode = os.stat(source).st_mode
    except OSError as error:
        raise SourceError("%s: %s" % (source, error.strerror)) from None
    folder = Path(target) / "log"
    folder.mkdir()
    if stat.S_ISCHR(mode):
        _from_board(source, folder, say)
    else:
        _from_image(path, folder, say)
    return folder


def _from_image(path, folder, say):
    script = folder.parent / "copy.py"
    script.write_text(_COPY)
    said = ""
    for program in (32, 256, 16):
        command = micropython.command(script, path, folder, program, heap=micropython.HARNESS)
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode == 0:
            if "NO LOG" in done.stdout:
                raise SourceError("%s: a file system, but there is no folder log in it" % path)
            say("%d files read from the image" % len(done.stdout.split()))
            return
        said = (done.stdout + done.stderr).strip().splitlines()[-1:]
    raise SourceError(
        "%s: no littlefs file system with blocks of 4096 bytes begins here (%s). Is it the file system's part of "
        "the flash? docs/log.md tells how to read it out." % (path, "".join(said))
    )


def _from_board(port, folder, say):
    from tools.board.device import BoardError, Device

    try:
        with Device(port) as device:
            try:
                root = "/flash/log" if device.exists("/flash") else "/log"
                if not device.exists(root):
                    raise SourceError("the board at %s has no folder log: no record was kept" % port)
                device.exec("import os")
                count = _copy(device, root, folder)
            finally:
                # Reading stopped its program; it goes on reading its meters whatever came of this.
                device.reset()
    except BoardError as error:
        raise SourceError(str(error)) from None
    say("%d files read from the board, which starts again" % count)


def _copy(device, root, folder):
    count = 0
    for item in device.eval("list(os.ilistdir(%r))" % root):
        name, kind = item[0], item[1]
        if kind == 0x4000:
            (folder / name).mkdir()
            count += _copy(device, root + "/" + name, folder / name)
        else:
            (folder / name).write_bytes(device.read(root + "/" + name))
            count += 1
    return count
