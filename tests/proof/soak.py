"""The whole app for a month in virtual time: no memory of its own and no file grows, and no record is lost.

Three meters that fall silent and whose line garbles, a broker that restarts, commands by chance on MQTT, the console,
tags and SMS. What is counted is the size of all that the app, its tasks and its modules hold after a collection, and
the bytes of its files, each day at the same time. They go into docs/soak.json, and from there into docs/soak.svg.
"""

import asyncio
import collections
import contextlib
import gc
import json
import random
import sys
import tempfile
import types
from pathlib import Path
from unittest import mock

from firmware.app import main as root
from firmware.app import starting
from firmware.commands.channels import mqtt as channel
from firmware.core import clock, log
from firmware.core.compat import sleep_ms
from firmware.delivery.mqtt import service
from firmware.meters import meter as meterline
from tests.host.support import memory_meters, umqtt_versions, virtual_time
from tests.host.support.fake_ports import MemoryPort, StationMeter
from tests.proof import curves
from tests.proof.soak_broker import Broker, Link, Session
from tests.proof.soak_commands import lines
from tools.meter.station import Station

HOUR, DAY = 3600, 86400
START = 1795000000 // DAY * DAY + 5 * HOUR
DAYS = 31
METERS = 3
# Bytes: what the heap may have more than on the second day, and the files, whose log goes segment by segment.
_HEAP, _FILES, _RESULT, _AUDIT = 2048, 8192 + 4096, 16384, 8192
_SETTINGS = {
    "mqtt.enabled": "on", "mqtt.broker": "tcp://broker", "mqtt.at_topic": "at", "mqtt.atr_topic": "atr",
    "mqtt.commands": "*", "sms.commands": "*", "port.2.at": "on", "port.2.commands": "*", "logger.segments": "16",
    "logger.segment": "8192", "limit.commands": "1000", "device.confirm": "off", "device.mtxerr": "on",
    "audit.size": "8",
}  # fmt: skip
# What is asked by chance; each once on the first day, so that its code is there before anybody counts.
_LINES = lines(["M%d" % number for number in range(METERS)])


class _Port(MemoryPort):
    """Waits in pieces, as core/serial_port.py does: whoever waits for it has a turn now and then."""

    async def readinto(self, buf, timeout_ms):
        count = 0
        while not count and timeout_ms > 0:
            count = await super().readinto(buf, min(timeout_ms, 60000))
            timeout_ms -= 60000
        return count


class Board:
    """A board in memory: two ports, a console, a network that is always there."""

    name, ports, rtc_source = "soak", 2, clock.HOST
    versions = False

    def __init__(self, folder, line, broker):
        self.root, self.rtc = folder, memory_meters.Rtc()
        self._ports = (line, _Port())
        self.tags, self.typed, self.broker = self._ports[1], _Port(), broker

    def ident(self):
        return memory_meters.IMEI

    def reset_cause(self):
        return "power on"

    def preset(self):
        found = dict(_SETTINGS)
        for number in range(METERS):
            values = {
                "enabled": "on", "id": "M%d" % number, "link": number + 1, "point": 1, "password": number + 1,
                "interval": 15, "curve": 360, "closing": "on", "events": 720, "days": 40,
            }  # fmt: skip
            found.update({"meter.%d.%s" % (number, key): values[key] for key in values if key != "days"})
        return found

    def uart(self, index, *_):
        return self._ports[index]

    def console(self):
        return self.typed

    def link(self, config):
        return Link(self.broker)

    def feed(self):
        pass

    def led(self, code):
        pass

    def reset(self, reason):
        raise AssertionError("the device restarts: " + reason)


