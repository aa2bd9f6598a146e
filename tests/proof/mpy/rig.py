# For scripts that run the whole app on MicroPython: a board without hardware, and time in which nobody waits. To be
# imported before anything of firmware/. `use(loop)` gives a loop to the board's time: `loop.wait_io_event(ms)` is
# called before each turn of the loop and calls skip(ms). `Board.seen(name)` hears what each service does.
import asyncio
import gc
import sys
import time as real
from asyncio import core

skipped = 0


class Time:
    ticks_add, ticks_diff = real.ticks_add, real.ticks_diff
    time, localtime, gmtime, mktime, sleep = real.time, real.localtime, real.gmtime, real.mktime, real.sleep

    @staticmethod
    def ticks_ms():
        return real.ticks_add(real.ticks_ms(), skipped)


ticks, ticks_diff = Time.ticks_ms, real.ticks_diff
sys.modules["time"] = Time
core.ticks = ticks


def skip(ms):
    global skipped
    if ms > 0:
        skipped += ms


def use(loop):
    asyncio.new_event_loop()
    core._io_queue = loop


class Reset(BaseException):
    """The board was reset."""


def forget():
    """What a reset does to the memory: the firmware's modules, and what they know, begin anew."""
    core.cur_task = None
    for name in list(sys.modules):
        if name.split(".")[0] in ("firmware", "umqtt"):
            del sys.modules[name]
    gc.collect()


class Ballast:
    """Fills the heap up to a rest."""

    def __init__(self):
        self.pieces = [None] * 1024

    def fill(self, rest):
        gc.collect()
        at, size = 0, 1 << 17
        while size > 16 and at < len(self.pieces):
            if gc.mem_free() - rest < size:
                size >>= 1
                continue
            try:
                self.pieces[at] = bytearray(size)
                at += 1
            except MemoryError:
                size >>= 1

    def empty(self):
        for at in range(len(self.pieces)):
            self.pieces[at] = None
        gc.collect()


class Uart:
    def __init__(self, board, name):
        self.board, self.name = board, name
        self.sees_reads = name == "console"

    def any(self):
        if self.sees_reads:
            self.board.seen(self.name)
        return 0

    def write(self, buf):
        self.board.seen(self.name)
        return len(buf)


class Link:
    """A network that never comes."""

    socket = None

    def __init__(self, board):
        self.board = board

    async def up(self, ms):
        await asyncio.sleep_ms(1000)
        return False

    def is_up(self):
        self.board.seen("mqtt")
        return False

    def suspect(self):
        pass

    def status(self):
        return {}


class Rtc:
    def get(self):
        return 1795000000 + ticks() // 1000

    def set(self, utc):
        pass


class Board:
    name = "proof"
    ports = 1
    interval_unit = 10
    versions = True
    window_ms = 0

    def __init__(self, root, settings):
        from firmware.core import clock

        self.root = root
        self.settings = settings
        self.rtc_source = clock.HOST
        self.rtc = Rtc()

    def seen(self, name):
        pass

    def ident(self):
        return "860000000000001"

    def preset(self):
        return self.settings

    def reset_cause(self):
        return "power on"

    def uart(self, index, baud=9600, bits=8, parity=None, stop=1, flow=False, rs485=False):
        from firmware.core.serial_port import SerialPort

        return SerialPort(Uart(self, "meter"), baud)

    def console(self):
        from firmware.core.serial_port import SerialPort

        return SerialPort(Uart(self, "console"), 115200)

    def link(self, config):
        return Link(self)

    def feed(self):
        pass

    def led(self, code):
        pass

    def reset(self, reason):
        raise Reset(reason)
