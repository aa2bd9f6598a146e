# Runs on MicroPython: argv = what, how many records. One measurement of the log (or of the naive file) on real
# littlefs over a flash in RAM that counts; prints JSON.
import gc
import json
import os
import sys

import vfs

sys.path.insert(0, ".")
from firmware.recordlog.kept import Kept  # noqa: E402
from firmware.recordlog.ring import Ring  # noqa: E402

BLOCK = 4096
RECORD = bytes(range(220))


class Flash:
    def __init__(self, blocks):
        self.blocks = blocks
        self.data = memoryview(bytearray(BLOCK * blocks))
        self._blank = b"\xff" * BLOCK
        self.zero()

    def zero(self):
        self.programs = self.programmed = self.erases = self.reads = self.read = 0

    def operations(self):
        return self.programs + self.erases

    def readblocks(self, block, buf, offset=0):
        at = block * BLOCK + offset
        buf[:] = self.data[at : at + len(buf)]
        self.reads += 1
        self.read += len(buf)

    def writeblocks(self, block, buf, offset=0):
        at = block * BLOCK + offset
        self.data[at : at + len(buf)] = buf
        self.programs += 1
        self.programmed += len(buf)

    def ioctl(self, op, arg):
        if op == 4:
            return self.blocks
        if op == 5:
            return BLOCK
        if op == 6:
            self.data[arg * BLOCK : (arg + 1) * BLOCK] = self._blank
            self.erases += 1
        return 0


def fresh(blocks=256):
    flash = Flash(blocks)
    vfs.VfsLfs2.mkfs(flash, progsize=32)
    vfs.mount(vfs.VfsLfs2(flash, progsize=32), "/b")
    return flash


def start(segments=40, segment=16384):
    ring = Ring("/b/log", segment=segment, segments=segments)
    ring.mount()
    return ring


def figures(flash, count, worst=0):
    return {
        "per_byte": flash.programmed / (count * len(RECORD)),
        "erases": flash.erases * 1000 / count,
        "worst": worst,
    }


def single(acks, count):
    flash = fresh()
    ring = start()
    for _ in range(200):
        ring.append(1, 0, RECORD)
    flash.zero()
    worst = 0
    for _ in range(count):
        before = flash.operations()
        ring.append(1, 0, RECORD)
        worst = max(worst, flash.operations() - before)
        if acks:
            ring.ack(ring.take())
            ring.flush()
    assert ring.stats()["depth"] == (200 if acks else 200 + count)
    return figures(flash, count, worst)


def naive(count):
    # 16 KiB per file and as many files as the ring has.
    flash = fresh()
    os.mkdir("/b/n")
    size = number = worst = 0
    for _ in range(count):
        before = flash.operations()
        with open("/b/n/%08d" % number, "ab") as file:
            file.write(RECORD)
        worst = max(worst, flash.operations() - before)
        size += len(RECORD)
        if size >= 16384:
            size = 0
            number += 1
            if number >= 40:
                os.remove("/b/n/%08d" % (number - 40))
    return figures(flash, count, worst)


def burst(count):
    flash = fresh()
    ring = start()
    for _ in range(3):
        ring.append_many([(1, 0, RECORD)] * 100)
    flash.zero()
    for _ in range(count // 100):
        ring.append_many([(1, 0, RECORD)] * 100)
    assert ring.stats()["depth"] == 300 + count
    return figures(flash, count)


def depth(count):
    flash = fresh(256 if count < 1000 else 8000)
    # Who has room for so many records gives them larger files.
    segment = 16384 if count < 1000 else 65536
    ring = start(2000, segment)
    batch = [(1, 0, RECORD)] * 100
    for _ in range(count // 100):
        ring.append_many(batch)
    for _ in range(3):
        ring.append(1, 0, RECORD)
    del ring
    vfs.umount("/b")
    vfs.mount(vfs.VfsLfs2(flash, progsize=32), "/b")
    batch = None
    start(2000, segment)  # so that its code and the journal's records are in place
    gc.collect()
    before = gc.mem_alloc()
    flash.zero()
    ring = start(2000, segment)
    reads, read, changes = flash.reads, flash.read, flash.operations()
    gc.collect()
    ram = gc.mem_alloc() - before
    assert ring.stats()["depth"] == count + 3
    found = {"ram": ram, "reads": reads, "read": read, "operations": changes}
    for order in ("fifo", "lifo"):
        found[order] = reading(flash, ring, order, count)
    gc.collect()
    found["ram_reading"] = gc.mem_alloc() - before
    cursor = Kept(ring, "http")
    cursor.mount()
    for order in ("fifo", "lifo"):
        found["http " + order] = reading(flash, cursor, order, count)
    return found


def reading(flash, cursor, order, count):
    """Bytes read per byte of the records that a delivery takes next."""
    cursor.order = order
    buf = bytearray(256)
    flash.zero()
    # More than a file's worth: to open one costs reading the folder, whose length is that of the log.
    many = min(count, 300)
    for _ in range(many):
        seq = cursor.take()
        cursor.info(seq)
        cursor.read_into(seq, buf)
    cursor.release()
    return flash.read / many / len(RECORD)


WHAT = {
    "single": lambda count: single(False, count),
    "acks": lambda count: single(True, count),
    "naive": naive,
    "burst": burst,
    "depth": depth,
}
print(json.dumps(WHAT[sys.argv[1]](int(sys.argv[2]))))
