"""Whatever else writes to flash waits for the end of a meter's answer, as the log does (test_log_gate.py).

Two lines are read without a pause; every file that is opened for writing, renamed or removed meanwhile is looked at.
"""

import asyncio
import builtins
import os
import random
from unittest import mock

import pytest

from firmware.app import device as services
from firmware.app import main as root
from firmware.commands.dispatcher import Channel, Processor
from firmware.core import log
from firmware.core.clock import Clock
from firmware.core.flash_gate import Gate
from firmware.meters import reading, readings
from firmware.meters.ledger import Ledger
from firmware.meters.meter import Meter
from firmware.meters.schedule import Schedule, replan
from firmware.net.modem import setup
from firmware.recordlog.ring import Ring
from tests.host.support import memory_meters, virtual_time
from tests.host.support.record_format import record_format
from tests.host.unit.app.test_trial import Mqtt, Rtc
from tests.host.unit.recordlog.test_log_gate import Line

pytestmark = pytest.mark.takes(10)

_EPOCH = 1795000000


class Flash:
    """Counts what is written below `folder`, and how often a line of `lines` was receiving then."""

    def __init__(self, monkeypatch, folder):
        self.folder = str(folder)
        self.lines = []
        self.looks = True
        self.writes = self.disturbed = 0
        for module, name in ((builtins, "open"), (os, "rename"), (os, "remove")):
            monkeypatch.setattr(module, name, self._watched(getattr(module, name), name))

    def _watched(self, function, name):
        def call(path, *rest, **named):
            writes = name != "open" or set("wa+") & set("".join(rest[:1]))
            if self.looks and writes and str(path).startswith(self.folder):
                self.writes += 1
                self.disturbed += any(line.receiving for line in self.lines)
            return function(path, *rest, **named)

        return call


class Board:
    name = "test"

    def __init__(self, folder):
        self.root = folder

    def feed(self):
        pass

    def led(self, code):
        pass

    def reset_cause(self):
        return "power on"


class Store(dict):
    """The modem's memory, as firmware/boards/common.FileStore keeps it."""

    def __init__(self, path, gate):
        super().__init__()
        self.path, self.gate = path, gate

    def set(self, key, value):
        self[key] = value
        with open(self.path, "w") as file:
            file.write(str(value))


class Sim:
    """A channel to a SIM that wants its PIN once."""

    def __init__(self):
        self.state = "SIM PIN"

    async def command(self, line, *rest, **named):
        await asyncio.sleep(0.01)
        if line.startswith("AT+CPIN="):
            self.state = "READY"
        return ["+CPIN: " + self.state]


def device(flash, gate):
    folder = flash.folder
    app = services.App(Board(folder))
    app.flash = flash
    app.config.load()
    app.imei = "1"
    app.gate = gate
    app.clock = Clock(Rtc(), "Europe/Madrid")
    app.ring = Ring(folder + "/log")
    app.ring.mount()
    app.format = record_format("1", "P")
    app.lines = []
    app.config.set_many({"mqtt.enabled": "on", "mqtt.broker": "tcp://one"})
    app.mqtt = Mqtt(app)
    app.deliveries.append(app.mqtt)
    app.look_up_topics()
    app.processor = Processor(app)
    return app


async def command(app, text):
    after, collector = await app.processor.collect(text, Channel("console", "console.commands"))
    assert after is None and b"OK" in collector.take()


async def saved(app, number):
    await command(app, "AT^MTXTUNNEL=SETPARAM,logger.size,%d" % (3000 + number))


async def kept(app, number):
    await command(app, "AT^MTXTUNNEL=SAVECONFIG")


async def taken_over(app, number):
    await command(app, "AT^MTXTUNNEL=SAVECONFIG\nlogger.size: %d" % (3000 + number))


async def cleared(app, number):
    app.flash.looks = False  # only what the command writes counts
    app.ring.append(1, 0, b"record")
    app.flash.looks = True
    await command(app, "AT^MTXTUNNEL=CLEARLOG,YES")


