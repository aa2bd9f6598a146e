# Runs on MicroPython: argv = code, seed, share, part, parts. The log of the firmware in the folder `code` on real
# littlefs over a flash in RAM, with the power cut within programs and erases of a workload from the seed. The
# operation that was cut has written none, half or all but one of its bytes; each of these three is a flash of its own:
# a new start, everything checked, and the workload goes on. In one of the three the power fails once more, within the
# start. share 0: each operation is cut, and each workload goes on to its end. Else so many operations of each kind
# (what the log was doing, program or erase), spread over the workload; after every tenth one flash goes on to the end,
# the others a few steps. Of the chosen operations this process takes every `parts`-th, beginning with number `part`.
# Three deliveries acknowledge, each for itself: MQTT in the log's own journal, two in files of their own.
# Prints lines `@ done all`, at last JSON: see the end.
import gc
import json
import random
import sys

import vfs

CODE = sys.argv[1]
SEED, SHARE, PART, PARTS = (int(word) for word in sys.argv[2:6])
sys.path.insert(0, CODE)
from firmware.core.errors import LogError  # noqa: E402
from firmware.recordlog.files import Files  # noqa: E402
from firmware.recordlog.kept import Kept  # noqa: E402
from firmware.recordlog.ring import Ring  # noqa: E402

BLOCK, BLOCKS = 4096, 32
SEGMENT, SEGMENTS = 3000, 5
STEPS, CHUNK, AFTER = 440, 4, 4
POSITIONS = 3
FURTHER = 10


class Flash:
    """Dies at the beginning of the `cut`-th program or erase from now, and stays dead.

    `doing`: what the log is at, in words; `kinds` has a line for each operation there was.
    """

    def __init__(self, data, cut=0):
        self.doing = ""
        self.kinds = []
        self.bytes = bytearray(data)
        self.data = memoryview(self.bytes)
        self.blank = b"\xff" * BLOCK
        self.count = 0
        self.cut = cut
        self.torn = None  # (at, bytes) of the operation that was cut
        self.dead = False

    def _change(self, at, new, what):
        if self.dead:
            return -5
        self.count += 1
        self.kinds.append("%s, %s" % (self.doing, what))
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
        return self._change(block * BLOCK + offset, buf, "program")

    def ioctl(self, op, arg):
        if op == 4:
            return BLOCKS
        if op == 5:
            return BLOCK
        if op == 6:
            return self._change(arg * BLOCK, self.blank, "erase")
        return 0 if op == 3 else None


class Told(Files):
    """The log's files; the flash is told what each operation is for."""

    flash = None
    starting = ""

    def _do(self, what):
        self.flash.doing = self.starting + what

    def prepare(self):
        self._do("folders")
        super().prepare()

    def append(self, number):
        self._do("segment" if self.size(number) else "new segment")
        return super().append(number)

    def remove(self, number):
        self._do("deletion")
        super().remove(number)

    def write_slot(self, number, view):
        if not view[4]:  # the first part; behind its label an entry begins, with its kind at 1
            self._do("acknowledgement" if view[7] == 0xFF else "journal")
        super().write_slot(number, view)


def workload():
    """Steps: ("append", sizes), ("order", of a delivery), or ("ack", how many of those that a delivery takes)."""
    random.seed(SEED)
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
            steps.append(("order", "lifo" if random.getrandbits(1) else "fifo", random.getrandbits(4) % 3))
        elif 200 < number < 300:
            # A broker that is away: the oldest have to make room.
            steps.append(("append", [150 + random.getrandbits(7)]))
        else:
            steps.append(("ack", 1 + random.getrandbits(3), random.getrandbits(4) % 3))
    return steps


def body(number, size):
    text = b"%d " % number
    return (text + b"." * size)[: max(size, len(text))]


class Delivery:
    """What must be true of one of them."""

    def __init__(self):
        self.acked = set()  # flush() returned
        self.unsure = set()  # acknowledged, but the power failed before flush() returned
        self.acking = []
        self.order = "fifo"
        self.mark = self.marking = 0  # what it has noted beside

    def copy(self):
        other = Delivery()
        other.acked = set(self.acked)
        other.unsure = set(self.unsure)
        other.acking = self.acking
        other.order = self.order
        other.mark, other.marking = self.mark, self.marking
        return other


