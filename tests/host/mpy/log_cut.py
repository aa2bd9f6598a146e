# Runs on MicroPython: argv = part, parts, further. The log on real littlefs over a flash in RAM, with the power cut
# within every program and erase of a scripted workload. The operation that was cut has written none, half or all but
# one of its bytes. Each of these: a new start, everything checked, and the workload goes on: to its end for one
# position within every `further`-th operation (1: for all), else for a few steps.
# Prints JSON: operations, cuts, ends, records, lost, wraps, steps (appends and acknowledgements).
import gc
import json
import random
import sys

import vfs

sys.path.insert(0, "build/device")
from firmware.log.ring import LogError, Ring  # noqa: E402

PART, PARTS, FURTHER = (int(word) for word in sys.argv[1:4])
BLOCK, BLOCKS = 4096, 32
SEGMENT, SEGMENTS = 3000, 5
STEPS, CHUNK, AFTER = 440, 4, 4
POSITIONS = 3


class Flash:
    """Dies at the beginning of the `cut`-th program or erase from now, and stays dead."""

    def __init__(self, data, cut=0):
        self.bytes = bytearray(data)
        self.data = memoryview(self.bytes)
        self.blank = b"\xff" * BLOCK
        self.count = 0
        self.cut = cut
        self.torn = None  # (at, bytes) of the operation that was cut
        self.dead = False

    def _change(self, at, new):
        if self.dead:
            return -5
        self.count += 1
        if self.count == self.cut:
            self.dead = True
            self.torn = at, bytes(new)
            return -5
        self.data[at : at + len(new)] = new
        return 0

    def left(self, position):
        """What a cut leaves that came when the operation had got to `position` (0 to 2) of its bytes."""
        found = Flash(self.bytes)
        if self.torn:
            at, new = self.torn
            length = (0, len(new) // 2 + 1, len(new) - 1)[position]
            found.data[at : at + length] = new[:length]
        return found

    def readblocks(self, block, buf, offset=0):
        at = block * BLOCK + offset
        buf[:] = self.data[at : at + len(buf)]

    def writeblocks(self, block, buf, offset=0):
        return self._change(block * BLOCK + offset, buf)

    def ioctl(self, op, arg):
        if op == 4:
            return BLOCKS
        if op == 5:
            return BLOCK
        if op == 6:
            return self._change(arg * BLOCK, self.blank)
        return 0 if op == 3 else None


def workload():
    """Steps: ("append", sizes) or ("ack", how many of those taken, in what order)."""
    random.seed(102)
    steps = []
    for number in range(STEPS):
        dice = random.getrandbits(4)
        if dice < 7:
            steps.append(("append", [1 + random.getrandbits(8)]))
        elif dice == 7:
            steps.append(("append", [300 + random.getrandbits(9) for _ in range(2)]))
        elif dice == 8:
            steps.append(("append", [20 + random.getrandbits(7) for _ in range(9)]))
        elif dice == 9:
            steps.append(("append", [2500 + random.getrandbits(8)]))
        elif dice == 10:
            steps.append(("order", "lifo" if random.getrandbits(1) else "fifo"))
        elif 200 < number < 300:
            # A broker that is away: the oldest have to make room.
            steps.append(("append", [150 + random.getrandbits(7)]))
        else:
            steps.append(("ack", 1 + random.getrandbits(3)))
    return steps


def body(number, size):
    text = b"%d " % number
    return (text + b"." * size)[: max(size, len(text))]


class World:
    """The flash, the log on it and what must be true of it."""

    def __init__(self):
        self.content = {}  # seq -> payload, where append() returned
        self.acked = set()  # flush() returned
        self.unsure = set()  # acknowledged, but the power failed before flush() returned
        self.number = 0  # of the next record
        self.order = "fifo"
        self.trying = []  # payloads of an append that has not returned
        self.acking = []

    def copy(self):
        other = World()
        other.content = dict(self.content)
        other.acked = set(self.acked)
        other.unsure = set(self.unsure)
        other.number = self.number
        other.order = self.order
        other.trying = self.trying
        other.acking = self.acking
        return other

    def start(self, flash):
        self.flash = flash
        vfs.mount(vfs.VfsLfs2(flash, progsize=32), "/cut")
        self.ring = Ring("/cut/log", segment=SEGMENT, segments=SEGMENTS)
        self.ring.order = self.order
        self.ring.mount()

    def stop(self):
        self.flash.dead = True
        vfs.umount("/cut")

    def step(self, step):
        ring = self.ring
        kind, what = step
        if kind == "order":
            self.order = ring.order = what
        elif kind == "append":
            payloads = [body(self.number + i, size) for i, size in enumerate(what)]
            self.trying = payloads
            last = ring.append_many([(1, 1000 + self.number, payload) for payload in payloads])
            self.keep(payloads, last)
        else:
            self.acking = [seq for seq in [ring.take() for _ in range(what)] if seq]
            for seq in self.acking:
                check(self.content[seq] == self.read(seq), "record %d is another one" % seq)
                ring.ack(seq)
            ring.flush()
            self.acked.update(self.acking)
            self.acking = []

    def keep(self, payloads, last):
        for place, payload in enumerate(payloads):
            seq = last - len(payloads) + 1 + place
            check(seq not in self.content, "number %d twice" % seq)
            self.content[seq] = payload
        self.number += len(payloads)
        self.trying = []

    def read(self, seq):
        kind, utc, length = self.ring.info(seq)
        check(kind == 1, "kind of %d" % seq)
        buf = bytearray(length)
        check(self.ring.read_into(seq, buf) == length, "length of %d" % seq)
        return bytes(buf)

    def recovered(self):
        """After a cut: the records of an append that had not returned may be there, all or the first of them."""
        ring = self.ring
        self.unsure.update(self.acking)
        self.acking = []
        known = max(self.content) if self.content else 0
        there = ring.last - known
        check(0 <= there <= len(self.trying), "%d records too many" % there)
        if there:
            self.keep(self.trying[:there], ring.last)
        self.trying = []
        self.check()

    def check(self):
        """Read everything that waits, then give it back."""
        ring = self.ring
        order, ring.order = ring.order, "fifo"
        ring.release()
        before = 0
        seen = set()
        while True:
            seq = ring.take()
            if seq is None:
                break
            check(seq > before, "order")
            before = seq
            check(seq in self.content, "record %d is invented" % seq)
            check(self.read(seq) == self.content[seq], "record %d is another one" % seq)
            seen.add(seq)
        ring.release()
        ring.order = order
        check(not seen & self.acked, "delivered records come back")
        gone = [s for s in self.content if s not in seen and s not in self.acked]
        gone = [s for s in gone if s not in self.unsure]
        text = "lost: %d, counted %d" % (len(gone), ring.lost)
        check(len(gone) <= ring.lost <= len(gone) + len(self.unsure), text)
        # What made room is the oldest.
        check(not gone or not seen or max(gone) < min(seen), "a hole")
        check(ring.damaged == 0, "damaged")


def check(fact, text):
    if not fact:
        raise AssertionError(text)


def attempt(world, steps):
    """Carry out `steps`; how many were done before the power failed."""
    done = 0
    try:
        for step in steps:
            world.step(step)
            done += 1
    except (OSError, LogError):
        check(world.flash.dead, "an error without a cut")
    return done


steps = workload()
flash = Flash(b"\xff" * BLOCK * BLOCKS)
vfs.VfsLfs2.mkfs(flash, progsize=32)
operations = cuts = ends = 0
data, world = bytes(flash.bytes), World()
for at in range(0, STEPS, CHUNK):
    # Undisturbed: what the next chunk begins with, and how many operations this one has.
    before, base = data, world
    world = base.copy()
    flash = Flash(before)
    world.start(flash)
    check(attempt(world, steps[at : at + CHUNK]) == len(steps[at : at + CHUNK]), "a cut nobody made")
    world.check()
    count = flash.count
    world.stop()
    data = bytes(flash.bytes)
    for cut in range(1, count + 1):
        operations += 1
        if operations % PARTS != PART:
            continue
        # What leads to the cut is the same for all positions: no change comes behind it.
        broken = base.copy()
        flash = Flash(before, cut)
        done = 0
        try:
            broken.start(flash)
        except OSError:
            check(flash.dead, "no start without a cut")
        else:
            done = attempt(broken, steps[at : at + CHUNK])
        broken.stop()
        for position in range(POSITIONS):
            cuts += 1
            trial = broken.copy()
            trial.start(flash.left(position))
            trial.recovered()
            rest = steps[at + done :]
            turn = operations // PARTS
            if FURTHER == 1 or (position == turn % POSITIONS and turn % FURTHER == 0):
                ends += 1
            else:
                rest = rest[:AFTER]
            check(attempt(trial, rest) == len(rest), "the log does not work on")
            trial.check()
            trial.stop()
    gc.collect()
ring = world.ring
found = {"operations": operations, "cuts": cuts, "ends": ends, "records": ring.last, "lost": ring.lost}
found["steps"] = len([kind for kind, _ in steps if kind != "order"])
found["wraps"] = (ring.newest - 1) / SEGMENTS
print(json.dumps(found))
