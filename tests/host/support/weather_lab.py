"""Ten hours of a device in bad weather, in virtual time: meters, line, network and broker have troubles by chance.

The meters' trouble is tools.meter.weather, that of the way out is here. Everything of the firmware between the line
and the broker is the real one; the broker is in memory, as unkind as brokers.OddBroker.
"""

import asyncio
import collections
import contextlib
import errno
import json
import random
import tempfile
from pathlib import Path
from unittest import mock

from firmware.core import log
from firmware.core.compat import sleep_ms
from firmware.delivery.mqtt import service as uplink
from firmware.meters import meter as meterline
from firmware.meters import readings
from firmware.meters.ledger import Ledger
from firmware.meters.meter import Meter
from firmware.meters.schedule import Schedule
from firmware.recordlog.ring import Ring
from tests.host.support import memory_meters, umqtt_versions, virtual_time
from tests.host.support.fake_ports import StationMeter
from tools.meter import weather
from tools.meter.control import Orders
from tools.meter.faults import Faults

HOUR = 3600
START = 1792864800  # 2026-10-24T10:00Z: the night of the switch of summer time follows
QUARTER = 900
METERS = 3
# A healthy meter's reading is never so late that the sick one before it had more than a session's patience.
LATE_S = 180


class Broker:
    """What is at the other end; also the module socket. `topics`: payloads by topic, in order, repetitions too."""

    SOCK_STREAM = 1

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.topics = collections.defaultdict(list)
        self.there = True
        self.sockets = []
        self.connections = 0
        self.rough = False

    def getaddrinfo(self, host, port, *_):
        return [(2, 1, 0, "", (host, port))]

    def socket(self):
        self.sockets = [each for each in self.sockets if not each.gone]
        made = _Socket(self)
        self.sockets.append(made)
        return made

    def lose(self):
        for each in self.sockets:
            each.gone = True


class _Socket:
    def __init__(self, broker):
        self.broker = broker
        self.gone = False
        self.asked = 0
        self.heard = bytearray()
        self.answers = []  # (when, bytes)
        self.left = broker.chance.randint(3, 60) if broker.rough and broker.chance.random() < 0.5 else 1 << 30
        self.late = broker.chance.choice((0, 0.2, 3)) if broker.rough else 0
        self.hangs_up = broker.rough and broker.chance.random() < 0.3

    def setsockopt(self, *_):
        """Nothing to set."""

    def setblocking(self, on):
        assert not on

    def connect(self, _address):
        self.asked += 1
        if not self.broker.there:
            raise OSError(errno.ECONNREFUSED if self.asked > 2 else errno.EINPROGRESS)
        if self.asked < 3:
            raise OSError(errno.EINPROGRESS)
        self.broker.connections += 1

    def _alive(self):
        if self.gone or not self.broker.there:
            raise OSError(errno.ECONNRESET, "ECONNRESET")

    def send(self, data):
        self._alive()
        count = min(len(data), self.broker.chance.randint(1, 536))
        self.heard += data[:count]
        while self._packet():
            pass
        return count

    def _packet(self):
        length = shift = 0
        at = 1
        while True:
            if at >= len(self.heard):
                return False
            byte = self.heard[at]
            length |= (byte & 0x7F) << shift
            shift += 7
            at += 1
            if not byte & 0x80:
                break
        if len(self.heard) < at + length:
            return False
        kind, body = self.heard[0], bytes(self.heard[at : at + length])
        del self.heard[: at + length]
        self._answer(kind, body)
        return True

    def _say(self, data, after=0.0):
        self.answers.append((asyncio.get_running_loop().time() + 0.05 + after, data))
        if self.late > 1:
            self.broker.chance.shuffle(self.answers)  # confirmations in any order

    def _answer(self, kind, body):
        if kind == 0x10:
            self._say(b"\x20\x02\x00\x00")
        elif kind == 0xC0:
            self._say(b"\xd0\x00")
        elif kind & 0xF0 == 0x80:
            if self.hangs_up:
                self.gone = True
                return
            self._say(b"\x90\x03" + body[:2] + b"\x01")
        elif kind & 0xF0 == 0x30:
            self.left -= 1
            if self.left < 0:
                self.gone = True
                return
            at = 2 + int.from_bytes(body[:2], "big")
            quality = 2 if kind & 6 else 0
            self.broker.topics[body[2:at].decode()].append(body[at + quality :])
            if quality:
                self._say(b"\x40\x02" + body[at : at + 2], self.late)

    def recv_into(self, view):
        if not self.answers or min(when for when, _ in self.answers) > asyncio.get_running_loop().time():
            self._alive()
            raise OSError(errno.EAGAIN)
        due = [each for each in self.answers if each[0] <= asyncio.get_running_loop().time()]
        when, data = due[0]
        count = min(len(view), len(data), self.broker.chance.randint(1, 4))
        view[:count] = data[:count]
        place = self.answers.index((when, data))
        if count < len(data):
            # The rest of a packet goes before any other.
            self.answers[place : place + 1] = []
            self.answers.insert(0, (0.0, data[count:]))
        else:
            del self.answers[place]
        return count

    def close(self):
        self.gone = True


