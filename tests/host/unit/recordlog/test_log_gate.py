"""No flash operation while a meter's answer comes in: two lines are read, records and acknowledgements are kept."""

import asyncio
import random

from firmware.core.flash_gate import Gate
from firmware.delivery.publisher import Publisher
from firmware.iec102.link import LinkAddress
from firmware.iec102.master import Master
from firmware.meters import reading
from firmware.recordlog.files import Files
from firmware.recordlog.ring import Ring
from tests.host.support import memory_meters, virtual_time
from tests.host.support.fake_ports import StationMeter


class Watched(Files):
    """Storage that says when it is written while a line of `lines` receives."""

    def __init__(self, root, lines):
        super().__init__(root)
        self.lines = lines
        self.writes = self.disturbed = 0

    def _look(self):
        self.writes += 1
        self.disturbed += any(line.receiving for line in self.lines)

    def append(self, number):
        self._look()
        return super().append(number)

    def write_slot(self, number, view):
        self._look()
        super().write_slot(number, view)


class Line:
    """A meter whose answers come in two pieces; `receiving` from the question to the last byte."""

    def __init__(self, station, gate):
        self.receiving = False
        meter = StationMeter(station.receive, to_master=lambda data: [(0, data[:4]), (25, data[4:])])
        self.port = meter.port
        self._ask, self._deliver = self.port.on_send, self.port.deliver
        self._missing = 0
        self.port.on_send, self.port.deliver = self._asked, self._delivered
        meter.receive = self._counted(station.receive)
        self.master = Master(self.port, None, gate)

    def _counted(self, receive):
        def answer(data):
            found = list(receive(data))
            self._missing = sum(map(len, found))
            return found

        return answer

    def _asked(self, data):
        self.receiving = True
        self._ask(data)

    def _delivered(self, data, *rest):
        self._deliver(data, *rest)
        self._missing -= len(data)
        self.receiving = self._missing > 0

    async def run(self, number):
        while True:
            await self.master.open(LinkAddress(number, 1, number))
            await self.master.read(162, 0, (192, 193, 194))
            await self.master.close()
            await asyncio.sleep(0.03 * number)


class Broker:
    """A session that confirms at once."""

    def __init__(self):
        self.flying, self.banned = {}, []
        self.on_acked = None
        self.confirmed = []

    def room(self):
        return True

    def publish(self, topic, payload, cargo, qos=1, retain=False):
        self.confirmed.append(cargo)


def play(folder, gate):
    async def main():
        loop = asyncio.get_running_loop()
        found = memory_meters.stations(2, loop.utc)
        lines = [Line(station, gate) for station in found]
        store = Watched(str(folder / "log"), lines)
        ring = Ring(store, segment=2000)
        ring.mount()
        store.writes = store.disturbed = 0
        service = memory_meters.line_of(lines[0].port, [], ring.append_many)
        service.gate = gate
        broker = Broker()
        publisher = Publisher(broker, ring, lambda kind: "t", gate)
        tasks = [asyncio.ensure_future(line.run(n + 1)) for n, line in enumerate(lines)]
        dice = random.Random(4)
        for number in range(150):
            await asyncio.sleep(dice.random() / 4)
            await reading.store(service, [(1, loop.utc(), b"%d" % number + bytes(90))])
            await publisher.send({})
            for cargo in broker.confirmed:
                publisher.acked(cargo)
            broker.confirmed.clear()
            await publisher.note_acks()
        sessions = [line.master.sessions for line in lines]
        for task in tasks:
            assert not task.done(), task.result()
            task.cancel()
        assert ring.stats()["depth"] == 0 and ring.last == 150 and min(sessions) > 20
        return store.writes, store.disturbed

    return virtual_time.run(main(), 1795000000)


def test_records_and_acknowledgements_wait_for_the_end_of_an_answer(tmp_path):
    gate = Gate()
    writes, disturbed = play(tmp_path, gate)
    assert writes > 300
    # Only what has waited two seconds for a silence may disturb, and there was one each time.
    assert disturbed == gate.forced == 0


def test_without_the_gate_the_same_would_disturb(tmp_path):
    class Open(Gate):
        async def wait(self, limit_ms=0):
            return

    assert play(tmp_path, Open())[1] > 50