class World:
    """The flash, the log on it and what must be true of it."""

    def __init__(self):
        self.content = {}  # seq -> payload, where append() returned
        self.number = 0  # of the next record
        self.trying = []  # payloads of an append that has not returned
        self.deliveries = [Delivery() for _ in range(3)]

    def copy(self):
        other = World()
        other.content = dict(self.content)
        other.number = self.number
        other.trying = self.trying
        other.deliveries = [each.copy() for each in self.deliveries]
        return other

    def start(self, flash):
        self.flash = flash
        vfs.mount(vfs.VfsLfs2(flash, progsize=32), "/cut")
        store = Told("/cut/log")
        store.flash = flash
        store.starting = "start: "
        self.ring = Ring(store, segment=SEGMENT, segments=SEGMENTS)
        self.cursors = [self.ring, Kept(self.ring, "http"), Kept(self.ring, "ftp", 3)]
        self.ring.mount()
        for each in self.cursors[1:]:
            each.mount()
        for cursor, each in zip(self.cursors, self.deliveries):
            cursor.order = each.order
        store.starting = ""

    def stop(self):
        self.flash.dead = True
        vfs.umount("/cut")

    def step(self, step):
        ring = self.ring
        kind, what = step[:2]
        if kind == "append":
            payloads = [body(self.number + i, size) for i, size in enumerate(what)]
            self.trying = payloads
            last = ring.append_many([(1, 1000 + self.number, payload) for payload in payloads])
            self.keep(payloads, last)
            return
        cursor, each = self.cursors[step[2]], self.deliveries[step[2]]
        if kind == "order":
            each.order = cursor.order = what
        else:
            each.acking = [seq for seq in [cursor.take() for _ in range(what)] if seq]
            for seq in each.acking:
                check(self.content[seq] == self.read(cursor, seq), "record %d is another one" % seq)
                cursor.ack(seq)
            if cursor is not ring:
                self.flash.doing = "cursor"
                if cursor.marks and each.acking:
                    each.marking = cursor.marks[2] = each.mark + 1
            cursor.flush()
            each.mark = each.marking
            each.acked.update(each.acking)
            each.acking = []

    def keep(self, payloads, last):
        for place, payload in enumerate(payloads):
            seq = last - len(payloads) + 1 + place
            check(seq not in self.content, "number %d twice" % seq)
            self.content[seq] = payload
        self.number += len(payloads)
        self.trying = []

    def read(self, cursor, seq):
        kind, utc, length = cursor.info(seq)
        check(kind == 1, "kind of %d" % seq)
        buf = bytearray(length)
        check(cursor.read_into(seq, buf) == length, "length of %d" % seq)
        return bytes(buf)

    def recovered(self):
        """After a cut: the records of an append that had not returned may be there, all or the first of them."""
        ring = self.ring
        for each in self.deliveries:
            each.unsure.update(each.acking)
            each.acking = []
        known = max(self.content) if self.content else 0
        there = ring.last - known
        check(0 <= there <= len(self.trying), "%d records too many" % there)
        if there:
            self.keep(self.trying[:there], ring.last)
        self.trying = []
        found, each = self.cursors[2].marks[2], self.deliveries[2]
        check(found in (each.mark, each.marking), "a mark of nobody")
        each.mark = each.marking = found
        self.check()

    def check(self):
        """Read everything that waits, then give it back."""
        for cursor, each in zip(self.cursors, self.deliveries):
            self.waits(cursor, each)

    def waits(self, cursor, each):
        order, cursor.order = cursor.order, "fifo"
        cursor.release()
        before = 0
        seen = set()
        while True:
            seq = cursor.take()
            if seq is None:
                break
            check(seq > before, "order")
            before = seq
            check(seq in self.content, "record %d is invented" % seq)
            check(self.read(cursor, seq) == self.content[seq], "record %d is another one" % seq)
            seen.add(seq)
        cursor.release()
        cursor.order = order
        check(not seen & each.acked, "delivered records come back")
        gone = [s for s in self.content if s not in seen and s not in each.acked]
        gone = [s for s in gone if s not in each.unsure]
        text = "lost: %d, counted %d" % (len(gone), cursor.lost)
        check(len(gone) <= cursor.lost <= len(gone) + len(each.unsure), text)
        # What made room is the oldest.
        check(not gone or not seen or max(gone) < min(seen), "a hole")
        check(cursor.damaged == 0, "damaged")


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


class Piece:
    """A few steps of the undisturbed workload: what they begin with, and the kinds of their flash operations."""

    def __init__(self, at, data, world):
        self.at = at
        self.steps = steps[at : at + CHUNK]
        self.data = data
        self.world = world
        flash = Flash(data)
        world = world.copy()
        world.start(flash)
        check(attempt(world, self.steps) == len(self.steps), "a cut nobody made")
        world.check()
        self.kinds = flash.kinds
        world.stop()
        self.after = bytes(flash.bytes), world


