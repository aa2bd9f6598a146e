"""What the firmware writes into the root folder of a device's flash: each of ACTS, at /f, for root_cut.py."""

import asyncio
import os

import vfs

import boot
from firmware.boards.base import FileStore
from firmware.config.config import Config
from firmware.core import log
from firmware.meters import frame_trace
from firmware.meters.ledger import Ledger
from firmware.meters.result import Result
from firmware.update import safestart, slots
from tests.host.support.mpy.ram import Ram, around, blank

BLOCKS = 40
OLD, NEW = "tcp://old.example", "tcp://new.example"

boot.print = log.warn = log.error = log.info = lambda *_: None


def mounted(ram):
    vfs.mount(vfs.VfsLfs2(ram, progsize=256), "/f")


def laid(fill):
    """A flash with the files of a device and `fill` more, which move the place where littlefs has split the root."""
    ram = Ram(blank(BLOCKS))
    vfs.VfsLfs2.mkfs(ram, progsize=256)
    mounted(ram)
    around("/f", fill)
    for name in ("trace.txt", "trace.old.txt"):
        with open("/f/" + name, "w") as file:
            file.write("x" * 33000)
    slots.switch("/f", "app.a", "ok", "deployed by cable")
    settings = config()
    settings.set_many({"mqtt.broker": "tcp://older.example"})
    if fill % 2:
        # More than littlefs keeps inside of a folder's block.
        for number in range(8):
            settings.set_many({"meter.%d.id" % number: "METER_NUMBER_%d_OF_THIS_DEVICE" % number})
    settings.save()
    settings.set_many({"mqtt.broker": OLD})
    settings.save()
    ledger = Ledger("/f/m0_ledger.json")
    for key in range(20):
        ledger.add(key * 2654435761 & 0xFFFFFFFF)
    ledger.set_mark("curve", 1)
    ledger.save()
    vfs.umount("/f")
    return bytes(ram.data)


def config():
    found = Config("/f/config.json")
    found.load()
    return found


def save():
    settings = config()
    settings.set_many({"mqtt.broker": NEW})
    settings.save()


def first_save():
    """Without a file before."""
    settings = Config("/f/other.json")
    settings.set_many({"mqtt.broker": NEW})
    settings.save()


def trial():
    settings = config()
    settings.change({"mqtt.broker": NEW}, 60)
    settings.begin_trial()
    settings.expire()


def confirmed():
    settings = config()
    settings.change({"mqtt.broker": NEW}, 60)
    settings.begin_trial()
    settings.confirm()


def ledger():
    found = Ledger("/f/m0_ledger.json")
    found.add(77)
    found.set_mark("curve", 2)
    found.save()


def first_ledger():
    found = Ledger("/f/m1_ledger.json")
    found.set_mark("curve", 2)
    found.save()


def switch():
    slots.switch("/f", "app.b", "trial", "update to 2.0")


def starts():
    before = os.getcwd()
    os.chdir("/f")
    try:
        if not boot._write("starts", "2"):
            raise OSError(5)
    finally:
        os.chdir(before)


def field():
    """As boot.py of the field writes: it renames, but to the next name there is, and hides nothing."""
    for name, text in (("starts", "2"), ("why", "app.a failed 3 starts"), ("current", "app.b fallback")):
        slots.write_text("/f/%s.tmp" % name, text)
        os.rename("/f/%s.tmp" % name, "/f/" + name)


def crash():
    safestart.Guard("/f").keep_now(ValueError("x" * 200), "meter")


def pin():
    FileStore("/f/modem.json").set("pin", "wrong")


def result():
    given = None
    for size in (700, 90):
        found = Result("/f/m0_result4")
        found.begin(given)
        found.add(b"r" * size)
        found.finish(0, None)
        given = found


def trace():
    class App:
        lines = ()

        class board:  # noqa: N801  an instance of the board's class would do no more
            root = "/f"

        class gate:  # noqa: N801
            @staticmethod
            async def wait(_):
                pass

            @staticmethod
            def is_open():
                return True

    asyncio.run(turned(frame_trace.Tracer(App, ("console", "", 0))))


async def turned(tracer):
    tracer.stop()
    await tracer.to_file(["t" * 60])


def made():
    slots.write_text("/f/update.txt", "12 failed")
    slots.clear("/f", "app.c")


def removed():
    slots.remove("/f/reason")
    slots.remove("/f/crash.txt")


ACTS = (save, first_save, trial, confirmed, ledger, first_ledger, switch, starts, crash, pin, result, trace)
ACTS += (field, made, removed)