class Link:
    """The network, with its gaps."""

    def __init__(self, sockets):
        self.socket = sockets
        self.there = True

    def is_up(self):
        return self.there

    async def up(self, deadline_ms):
        await sleep_ms(2000)
        return self.there

    def suspect(self):
        """Nothing to look after."""


class Life:
    """One device for `hours`; run() ends with all delivered. `kept`: (UTC, record) as they came into the log."""

    def __init__(self, root, seed, hours):
        self.seconds = hours * HOUR
        self.seed = seed
        self.chance = random.Random(seed + 1)
        utc = asyncio.get_running_loop().utc
        self.start = utc()
        self.kept = []
        self.stations = memory_meters.stations(METERS, utc)
        # The first meter is the one with odd manners; the line's troubles are everybody's.
        self.odd = self.stations[0].manners
        self.faults = Faults(seed)
        self.orders = Orders(self.faults, self.stations, self.odd)
        self.ring = Ring(root + "/log", 16384, 256)
        self.ring.mount()
        self.meters = [self._meter(root, number) for number in range(METERS)]
        self.line = memory_meters.line_of(self._port(), self.meters, self._keep)
        self.broker = Broker(seed + 2)
        self.link = Link(self.broker)
        settings = {
            "host": "b", "port": 1883, "client_id": "d", "keepalive": 60, "qos": 1, "window": 8,
            "subscribe": ["d/AT"],
        }  # fmt: skip
        self.umqtt = umqtt_versions.module(umqtt_versions.VERSIONS[seed % len(umqtt_versions.VERSIONS)], Path(root))
        self.mqtt = uplink.MqttService(self.umqtt, settings, self.ring, self.link, lambda kind: "r", lambda: None)

    def _meter(self, root, number):
        schedules = [
            Schedule(readings.INSTANT, QUARTER),
            Schedule(readings.CURVE, HOUR, True),
            Schedule(readings.EVENTS, 2 * HOUR),
        ]
        place = "%s/m%d_" % (root, number)
        options = {"curve_days": 1, "event_records": (52, 53, 55, 129), "event_days": 1}
        address = number + 1, 1, number + 1
        return Meter("M%d" % number, address, schedules, True, options, Ledger(place + "ledger"), place)

    def _port(self):
        def receive(data):
            return [frame for station in self.stations for frame in station.receive(data)]

        def to_master(data):
            delay, data = self.faults.apply(data)
            return [(delay, data)] if data else []

        return StationMeter(receive, to_master=to_master).port

    def _keep(self, batch):
        utc = asyncio.get_running_loop().utc()
        self.ring.append_many(batch)
        self.kept += [(utc, json.loads(payload)) for _, _, payload in batch]

    def _ways_out(self):
        """[(second, function)]: the network goes, the broker goes, connections are cut, a broker is rough."""
        found, at = [], self.chance.uniform(60, HOUR)
        while at < self.seconds - HOUR:
            until = at + self.chance.uniform(20, 1800)
            which = self.chance.choice(("link", "broker", "cut", "rough"))
            for second, there in ((at, False), (until, True)):
                found.append((second, lambda which=which, there=there: self._turn(which, there)))
            at = until + self.chance.uniform(60, 2400)
        return found

    def _turn(self, which, there):
        if which == "link":
            self.link.there = there
        elif which == "broker":
            self.broker.there = there
        elif which == "rough":
            self.broker.rough = not there
        if not there:
            self.broker.lose()

    async def run(self):
        tasks = [asyncio.create_task(part) for part in (self.line.run(), self.mqtt.run())]
        story = weather.story(self.seed, self.seconds - HOUR)
        story = [(at, lambda order=order: self._order(order)) for at, order in story]
        for second, event in sorted(story + self._ways_out(), key=lambda each: each[0]):
            await sleep_ms(max(0, int((self.start + second - asyncio.get_running_loop().utc()) * 1000)))
            event()
        await sleep_ms((self.start + self.seconds + 5 * 60 - asyncio.get_running_loop().utc()) * 1000)
        for task in tasks:
            assert not task.done(), task
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _order(self, order):
        answer = self.orders.execute(order)
        assert "drop P" not in answer, (order, answer)
        if self.faults.show() != Faults().show():
            self.line_troubles.append(asyncio.get_running_loop().utc())

    line_troubles = ()

    # --- what must be so afterwards

    def check(self):
        self.delivered_once()
        for number, meter in enumerate(self.meters):
            self.curve_is_whole(meter)
            self.each_quarter_is_there_or_told(meter)
            if number and not self.line_troubles:
                self.nothing_is_late(meter)

    def delivered_once(self):
        assert self.ring.stats()["depth"] == 0, self.mqtt.status()
        sent = collections.Counter(self.broker.topics["r"])
        kept = collections.Counter(json.dumps(record, separators=(",", ":")).encode() for _, record in self.kept)
        assert set(sent) == set(kept)
        assert max(kept.values()) == 1, [payload for payload, count in kept.items() if count > 1]

    def curve_is_whole(self, meter):
        labels = [r["DT"] for _, r in self.kept if r["ID"] == meter.ident and r["TYPE"] == "IEC102_LC"]
        assert len(labels) == len(set(labels)), meter.ident
        assert len(labels) == 24 + self.seconds // HOUR, (meter.ident, len(labels))

    def each_quarter_is_there_or_told(self, meter):
        told = [(utc, r) for utc, r in self.kept if r["ID"] == meter.ident]
        there = {utc // QUARTER for utc, r in told if r["TYPE"] == "IEC102"}
        lost = [(utc, r) for utc, r in told if r["TYPE"] == "IEC102_ERR"]
        assert all(r["ERR"] for _, r in lost)
        due = set(range(self.start // QUARTER + 1, (self.start + self.seconds) // QUARTER))
        missing = due - there
        # One is given up within its interval, and that told with the next at the latest.
        assert len(missing) <= len(lost), (meter.ident, sorted(missing), lost)

    def nothing_is_late(self, meter):
        late = [utc % QUARTER for utc, r in self.kept if r["ID"] == meter.ident and r["TYPE"] == "IEC102"]
        assert max(late) <= LATE_S


def live(seed, hours=10):
    """The numbers of such a life; AssertionError where something is missing, twice or late."""

    async def main(root):
        life = Life(root, seed, hours)
        life.line_troubles = []
        await life.run()
        life.check()
        return {"records": len(life.kept), "connections": life.broker.connections}

    with tempfile.TemporaryDirectory() as root, contextlib.ExitStack() as patched:
        patched.enter_context(mock.patch.object(meterline, "_IDLE_MS", 5000))
        patched.enter_context(mock.patch.object(uplink, "_IDLE_MS", 1000))
        patched.enter_context(mock.patch.object(log, "sink", lambda *_: None))
        return virtual_time.run(main(root), START, limit_s=(hours + 2) * HOUR)