async def tried(app, number):
    """Settings on trial prove themselves, and the watch of the app keeps them."""
    app.config.set_many({"mqtt.user": "old"})
    app.config.staged["mqtt.user"] = "u%d" % number
    app.config.trying = app.config.trial_seconds = 60
    app.trial_since -= 100
    watch = asyncio.ensure_future(root._watch(app, None))
    while app.config.trying:
        await asyncio.sleep(0.1)
    watch.cancel()
    assert app.config.get("mqtt.user") == "u%d" % number


async def restarted(app, number):
    app.restart_reason = services.COMMANDED + "test"
    app.config.staged["mqtt.user"] = "u%d" % number
    app.config.trying = app.config.trial_seconds = 60
    await app.before_restart()


async def pin(app, number):
    await setup.unlock(Sim(), "%04d" % number, Store(app.board.root + "/modem.json", app.gate), 60000)


async def audited(app, number):
    """What changes nothing else on the flash, and the watch's own look."""
    await command(app, "AT^MTXTUNNEL=SYNC")
    log.note("clock", "ntp%d" % number, "61")
    await app.note()


async def ledger(app, number):
    """A schedule that must survive a restart is done: its mark moves."""
    place = "%s/m%d_" % (app.board.root, number)
    schedule = Schedule(readings.IDENTITY, 900, True)
    meter = Meter("A", (1, 1, 1), [schedule], True, {}, Ledger(place + "ledger.json"), place)
    line = memory_meters.line_of(None, [meter], app.ring.append_many)
    line.gate = app.gate
    replan(line)

    async def session(*_):
        await asyncio.sleep(0)
        return True

    with mock.patch.object(reading, "session", session):
        await reading.scheduled(line, meter, 0)
    assert meter.ledger.mark("done%d" % readings.IDENTITY)


def play(flash, gate, act):
    async def main():
        loop = asyncio.get_running_loop()
        flash.lines = [Line(station, gate) for station in memory_meters.stations(2, loop.utc)]
        app = device(flash, gate)
        tasks = [asyncio.ensure_future(line.run(n + 1)) for n, line in enumerate(flash.lines)]
        dice = random.Random(6)
        flash.writes = flash.disturbed = 0
        for number in range(16):
            await asyncio.sleep(dice.random() / 4)
            await act(app, number)
        for task in tasks:
            assert not task.done(), task.result()
            task.cancel()

    virtual_time.run(main(), _EPOCH)


ACTS = (saved, kept, taken_over, cleared, tried, restarted, pin, audited, ledger)


@pytest.mark.parametrize("act", ACTS)
def test_it_waits_for_the_end_of_an_answer(act, monkeypatch, tmp_path):
    flash, gate = Flash(monkeypatch, tmp_path), Gate()
    play(flash, gate, act)
    assert flash.writes >= 12
    # Only what has waited two seconds for a silence may disturb.
    assert flash.disturbed == gate.forced == 0


@pytest.mark.parametrize("act", ACTS)
def test_without_the_gate_it_would_disturb(act, monkeypatch, tmp_path):
    class Open(Gate):
        async def wait(self, limit_ms=0):
            return

    flash = Flash(monkeypatch, tmp_path)
    play(flash, Open(), act)
    assert flash.disturbed > 1


@pytest.mark.parametrize("act", (saved, cleared))
def test_a_line_that_never_falls_silent_holds_a_command_up_only_so_long(act, monkeypatch, tmp_path):
    async def main():
        flash, gate = Flash(monkeypatch, tmp_path), Gate()
        app = device(flash, gate)
        gate.close()
        loop = asyncio.get_running_loop()
        start = loop.time()
        await act(app, 1)
        # Once for what it does, once for the audit log.
        assert gate.forced == 2 and loop.time() - start < 5

    virtual_time.run(main(), _EPOCH)
