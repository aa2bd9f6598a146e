"""Cut the power at every flash operation of an update over the air: one version always starts, whole.

argv: the release, release.pub, boot.py of devices in the field. The real Updater fetches the release onto a real
littlefs, whose root folder spans two metadata pairs, from a server whose connection breaks once. At every program and
erase the power is cut, with none or half of the bytes written. After each cut both boot.py look at a copy of the
flash: what they start is whole, and no half of a version; then the update is ordered again and gets to its end. Prints
`ok CUTS OUTCOMES RESUMED` or what went wrong. Run by tests/host/micropython/test_safe_start.py on MicroPython.
"""

import asyncio
import binascii
import hashlib
import os
import sys

import vfs

from tests.host.support.mpy.ram import Ram, around, blank

BLOCKS = 48
BREAKS = 5000
URL = "http://server/x.rel"
# Versions deployed by cable, with their hash: what runs, and the one before.
BEFORE = {"app.a": b"1" * 9000, "app.b": b"0" * 9000}


class Server:
    """The module `socket`; one release, ranges, and the second connection breaks."""

    SOCK_STREAM = 1

    def __init__(self, data):
        self.data = data
        self.begins = []

    def getaddrinfo(self, *_):
        return [(2, 1, 0, "", ("server", 80))]

    def socket(self):
        return Connection(self)


class Connection:
    def __init__(self, server):
        self.server = server
        self.left = b""

    def setblocking(self, _on):
        pass

    def setsockopt(self, *_):
        pass

    def connect(self, _address):
        pass

    def send(self, request):
        data, begins = self.server.data, self.server.begins
        asked = bytes(request).split(b"Range: bytes=")[1].split(b"\r\n")[0].decode()
        first, last = asked.split("-")
        first, last = int(first), min(int(last or len(data)), len(data) - 1)
        head = "HTTP/1.1 206 OK\r\nETag: x\r\nContent-Range: bytes %d-%d/%d\r\nContent-Length: %d\r\n\r\n"
        body = data[first : last + 1]
        if len(begins) == 1:
            body = body[:BREAKS]
        self.left = (head % (first, last, len(data), last + 1 - first)).encode() + body
        begins.append(first)
        return len(request)

    def recv_into(self, buf):
        count = min(len(buf), len(self.left))
        buf[:count] = self.left[:count]
        self.left = self.left[count:]
        return count

    def close(self):
        pass


def mounted(ram):
    vfs.mount(vfs.VfsLfs2(ram, progsize=256), "/f")
    os.chdir("/f")


def unmounted():
    os.chdir("/")
    vfs.umount("/f")


def read(path):
    with open(path, "rb") as file:
        return file.read()


def laid(slots, key):
    around("/f", 5)
    for folder, data in BEFORE.items():
        slots.clear("/f", folder)
        with open("/f/%s/%s" % (folder, slots.PACK), "wb") as file:
            file.write(data)
        whole = binascii.hexlify(hashlib.sha256(data).digest()).decode()
        slots.seal("/f", folder, {"version": folder, "serial": 1, "sha256": whole})
    slots.switch("/f", "app.a", "ok")
    with open("/f/release.pub", "wb") as file:
        file.write(key)


def update(updater, data):
    """(where each request of an update began, why it failed or "")."""
    server = Server(data)
    try:
        asyncio.run(updater("/f", server, backoff_s=0).run(URL))
    except Exception as error:
        return server.begins, repr(error)
    return server.begins, ""


def started(ram, boot, data, where):
    """The folder that a boot.py starts, on a copy of the flash, after it was seen to be whole."""
    mounted(Ram(ram.data))
    folder, _ = boot.choose()
    runs = read("/f/%s/firmware.pack" % folder) if folder else b""
    unmounted()
    if runs != (BEFORE["app.a"] if folder == "app.a" else data):
        print("%s: %s starts %s, which has %d bytes" % (where, boot.__name__, folder, len(runs)))
        sys.exit(1)
    return folder


def main():
    data, key = read(sys.argv[1]), read(sys.argv[2])
    sys.path.insert(0, sys.argv[3].rsplit("/", 1)[0])
    sys.path.insert(0, os.getcwd())  # words of errors are loaded when the flash is the folder
    import fieldboot

    import boot
    from firmware.core import log
    from firmware.update import slots
    from firmware.update.updater import Updater

    log.warn = log.error = log.info = lambda *_: None
    ram = Ram(blank(BLOCKS))
    vfs.VfsLfs2.mkfs(ram, progsize=256)
    mounted(ram)
    laid(slots, key)
    unmounted()
    before = bytes(ram.data)
    seen = set()
    cuts = resumed = 0
    for part in (0, 1):
        number = 0
        while True:
            number += 1
            where = "cut %d, %d halves" % (number, part)
            ram = Ram(before, number, part)
            mounted(ram)
            update(Updater, data)
            dead = ram.dead
            ram.dead = True
            unmounted()
            # Files the cut left open are closed some time: into memory nobody looks at any more.
            ram = Ram(ram.data)
            folders = {started(ram, each, data, where) for each in (boot, fieldboot)}
            if len(folders) != 1 or (not dead and folders != {"app.b"}):
                print("%s: %s" % (where, folders))
                sys.exit(1)
            if not dead:
                break
            cuts += 1
            seen |= folders
            if folders == {"app.a"}:
                # The next update must be able to go on from here.
                mounted(ram)
                begins, problem = update(Updater, data)
                unmounted()
                if problem:
                    print("%s: no update afterwards: %s %s" % (where, problem, begins))
                    sys.exit(1)
                resumed += not begins or begins[0] > 0  # or all of it was there
                if started(ram, boot, data, where) != "app.b":
                    print("%s: the update is not started" % where)
                    sys.exit(1)
    print("ok %d %s %d" % (cuts, sorted(seen), resumed))


main()
