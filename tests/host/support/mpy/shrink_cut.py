"""A log that may have fewer segments than wait in it, with the power cut at every flash operation until it fits.

argv: fifo or lifo. Records wait in more segments than are kept from now on; they are delivered, others come. At every
program and erase of that the power is cut, with none or half of the bytes written: nothing that waits is lost, nothing
that was delivered comes back, and at the end the log has no more segments than it may. Prints `ok CUTS` or raises. Run
by tests/host/micropython/test_log_power.py on MicroPython.
"""

import gc
import sys

import vfs

from firmware.recordlog.ring import Ring
from tests.host.support.mpy.ram import Ram, blank

BLOCKS = 64
SEGMENT, BEFORE, LIMIT = 1500, 40, 3
# Steps between two starts; the operations of one stretch are cut from the same beginning.
CHUNK = 6
ORDER = sys.argv[1]


class World:
    """What append() and flush() have promised."""

    def __init__(self, other=None):
        self.there = dict(other.there) if other else {}  # number -> payload of what waits
        self.acked = set(other.acked) if other else set()
        self.unsure = set()  # on its way to the one or the other when the power failed
        self.trying = None

    def start(self, flash, segments):
        vfs.mount(vfs.VfsLfs2(flash, progsize=256), "/cut")
        self.flash = flash
        self.ring = Ring("/cut/log", segment=SEGMENT, segments=segments)
        self.ring.order = ORDER
        self.ring.mount()

    def stop(self):
        self.flash.dead = True
        vfs.umount("/cut")

    def append(self, payload):
        self.trying = payload
        self.there[self.ring.append(1, 0, payload)] = payload
        self.trying = None

    def deliver(self, count):
        ring = self.ring
        for seq in [ring.take() for _ in range(count)]:
            if seq is not None:
                check(self.read(seq) == self.there[seq], "record %d is another one" % seq)
                ring.ack(seq)
                self.unsure.add(seq)
        ring.flush()
        self.settle(self.unsure)

    def settle(self, done):
        for seq in done:
            self.there.pop(seq, None)
        self.acked.update(done)
        self.unsure = set()

    def read(self, seq):
        buf = bytearray(self.ring.info(seq)[2])
        self.ring.read_into(seq, buf)
        return bytes(buf)

    def look(self):
        """See that exactly what has to wait does, and take over what nobody can have known."""
        ring = self.ring
        seen = {}
        while True:
            seq = ring.take()
            if seq is None:
                break
            seen[seq] = self.read(seq)
        ring.release()
        for seq, payload in self.there.items():
            check(seq in self.unsure or seen.get(seq) == payload, "record %d is lost" % seq)
        for seq, payload in seen.items():
            check(self.there.get(seq, self.trying) == payload, "record %d is invented" % seq)
        check(not self.acked & set(seen), "delivered records come back")
        check(ring.lost == 0 and ring.damaged == 0, "lost %d, damaged %d" % (ring.lost, ring.damaged))
        self.settle({seq for seq in self.unsure if seq not in seen})
        self.there = seen
        self.trying = None


def check(fact, text):
    if not fact:
        raise AssertionError(text)


def steps():
    """Nothing is delivered for a while: it holds more than it may, and more comes. Then all of it goes."""
    found = [("append", number) for number in range(12)]
    for number in range(26):
        found += [("deliver", 3)] + [("append", number)] * (number % 3 == 0)
    return found


def carry_out(world, these):
    for what, number in these:
        if what == "append":
            world.append(b"late %d " % number + b"-" * (number * 37 % 200))
        else:
            world.deliver(number)


def filled():
    """A log of more segments than it may have soon; (flash, world, segments)."""
    flash = Ram(blank(BLOCKS))
    vfs.VfsLfs2.mkfs(flash, progsize=256)
    world = World()
    world.start(flash, BEFORE)
    for number in range(60):
        world.append(b"early %d " % number + b"." * (number * 53 % 400))
    order, world.ring.order = world.ring.order, "fifo"
    world.deliver(9)
    world.ring.order = order
    count = world.ring.newest - world.ring.first + 1
    world.stop()
    return flash.data, world, count


def cut(data, world, these, number, part):
    """Cut at an operation: whether it came to that."""
    world = World(world)
    flash = Ram(data, number, part)
    try:
        world.start(flash, LIMIT)
        carry_out(world, these)
    except OSError:
        check(flash.dead, "an error without a cut")
    cut = flash.dead
    world.stop()
    if cut:
        world.start(Ram(flash.data), LIMIT)
        world.look()
        carry_out(world, these[-2:])
        world.look()
        world.stop()
    return cut


def main():
    data, world, before = filled()
    check(before > 2 * LIMIT, "only %d segments" % before)
    cuts = 0
    most = 0
    todo = steps()
    while todo:
        these, todo = todo[:CHUNK], todo[CHUNK:]
        for part in (0, 1):
            number = 1
            while cut(data, world, these, number, part):
                number += 1
                cuts += 1
                gc.collect()
        flash = Ram(data)
        world.start(flash, LIMIT)
        carry_out(world, these)
        world.look()
        count = world.ring.newest - world.ring.first + 1
        most = max(most, count)
        world.stop()
        data = flash.data
    check(most > before and not world.there, "%d segments, %d records wait" % (most, len(world.there)))
    # Newest first, the last delivery is that of the oldest segments; the next write deletes them.
    world.start(Ram(data), LIMIT)
    world.ring.append_many([(1, 0, b"last")] * 4)
    count = world.ring.newest - world.ring.first + 1
    world.stop()
    check(count <= LIMIT, "%d segments are left" % count)
    print("ok %d" % cuts)


main()
