"""The audit log with the power cut at every flash operation, on a real littlefs.

At every program and erase of a run of entries (the first ones, appended ones, a new file, the oldest one making way)
the power is cut, with none or half of the bytes written. What was written before is there in its order, each once; of
what was under way all that is in one write or nothing; and the next entries follow. Prints `ok CUTS FILES` or raises.
Run by tests/host/micropython/test_audit_power.py on MicroPython.
"""

import gc
import os

import vfs

from firmware.core import log
from firmware.security import audit
from tests.host.support.mpy.ram import Ram, blank

BLOCKS = 24
# Entries in a stretch that is cut at each of its operations, and in all.
CHUNK = 5
ALL = 150
BATCH = 4  # of so many times one has several entries to write
CLOCK = [1790000000]
NOW = [1000]

log.sink = lambda line: None
log.monotonic_s = audit.monotonic_s = lambda: NOW[0]


class Board:
    root = "/cut"


class Config:
    def get(self, name):
        return 8


class Clock:
    def utc(self):
        return CLOCK[0]


class App:
    """On a flash."""

    board = Board
    config = Config()
    clock = Clock()
    restart_reason = ""
    audit = mqtt = None

    def __init__(self, flash):
        self.flash = flash
        vfs.mount(vfs.VfsLfs2(flash, progsize=256), "/cut")
        log.notes.clear()

    def stop(self):
        self.flash.dead = True
        vfs.umount("/cut")

    def say(self, number):
        """Whether the flash has taken it: nothing waits then."""
        for at in range(3 if number % BATCH == 0 else 1):
            log.note("mqtt lector102/860000000000001/AT", "command %d.%d" % (number, at), "OK")
        NOW[0] += 60
        CLOCK[0] += 60 if number % 7 else -100000
        audit.write(self)
        return not [item for item in self.audit[-1] if item[1]]

    def whats(self):
        return [entry[5] for entry in audit.read(self, 9999)]


def names(number):
    return ["command %d.%d" % (number, at) for at in range(3 if number % BATCH == 0 else 1)]


def check(fact, text):
    if not fact:
        raise AssertionError(text)


def is_end(found, promised, text):
    """Only the oldest may have made way."""
    check(found == promised[len(promised) - len(found) :] and len(found) >= min(len(promised), 30), text)


def cut(data, before, first, number, part):
    """Cut at operation `number` of entries from `first` on; whether it came to that."""
    flash = Ram(data, number, part)
    promised = list(before)
    doubtful = []
    try:
        app = App(flash)
    except OSError:
        check(flash.dead, "no file system")
        return True
    for each in range(first, first + CHUNK):
        if not app.say(each):
            doubtful = names(each)
            break
        promised += names(each)
    dead = flash.dead
    check(dead or not doubtful, "refused without a cut")
    app.stop()
    if not dead:
        return False
    app = App(Ram(flash.data))
    found = app.whats()
    for count in range(len(doubtful), -1, -1):
        if found[-1:] == doubtful[count - 1 : count] or not count:
            promised += doubtful[:count]
            break
    is_end(found, promised, "entry %d, operation %d: %s after %s" % (first, number, found[-4:], promised[-4:]))
    check(app.say(9000), "nothing is taken after the cut")
    promised += names(9000)
    found = app.whats()
    is_end(found, promised, "the next one after operation %d: %s" % (number, found[-4:]))
    room()
    app.stop()
    return True


def room():
    """There are never more bytes or files than it may have."""
    sizes = [os.stat("/cut/audit/" + name)[6] for name in os.listdir("/cut/audit")]
    check(len(sizes) <= 2 and max(sizes) <= 4096, "files of %s" % sizes)


def main():
    flash = Ram(blank(BLOCKS))
    vfs.VfsLfs2.mkfs(flash, progsize=256)
    data, promised = flash.data, []
    cuts = files = 0
    for first in range(1, ALL, CHUNK):
        for part in (0, 1):
            number = 1
            while cut(data, promised, first, number, part):
                number += 1
                cuts += 1
                gc.collect()
        app = App(Ram(data))
        for each in range(first, first + CHUNK):
            check(app.say(each), "refused")
            promised += names(each)
        is_end(app.whats(), promised, "without a cut")
        numbers = [entry[0] for entry in audit.read(app, 9999)]
        check(numbers == sorted(set(numbers)), "numbers")
        room()
        files = max(audit.names("/cut/audit"))
        data = app.flash.data
        app.stop()
    print("ok %d %d" % (cuts, files))


main()