def undisturbed():
    """The whole workload in pieces."""
    flash = Flash(b"\xff" * BLOCK * BLOCKS)
    vfs.VfsLfs2.mkfs(flash, progsize=32)
    after = bytes(flash.bytes), World()
    pieces = []
    for at in range(0, STEPS, CHUNK):
        pieces.append(Piece(at, *after))
        after = pieces[-1].after
        pieces[-1].after = None
        gc.collect()
    return pieces, after[1].ring


def chosen(pieces):
    """(piece, number of the operation in it, from 1, its kind) of each operation that is to be cut; and all kinds."""
    found = [(p, n + 1, kind) for p in pieces for n, kind in enumerate(p.kinds)]
    kinds = {}
    for number, (_, _, kind) in enumerate(found):
        kinds.setdefault(kind, []).append(number)
    if SHARE:
        picked = []
        for kind in sorted(kinds):
            those = kinds[kind]
            count = min(SHARE, len(those))
            for turn in range(count):
                # One of each stretch of the workload.
                first, last = len(those) * turn // count, len(those) * (turn + 1) // count
                picked.append(those[first + random.getrandbits(16) % (last - first)])
        found = [found[number] for number in sorted(picked)]
    return found, {kind: len(kinds[kind]) for kind in kinds}


def cut(piece, operation):
    """The power fails in an operation: (the flash, what the world knows then, steps done)."""
    world = piece.world.copy()
    flash = Flash(piece.data, operation)
    done = 0
    try:
        world.start(flash)
    except OSError:
        check(flash.dead, "no start without a cut")
    else:
        done = attempt(world, piece.steps)
    check(flash.dead, "the cut did not come")
    world.stop()
    return flash, world, done


def goes_on(flash, world, rest):
    """A start, everything checked, and `rest` of the workload."""
    world = world.copy()
    world.start(flash)
    world.recovered()
    check(attempt(world, rest) == len(rest), "the log does not work on")
    world.check()
    world.stop()


def fails_again(flash, world):
    """The start after a cut is cut, too: what is left then, or None if it wrote less than that."""
    world = world.copy()
    flash.cut = 1 + random.getrandbits(3)
    try:
        world.start(flash)
    except OSError:
        check(flash.dead, "no start without a cut")
    dead = flash.dead
    world.stop()
    return flash.left(random.getrandbits(16) % POSITIONS) if dead else None


steps = workload()
pieces, ring = undisturbed()
operations, kinds = chosen(pieces)
mine = operations[PART::PARTS]
cuts = ends = again = 0
hit = {}
rounds = set()
for number, (piece, operation, kind) in enumerate(mine):
    hit[kind] = hit.get(kind, 0) + 1
    # What leads to the cut is the same for all positions: no change comes behind it.
    flash, broken, done = cut(piece, operation)
    rounds.add(broken.ring.newest // SEGMENTS)
    rest = steps[piece.at + done :]
    for position in range(POSITIONS):
        where = "operation %d of the steps from %d on (%s), cut at position %d" % (operation, piece.at, kind, position)
        try:
            cuts += 1
            wholly = SHARE == 0 or (number % FURTHER == 0 and position == number // FURTHER % POSITIONS)
            ends += wholly
            goes_on(flash.left(position), broken, rest if wholly else rest[:AFTER])
            if position == number % POSITIONS:
                twice = fails_again(flash.left(position), broken)
                if twice:
                    where += ", and once more in the start after it"
                    again += 1
                    goes_on(twice, broken, rest[:AFTER])
        except Exception:
            print(where)
            raise
    gc.collect()
    print("@ %d %d" % (number + 1, len(mine)))
print(
    json.dumps(
        {
            "operations": sum(kinds.values()),  # of the undisturbed workload, by kind:
            "kinds": kinds,
            "hit": hit,  # the same of those that were cut
            "cuts": cuts,
            "ends": ends,  # workloads that went on to their end
            "again": again,  # starts after a cut that were cut, too
            "steps": len([step for step in steps if step[0] != "order"]),  # appends and acknowledgements
            "records": ring.last,
            "lost": ring.lost,
            "wraps": (ring.newest - 1) / SEGMENTS,
            "rounds": sorted(rounds),  # of these times round the ring something was cut
        }
    )
)
