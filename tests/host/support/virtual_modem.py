"""A board's modem side and a simulated modem in one process, in virtual time: an hour takes a
second.

The firmware's `ticks_ms` follows the running loop's clock (firmware/core/compat.py), the simulator's
`now` does, too.
"""

import asyncio
import selectors
from unittest import mock

from firmware.core import log
from firmware.net.modem import exchange, prepare
from tests.host.support import virtual_time
from tools.lwip import local
from tools.modem.engine import Modem


class _Selector(selectors.SelectSelector):
    """Instead of waiting, moves the clock."""

    def __init__(self):
        super().__init__()
        self.now = 1000.0

    def select(self, timeout=None):
        if timeout is None:
            raise RuntimeError("everything waits for ever")
        self.now += max(timeout, 0)
        return super().select(0)


class VirtualLoop(virtual_time.JumpingLoop):
    def __init__(self):
        self._clock = _Selector()
        super().__init__(self._clock)

    def time(self):
        return self._clock.now

    def alone(self):
        return True

    def jump(self, seconds):
        self._clock.now += seconds


def run_virtual(main):
    """Run the coroutine function `main` to its end in virtual time."""
    loop = VirtualLoop()
    asyncio.set_event_loop(loop)
    try:
        # Fewer looks for an answer make an hour cheaper, as fewer turns do (World).
        with mock.patch.object(exchange, "_TURN_MS", 40):
            return loop.run_until_complete(main())
    finally:
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        asyncio.set_event_loop(None)
        loop.close()


class Uart:
    """What machine.UART is to the firmware, with the simulated modem at its other end."""

    IRQ_RXIDLE = 4

    def __init__(self, modem):
        self.modem = modem
        self.short = 0  # accept at most so many bytes a write (rp2 with a full txbuf)

    def readinto(self, buf, count=-1):
        self.modem.tick()
        data = self.modem.take(len(buf) if count < 0 else min(count, len(buf)))
        buf[: len(data)] = data
        return len(data) or None

    def read(self, count=64):
        buf = bytearray(count)
        got = self.readinto(buf)
        return bytes(buf[:got]) if got else None

    def write(self, buf):
        data = bytes(buf)[: self.short or None]
        self.modem.receive(data)
        return len(data)

    def any(self):
        self.modem.tick()
        return len(self.modem.out)

    def irq(self, handler=None, trigger=0):
        return None

    def init(self, baudrate):
        self.modem.host_baud = baudrate


class Store(dict):
    """Stands in for the board's store: forgets at power-off."""

    gate = None

    def set(self, key, value):
        self[key] = value


class World:
    """One board with one modem. `link` is the ModemLink, `log` what it said."""

    def __init__(self, profile="generic", faults=None, settings=None, pins=True, off=True, **options):
        clock = asyncio.get_running_loop().time
        self.epoch = options.pop("epoch", 1795000000)
        running = options.pop("running", False)
        store = options.pop("store", None)
        dcd, dtr = options.pop("dcd", False), options.pop("dtr", False)
        self.modem = Modem(profile, faults or {}, now=clock, epoch=self.epoch, **options)
        self.chip = local.Chip(clock)
        self.log = []
        self.reboots = []
        self.times = []
        self.received = []
        self.ran = []
        log.sink = self.log.append
        wires = {"on_time": self.times.append, "execute": self._execute}
        if pins:
            wires.update(power_key=self.modem.power_key, reset=self.modem.reset)
        if dcd:
            wires["dcd"] = self.modem.dcd
        if dtr:
            wires["dtr"] = self.modem.dtr
        every = {
            "apn": "internet",
            "model": profile,
            "network": "auto",
            "cmux": True,
            "baud": 115200,
        }
        every.update(settings or {})
        # Nothing here depends on how often a turn comes; fewer of them make an hour cheaper.
        every["timing"] = dict({"turn": 60}, **every.get("timing", {}))
        self.link = prepare.link(
            Uart(self.modem),
            self.chip.ppp,
            every,
            self.chip.sockets,
            Store() if store is None else store,
            reboot=self.reboots.append,
            **wires,
        )
        if not off or running:
            self.modem.start(running=running)
        self.task = asyncio.ensure_future(self.link.run())

    async def _execute(self, line, channel):
        self.ran.append((line, channel))
        return line + "\r\nOK"

    async def until(self, condition, seconds):
        """Wait (virtual) until `condition()`; seconds it took. Fails after `seconds`, with the
        log.
        """
        loop = asyncio.get_running_loop()
        start = loop.time()
        while not condition():
            if self.task.done():
                self.task.result()
                raise AssertionError("run() ended")
            if loop.time() - start > seconds:
                raise AssertionError(
                    "not within %d s: %s\n%s" % (seconds, self.link.status(), "\n".join(self.log[-40:]))
                )
            await asyncio.sleep(0.1)
        return loop.time() - start

    async def online(self, seconds):
        return await self.until(self.link.is_up, seconds)
