"""A month with three deliveries of which one is dead: the others have each record within minutes, and it gets what the
log can hold, in order, when it is there again; what it has lost is counted for it alone.

What goes over the wire is put in the place of http.drain and ftp.drain here; log, cursors, publisher and back-offs are
the real ones.
"""

import asyncio

import pytest

from firmware.core.compat import sleep_ms
from firmware.core.errors import BrokerError
from firmware.delivery.publisher import Publisher
from tests.host.support import delivery_lab as lab
from tests.host.support import virtual_time

pytestmark = pytest.mark.takes(60)
DAYS = 30
QUARTER_S = 900
COUNT = DAYS * 96
_REFUSED = 308


class Session:
    """A broker that confirms at once: `got` has (seconds, number of the record)."""

    banned = ()

    def __init__(self, now):
        self.flying = {}
        self.got = []
        self._now = now

    def room(self):
        return True

    def publish(self, topic, payload, cargo, qos, retain=False):
        self.got.append((self._now(), cargo))
        self.on_acked(cargo)


class Month:
    def __init__(self, folder, dead, monkeypatch, **log):
        self.dead = dead
        self.got = {"http": [], "ftp": []}
        self.tries = 0
        monkeypatch.setattr("firmware.delivery.http.drain", self.drain)
        monkeypatch.setattr("firmware.delivery.ftp.drain", self.drain)
        # They look ten times a second: a month of that is too long here.
        monkeypatch.setattr("firmware.delivery.sender._STEP_MS", 20000)
        monkeypatch.setattr("firmware.delivery.sender._LOOK_MS", 60000)
        self.device = lab.Device(folder, ("http", dict(lab.HTTP)), ("ftp", dict(lab.FTP)), **log)
        self.http, self.ftp = self.device.senders
        self.session = Session(self.now)
        self.publisher = Publisher(self.session, self.device.ring, lambda kind: "t")

    def now(self):
        return asyncio.get_running_loop().time()

    async def drain(self, sender):
        if sender.name == self.dead:
            self.tries += 1
            raise BrokerError(_REFUSED, "server:80")
        while batch := sender.batch(20, 32768):
            for seq, _ in batch:
                self.got[sender.name].append((self.now(), seq))
            await sender.done([seq for seq, _ in batch])
        sender.reached()

    async def broker(self):
        while True:
            if self.dead != "mqtt":
                while await self.publisher.send({"window": 8, "qos": 1}):
                    await self.publisher.note_acks()
            await sleep_ms(60000)

    async def live(self):
        tasks = [asyncio.create_task(each) for each in (self.http.run(), self.ftp.run(), self.broker())]
        made = {}
        for _ in range(COUNT):
            await sleep_ms(QUARTER_S * 1000)
            self.device.fill(1)
            made[self.device.ring.last] = self.now()
        self.dead = None
        await sleep_ms(QUARTER_S * 1000)
        for task in tasks:
            assert not task.done(), task.exception()
            task.cancel()
        return made


SMALL = {"segment": 4096, "segments": 12}


@pytest.mark.parametrize("dead, log", [("http", {}), ("http", SMALL), ("ftp", SMALL), ("mqtt", SMALL)])
def test_two_of_three_are_never_held_up(tmp_path, monkeypatch, dead, log):
    month = Month(tmp_path, dead, monkeypatch, **log)
    made = virtual_time.run(month.live())
    found = {"mqtt": month.session.got, **month.got}
    cursors = {"mqtt": month.device.ring, "http": month.http.cursor, "ftp": month.ftp.cursor}
    for name, got in found.items():
        numbers = [seq for _, seq in got]
        assert numbers == sorted(set(numbers)), name
        assert cursors[name].depth() == 0, name
        if name == dead:
            # The newest, without a hole; what made room was counted.
            assert numbers == list(range(COUNT + 1 - len(numbers), COUNT + 1))
            assert cursors[name].lost == COUNT - len(numbers)
            assert (cursors[name].lost == 0) == (not log)
        else:
            assert numbers == list(range(1, COUNT + 1)) and cursors[name].lost == 0, name
            assert max(when - made[seq] for when, seq in got) < 300, name
    if dead != "mqtt":
        # No more than each five minutes, no less than each ten: who is dead costs no airtime and is found again.
        assert DAYS * 144 < month.tries < DAYS * 300
