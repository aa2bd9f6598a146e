# Runs on MicroPython: argv = seed, days. A device's life in virtual time over real littlefs on a flash in RAM: a
# record each quarter of an hour, the real log and the real publisher; outages of broker, link and power from the seed.
# Prints one line of JSON.
import asyncio
import gc
import json
import random
import struct
import sys

import vfs

sys.path.insert(0, ".")
from firmware.core import log  # noqa: E402
from firmware.delivery.publisher import Publisher  # noqa: E402
from firmware.recordlog.ring import Ring  # noqa: E402

SEED, DAYS = int(sys.argv[1]), int(sys.argv[2])
PERIOD = 900
RECORD = 220
BLOCK = 4096
BLOCKS = 512  # 2 MiB
WINDOW = 8


class PowerCut(Exception):
    pass


class Flash:
    """Counts erases and programmed bytes; `cut` more programs or erases and the power fails within one.

    After that this object stays dead: what MicroPython closes late must not reach the flash any more.
    `before`: the one whose content this one goes on with.
    """

    def __init__(self, before=None):
        self.data = before.data if before else memoryview(bytearray(BLOCK * BLOCKS))
        self._blank = b"\xff" * BLOCK
        self.erases = before.erases if before else [0] * BLOCKS
        self.programmed = before.programmed if before else 0
        self.cut = 0
        self.dead = False

    def _count(self):
        if self.cut and not self.dead:
            self.cut -= 1
            if not self.cut:
                self.dead = True
                return True
        return False

    def readblocks(self, block, buf, offset=0):
        at = block * BLOCK + offset
        buf[:] = self.data[at : at + len(buf)]

    def writeblocks(self, block, buf, offset=0):
        torn = self._count()
        if self.dead and not torn:
            return -5
        length = random.getrandbits(12) % len(buf) if torn else len(buf)
        at = block * BLOCK + offset
        self.data[at : at + length] = memoryview(buf)[:length]
        self.programmed += length
        # As an error code: an exception would jump through littlefs and leave it in pieces.
        return -5 if torn else 0

    def ioctl(self, op, arg):
        if op == 4:
            return BLOCKS
        if op == 5:
            return BLOCK
        if op == 6:
            torn = self._count()
            if self.dead and not torn:
                return -5
            self.erases[arg] += 1
            length = random.getrandbits(12) if torn else BLOCK
            self.data[arg * BLOCK : arg * BLOCK + length] = memoryview(self._blank)[:length]
            return -5 if torn else 0
        return 0 if op == 3 else None


class Broker:
    """The session as the publisher sees it, and the broker behind it: takes in order, confirms a little later."""

    def __init__(self):
        self.flying = {}
        self.on_acked = None
        self.up = False
        self._next = 0
        self.got = {}  # number of the record -> how often
        self.last = 0
        self.unordered = 0

    def room(self):
        return self.up

    def publish(self, topic, payload, cargo, qos=1, retain=False):
        self._next += 1
        number = struct.unpack("<I", payload)[0]
        # Some never leave the modem.
        arrives = random.getrandbits(10) != 0
        self.flying[self._next] = (cargo, 0, number if arrives else None)
        if not arrives:
            self.up = False

    def settle(self):
        """What is on the way arrives and is confirmed, unless the connection breaks in between."""
        breaks = random.getrandbits(9) == 0
        for pid in sorted(self.flying):
            cargo, _, number = self.flying[pid]
            if number is not None:
                if number not in self.got:
                    if number < self.last:
                        self.unordered += 1
                    self.last = number
                self.got[number] = self.got.get(number, 0) + 1
            if number is None or (breaks and random.getrandbits(1)):
                self.up = False
                break
            del self.flying[pid]
            self.on_acked(cargo)


class Life:
    def __init__(self):
        random.seed(SEED)
        self.flash = Flash()
        vfs.VfsLfs2.mkfs(self.flash, progsize=32)
        self.broker = Broker()
        self.kept = self.cuts = self.mounts = 0
        self.until = {"broker": 0, "link": 0, "power": 0}
        self.outages = {"broker": 0, "link": 0, "power": 0}
        self.deepest = 0
        self.start()

    def start(self):
        """Power on: everything in RAM is new."""
        vfs.mount(vfs.VfsLfs2(self.flash, progsize=32), "/year")
        self.mounts += 1
        self.ring = Ring("/year/log", segment=16384, segments=48)
        self.ring.mount()
        self.broker.flying = {}
        self.publisher = Publisher(self.broker, self.ring, lambda kind: "t")

    def stop(self):
        self.cuts += 1
        self.flash.dead = True
        vfs.umount("/year")
        self.flash = Flash(self.flash)
        gc.collect()

    def outage(self, what, now, mean_days, longest_hours):
        """Now and then `what` fails for a while."""
        if now >= self.until[what] and random.random() < PERIOD / 86400 / mean_days:
            self.outages[what] += 1
            hours = longest_hours * random.random() ** 3
            self.until[what] = now + int(hours * 3600)
            return True
        return now < self.until[what]

    async def period(self, now):
        if now < self.until["power"]:
            return
        record = struct.pack("<I", self.kept + 1) + b"r" * (RECORD - 4)
        if self.outage("power", now, 6, 30):
            # The power fails somewhere in what this quarter of an hour writes.
            self.flash.cut = 1 + random.getrandbits(3)
        try:
            self.ring.append_many([(1, now, record)])
            self.kept += 1
            down = self.outage("broker", now, 20, 72)
            down = self.outage("link", now, 4, 24) or down
            await self.deliver(down)
        except OSError:
            if not self.flash.dead:
                raise
        if self.flash.cut or self.flash.dead:
            self.stop()
            self.start()

    async def deliver(self, down):
        broker = self.broker
        was = broker.up
        broker.up = not down
        while broker.up:
            any_sent = await self.publisher.send({"window": WINDOW})
            broker.settle()
            await self.publisher.note_acks()
            if not any_sent:
                break
        if not broker.up and (was or broker.flying):
            broker.flying = {}
            self.publisher.lost()
        self.deepest = max(self.deepest, self.ring.stats()["depth"])

    async def run(self):
        now = 1767225600
        for _ in range(DAYS * 96):
            now += PERIOD
            await self.period(now)
        self.until = {"broker": 0, "link": 0, "power": 0}
        for _ in range(3):
            await self.deliver(False)


log.sink = lambda line: None
life = Life()
asyncio.run(life.run())
lost = [n for n in range(1, life.kept + 1) if n not in life.broker.got]
payload = life.kept * RECORD
print(
    json.dumps(
        {
            "records": life.kept,
            "lost": len(lost),
            "duplicates": sum(life.broker.got.values()) - len(life.broker.got),
            "unordered": life.broker.unordered,
            "invented": len([n for n in life.broker.got if n > life.kept + 1]),
            "counted_lost": life.ring.stats()["lost"],
            "deepest": life.deepest,
            "outages": life.outages,
            "cuts": life.cuts,
            "per_byte": life.flash.programmed / payload,
            "most_erases": max(life.flash.erases),
            "mean_erases": sum(life.flash.erases) / BLOCKS,
        }
    )
)