class Month:
    """The device, what is around it and what was counted."""

    def __init__(self, folder, seed, days):
        self.days, self.random, self.folder = days, random.Random(seed), Path(folder)
        self.stations = memory_meters.stations(METERS, virtual_time.utc)
        self.garbles = False
        self.broker = Broker()
        self.board = Board(folder, StationMeter(self._receive, self._noise, self._noise).port, self.broker)
        self.kept = collections.Counter()
        self.heap, self.files, self.audit, self.commands, self.failed = [], [], [], 0, 0

    def _receive(self, data):
        return [frame for station in self.stations for frame in station.receive(data)]

    def _noise(self, data):
        if self.garbles and self.random.random() < 0.02:
            data = bytes((data[0] ^ 0x10,)) + data[1:]
        return [(0, data)]

    async def live(self):
        """The month, and an hour at its end in which nothing happens and all is delivered."""
        app = self.app = _started(self.board)
        append = app.ring.append_many

        def counted(batch):
            found = append(list(batch))
            self.kept.update(hash(bytes(payload)) for _, _, payload in batch)
            return found

        app.ring.append_many = counted
        watch = asyncio.ensure_future(root._watch(app, None))
        for line in _LINES:
            await self._say(line)
        for day in range(self.days):
            await self._day(day)
            self._count()
            assert not watch.done(), watch.exception()
        self.garbles, self.broker.up = False, True
        for station in self.stations:
            station.plugged = True
        await sleep_ms(HOUR * 1000)
        for watched in app.watched:
            self.failed += watched.restarts
        watch.cancel()

    async def _day(self, day):
        """24 hours with their troubles, at random moments."""
        dice, happens = self.random, []
        for _ in range(40):
            line = dice.choice(_LINES)
            happens.append((dice.randrange(DAY - 7200), lambda line=line: self._say(line)))
        for _ in range(3):
            begin = dice.randrange(DAY - 3 * HOUR)
            happens.append((begin, lambda: self._broker(False)))
            happens.append((begin + dice.randrange(HOUR), lambda: self._broker(True)))
            station = dice.choice(self.stations)
            happens.append((begin + 60, lambda station=station: self._plug(station, False)))
            happens.append((begin + dice.randrange(60, 2 * HOUR), lambda station=station: self._plug(station, True)))
        happens.append((dice.randrange(DAY // 2), lambda: self._garble(True)))
        happens.append((DAY - 2 * HOUR, lambda: self._garble(False)))
        end = virtual_time.utc() + DAY
        for second, event in sorted(happens, key=lambda each: each[0]):
            await sleep_ms(max(0, end - DAY + second - virtual_time.utc()) * 1000)
            await event()
        await sleep_ms(max(0, end - virtual_time.utc()) * 1000)

    async def _broker(self, there):
        self.broker.up = there

    async def _plug(self, station, there):
        station.plugged = there

    async def _garble(self, there):
        self.garbles = there

    async def _say(self, line):
        """One command, on a channel by chance."""
        if "%d" in line:
            line = line % self.random.randint(1, 9)
        self.commands += 1
        way = self.random.randrange(4)
        if way == 0:
            self.broker.say("at", line)
        elif way == 1:
            self.board.typed.deliver(line.replace("\n", "\r").encode() + b"\r")
            await sleep_ms(60000)
            self.board.typed.sent.clear()
            self.board.typed.sent_at.clear()
        elif way == 2:
            self.board.tags.deliver(b"<MTXTUNNELR>" + line.encode() + b"</MTXTUNNELR>")
            await sleep_ms(60000)
            self.board.tags.sent.clear()
            self.board.tags.sent_at.clear()
        else:
            await self.app.processor.answer(line, "sms")

    def _count(self):
        gc.collect()
        apart = (Month, Broker, Link, Session, Station, StationMeter, MemoryPort, Board, asyncio.AbstractEventLoop)
        self.heap.append(held(self.app, apart))
        sizes = {str(path): path.stat().st_size for path in self.folder.rglob("*") if path.is_file()}
        # Of a reading on demand the last answer stays, one of a meter and a kind.
        results = [name for name in sizes if "_result" in name]
        assert all(sizes[name] <= _RESULT for name in results)
        audit = [name for name in sizes if "/audit/" in name]
        self.audit.append(sum(sizes[name] for name in audit))
        assert self.audit[-1] <= _AUDIT and len(audit) <= 2
        self.files.append(sum(sizes[name] for name in sizes if name not in results and name not in audit))


def held(app, apart):
    """Bytes of all that the app, its tasks and the firmware's modules hold, but objects of the classes `apart`."""
    never = (*apart, type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.CodeType)
    found = [app, *(each for name, each in sys.modules.items() if name.startswith("firmware"))]
    left, seen, size = [each if each is app else vars(each) for each in found], set(), 0
    while left:
        each = left.pop()
        if id(each) in seen or isinstance(each, never):
            continue
        seen.add(id(each))
        size += sys.getsizeof(each)
        if type(each) is dict and "__builtins__" in each:
            left += [value for name, value in each.items() if not name.startswith("__")]
        else:
            left += gc.get_referents(each)
    return size


def _started(board):
    """As starting.build() does; CPython tells nothing of its heap."""
    app = starting.make(board)
    for name, part in starting._services(app):
        watched = root.Supervised(name, part)
        app.watched.append(watched)
        watched.task = asyncio.ensure_future(watched.run())
    return app


def lived(seed=1, days=DAYS):
    """A month (or `days`): the Month. AssertionError: something grew, or a record is missing."""

    async def main(folder):
        month = Month(folder, seed, days)
        await month.live()
        return month

    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as patched:
        with tempfile.TemporaryDirectory() as place:
            simple = umqtt_versions.module(umqtt_versions.VERSIONS[0], Path(place))
        names = {"umqtt": types.SimpleNamespace(simple=simple), "umqtt.simple": simple}
        patched.enter_context(mock.patch.dict(sys.modules, names))
        # Seconds instead of milliseconds between two looks: what is looked at is the same.
        for module, name, ms in (
            (root, "_TURN_MS", 20000), (root, "_TIDY_MS", 600000), (service, "_IDLE_MS", 3000),
            (channel, "_TURN_MS", 3000), (meterline, "_IDLE_MS", 10000),
        ):  # fmt: skip
            patched.enter_context(mock.patch.object(module, name, ms))
        patched.enter_context(mock.patch.object(log, "sink", lambda text: None))
        # The firmware collects its garbage often, as on a board: what was there before is not looked at.
        gc.collect()
        gc.freeze()
        patched.callback(gc.unfreeze)
        month = virtual_time.run(main(folder), START, limit_s=(days + 2) * DAY)
    missing = set(month.kept) - month.broker.records
    assert not missing, "%d of %d records are missing" % (len(missing), sum(month.kept.values()))
    stats = month.app.ring.stats()
    assert (stats["depth"], stats["lost"], stats["damaged"]) == (0, 0, 0), stats
    assert month.failed == 0, [(each.name, each.last_error) for each in month.app.watched]
    return month


def proof():
    month = lived()
    curves.MONTH.write_text(json.dumps({"heap": month.heap, "files": month.files, "audit": month.audit}) + "\n")
    curves.main()
    assert max(month.heap[1:]) - month.heap[1] <= _HEAP, month.heap
    assert max(month.files[1:]) - month.files[1] <= _FILES, month.files
    return {
        "days": month.days,
        "records": sum(month.kept.values()),
        "commands": month.commands,
        "connections to the broker": month.broker.connections,
        "heap, bytes": "%d to %d" % (min(month.heap[1:]), max(month.heap[1:])),
        "files, bytes": "%d to %d" % (min(month.files[1:]), max(month.files[1:])),
        "audit log, bytes": "%d to %d" % (min(month.audit[1:]), max(month.audit[1:])),
    }
