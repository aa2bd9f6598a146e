"""The twin: the firmware on MicroPython's unix port, with ptys for UARTs and a file for the flash chip.

`twin.json` in the working directory says which pty is what, and what lies on the flash; tools/twin writes it. The
flash is a real littlefs on a block device that is one file, mounted on /flash, so a killed twin loses exactly what a
board would lose. The network is the host's. Exit code 3 asks whoever started the process to start it again.
"""

import binascii
import json
import os
import socket
import sys
import termios
import time

import vfs

from firmware.config.config import Config
from firmware.core import clock, log, overlay
from firmware.core.serial_port import SerialPort

_BLOCK = const(4096)
_RESTART = const(3)
# Indices into the control characters of Linux termios.
_VTIME = const(5)
_VMIN = const(6)
_AHEAD = const(256)


class FileFlash:
    """A flash chip in a file: `blocks` blocks of 4 KiB behind MicroPython's block device interface."""

    def __init__(self, path, blocks):
        self.blocks = blocks
        self._blank = b"\xff" * 256
        try:
            self._file = open(path, "r+b")  # noqa: SIM115  open for as long as the device runs
        except OSError:
            with open(path, "wb") as new:
                blank = b"\xff" * 256
                for _ in range(blocks * (_BLOCK // 256)):
                    new.write(blank)
            self._file = open(path, "r+b")  # noqa: SIM115

    def readblocks(self, block, buf, offset=0):
        self._file.seek(block * _BLOCK + offset)
        self._file.readinto(buf)

    def writeblocks(self, block, buf, offset=0):
        self._file.seek(block * _BLOCK + offset)
        self._file.write(buf)

    def ioctl(self, op, arg):
        if op == 4:
            return self.blocks
        if op == 5:
            return _BLOCK
        if op == 6:
            self._file.seek(arg * _BLOCK)
            for _ in range(_BLOCK // 256):
                self._file.write(self._blank)
            return 0
        return 0 if op == 3 else None


class PtyUart:
    """A UART over a pty: reads of what any() has seen and writes never wait, as with `timeout=0` on a board."""

    def __init__(self, path):
        self.file = open(path, "r+b")  # noqa: SIM115  open for as long as the device runs
        fd = self.file.fileno()
        termios.setraw(fd)
        attributes = termios.tcgetattr(fd)
        attributes[6][_VTIME] = 0
        attributes[6][_VMIN] = 0
        termios.tcsetattr(fd, termios.TCSANOW, attributes)
        self._ahead = bytearray(_AHEAD)
        self._from = self._to = 0

    def any(self):
        if self._from == self._to:
            self._from, self._to = 0, self.file.readinto(self._ahead) or 0
        return self._to - self._from

    def readinto(self, buf, count=-1):
        count = min(self.any(), len(buf) if count < 0 else count)
        buf[:count] = memoryview(self._ahead)[self._from : self._from + count]
        self._from += count
        return count or None

    def write(self, buf):
        return self.file.write(buf)


class HostRtc:
    """The host's clock, `speed` times as fast from `since` on, when it stood at `epoch` (all from twin.json)."""

    def __init__(self, epoch, speed, since=None):
        self._epoch = epoch
        self._start = since or time.time()
        self._speed = speed
        self._shift = 0

    def get(self):
        return int(self._epoch + (time.time() - self._start) * self._speed) + self._shift

    def set(self, utc):
        self._shift += utc - self.get()


class HostLink:
    """The host's own network; always there. A file `no-coverage` in the working directory takes it away."""

    socket = socket

    async def up(self, deadline_ms):
        return self.is_up()

    def is_up(self):
        try:
            os.stat("no-coverage")
            return False
        except OSError:
            return True

    def suspect(self):
        """Nothing to restart: the host looks after its network."""

    def trouble(self):
        """Nothing is known of it."""

    def status(self):
        return {"uplink": "host", "up": self.is_up()}


class Board:
    name = "twin"
    root = "/flash"
    rtc_source = clock.HOST
    # One "minute" of meter.interval, in seconds: the twin is watched by people who wait.
    interval_unit = 1
    shown = 0
    versions = False  # whoever starts the twin chooses what it runs

    def __init__(self):
        with open("twin.json") as file:
            self._setup = json.load(file)
        self.ports = len(self._setup["ports"])
        flash = FileFlash(self._setup.get("flash", "flash.img"), self._setup.get("blocks", 512))
        try:
            self._mount(flash)
        except OSError:
            vfs.VfsLfs2.mkfs(flash, progsize=32)
            self._mount(flash)
        self._lay(self._setup.pop("files", {}))
        speed = self._setup.get("speed", 1)
        epoch = self._setup.get("epoch")
        self.rtc = HostRtc(epoch or time.time(), speed, self._setup.get("since") if epoch else None)
        self.speed = speed
        self.fed = 0

    def _mount(self, flash):
        vfs.mount(vfs.VfsLfs2(flash, progsize=32), self.root)

    def _lay(self, files):
        """Files that somebody has put on the flash: path below its folder -> base64."""
        for path in files:
            try:
                os.mkdir(self.root + "/" + path.rpartition("/")[0])
            except OSError:
                pass  # it is there
            with open(self.root + "/" + path, "wb") as file:
                file.write(binascii.a2b_base64(files[path]))

    def ident(self):
        return self._setup.get("modem") and self._store().get("imei") or self._setup["ident"]

    def _store(self):
        with overlay.part:
            from firmware.boards.base import FileStore

        return FileStore(self.root + "/modem.json")

    def preset(self):
        """Settings laid over the stored ones at each start; with `keep` they are stored, too, as if typed."""
        values = self._setup.pop("settings", {})
        if values and self._setup.get("keep"):
            config = Config(self.root + "/config.json")
            config.load()
            config.set_many(values)
            config.save()
        return values

    def reset_cause(self):
        return self._setup.get("cause", "power on")

    def uart(self, index, baud=9600, bits=8, parity=None, stop=1, flow=False, rs485=False):
        uart = PtyUart(self._setup["ports"][index])
        return SerialPort(uart, baud)

    def console(self):
        path = self._setup.get("console")
        return SerialPort(PtyUart(path), 115200) if path else None

    def link(self, config):
        """The host's network, or with uplink.type modem the simulated one of twin.json's `modem` (pty, control)."""
        modem = self._setup.get("modem")
        if config.get("uplink.type") != "modem" or not modem:
            return HostLink()
        with overlay.part:
            from firmware.boards.modem_twin import link

        return link(modem, config, self._store(), self.reset)

    def feed(self):
        self.fed += 1

    def led(self, code):
        """There is no LED: what it would show stands in the log."""
        if code != self.shown:
            self.shown = code
            log.info("board", "LED: %d", code)

    def reset(self, reason):
        print("twin: restart:", reason)
        sys.exit(_RESTART)
