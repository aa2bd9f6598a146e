"""A month of a device's life in virtual time: everything real but the wire, the broker and the clock.

Three meters on one line, a switch of summer time, a week without one meter, a week without the device, power cuts in
the middle of sessions, hours without coverage, and a line that garbles. What arrives must be every period exactly
once, in FIFO and in LIFO, and the ledgers must agree. A sample is the same in some days.
"""

import asyncio
import collections
import contextlib
import datetime as dt
import json
import random
import tempfile
from unittest import mock

from zoneinfo import ZoneInfo

from firmware.core import compat, log
from firmware.core.zone import Zone
from firmware.meters import meter as meterline
from firmware.meters import readings
from firmware.meters.ledger import Ledger
from firmware.meters.meter import Meter
from firmware.meters.schedule import Schedule
from firmware.recordlog.ring import Ring
from tests.host.support import memory_meters, virtual_time
from tests.host.support.fake_ports import StationMeter

HOUR, DAY = 3600, 86400
# One meter is away, and later the device, from one day to the other of a month of these.
DAYS = 31
_MUTE = (8, 15)
_OFF = (22, 29)
MADRID = ZoneInfo("Europe/Madrid")
METERS = 3
_WINDOW = 8


class Month:
    """The device, its meters and its broker. Times are seconds since the start; a month of `days`."""

    def __init__(self, root, order, profile, seed, days):
        self.root = root
        self.days = days
        self.mute = [second + extra for second, extra in zip(map(self._at, _MUTE), (1111, 2222))]
        self.order = order
        self.profile = profile
        self.random = random.Random(seed)
        self.start = asyncio.get_running_loop().utc()
        self.stations = memory_meters.stations(METERS, asyncio.get_running_loop().utc)
        self.broker = []  # (kind, record) as they came
        self.online = True
        self.off = []  # (from, to) without power
        self.cuts = 0
        self._tasks = []
        self._garble = False

    def _at(self, day):
        """The second at which that day of a whole month begins here."""
        return day * DAY * self.days // DAYS

    def passed(self):
        return asyncio.get_running_loop().utc() - self.start

    # --- the wire

    def port(self):
        def receive(data):
            return [frame for station in self.stations for frame in station.receive(data)]

        return StationMeter(receive, self._noise, self._noise).port

    def _noise(self, data):
        if self._garble and self.random.random() < 0.02:
            data = bytes((data[0] ^ 0x10,)) + data[1:]
        return [(0, data)]

    # --- the device

    def power_on(self):
        self.ring = Ring(self.root + "/log", 16384, 4096)
        self.ring.mount()
        self.ring.order = self.order
        self.meters = [self._meter(number) for number in range(METERS)]
        line = memory_meters.line_of(self.port(), self.meters, self._keep, self.profile)
        self._tasks = [asyncio.create_task(part) for part in (line.run(), self._deliver())]

    def _meter(self, number):
        schedules = [
            Schedule(readings.INSTANT, HOUR),
            Schedule(readings.CURVE, 6 * HOUR, True),
            Schedule(readings.CLOSINGS, DAY, True),
        ]
        place = "%s/m%d_" % (self.root, number)
        options = {"days": 40, "curve_days": 1}
        address = number + 1, 1, number + 1
        return Meter("M%d" % number, address, schedules, True, options, Ledger(place + "ledger"), place)

    def _keep(self, batch):
        self.ring.append_many(batch)

    async def power_off(self):
        """All that is in RAM is gone."""
        pending = self._tasks
        while pending:
            # CPython's wait_for loses a cancellation that comes in the same turn as its result.
            for task in pending:
                task.cancel()
            _, pending = await asyncio.wait(pending, timeout=0.001)
        self._tasks = []

    async def _deliver(self):
        """Drain the log as the publisher does: some at a time, confirmed one by one."""
        buffer = bytearray(16384)
        while True:
            await compat.sleep_ms(60_000)
            while self.online:
                taken = [seq for seq in (self.ring.take() for _ in range(_WINDOW)) if seq]
                for seq in taken:
                    kind, _, _ = self.ring.info(seq)
                    length = self.ring.read_into(seq, buffer)
                    self.broker.append((kind, json.loads(bytes(buffer[:length]))))
                    self.ring.ack(seq)
                self.ring.flush()
                await compat.sleep_ms(200)
                if not taken:
                    break

    # --- what happens

    async def live(self):
        """The month: [(second, what happens)]."""
        leave, back = map(self._at, _OFF)
        story = [
            (self.mute[0], lambda: self._plug(1, False)),
            (self.mute[1], lambda: self._plug(1, True)),
            (leave + 3333, self._leave),
            (back + 4444, self._return),
        ]
        for day in range(1, leave // DAY):
            # It began at 05:17; curves are read at 00:00, 06:00, 12:00 and 18:00.
            story.append((day * DAY + 43 * 60 + self.random.randrange(4) * 6 * HOUR, self._cut))
            at = day * DAY + self.random.randrange(20) * HOUR + 1800
            story.append((at, lambda: self._cover(False)))
            story.append((at + self.random.randrange(4 * HOUR), lambda: self._cover(True)))
            story.append((at + 100, lambda bad=day % 3 == 0: self._quality(bad)))
        self.power_on()
        for second, event in sorted(story, key=lambda item: item[0]):
            await compat.sleep_ms(max(0, second - self.passed()) * 1000)
            done = event()
            if done is not None:
                await done
        self.online, self._garble = True, False
        await compat.sleep_ms((self.days * DAY + 9 * HOUR - self.passed()) * 1000)
        await self.power_off()

    def _plug(self, number, there):
        self.stations[number].plugged = there

    def _cover(self, there):
        self.online = there

    def _quality(self, bad):
        self._garble = bad

    async def _leave(self):
        self.off.append(self.passed())
        await self.power_off()

    async def _return(self):
        self.off.append(self.passed())
        self.power_on()

    async def _cut(self):
        # Somewhere inside a session, to the millisecond.
        await compat.sleep_ms(self.random.randrange(1500))
        self.cuts += 1
        await self.power_off()
        await compat.sleep_ms(self.random.randrange(1000, 600_000))
        self.power_on()


def end_of(record):
    """UTC of a period's end from TITAN's DT: local time and the summer-time bit."""
    zone = Zone("Europe/Madrid")
    moment = dt.datetime.fromisoformat(record["DT"][:16])
    return zone.to_utc(*moment.timetuple()[:6], record["DT"][-1] == "1")


def moment(month, day):
    return dt.datetime(2026, month, day, 5, 17, tzinfo=MADRID)


# (begin, order, profile): with the switch of summer time on an ordinary day, while the device has no power, and while
# one meter does not answer.
MONTHS = (
    (moment(3, 15), "fifo", "titan"),
    (moment(3, 5), "lifo", "both"),
    (moment(10, 12), "lifo", "titan"),
    (moment(10, 15), "fifo", "extended"),
)


def lived(begin, order, profile, days=DAYS):
    """`days` from `begin` on, with a month's end among them; the number of records that arrived. AssertionError."""
    start = int(begin.timestamp())

    async def main(root):
        month = Month(root, order, profile, start, days)
        await month.live()
        return month

    with tempfile.TemporaryDirectory() as root, contextlib.ExitStack() as patched:
        patched.enter_context(mock.patch.object(meterline, "_IDLE_MS", 60_000))
        patched.enter_context(mock.patch.object(log, "sink", lambda *_: None))
        month = virtual_time.run(main(root), start, limit_s=(days + 9) * DAY)
        _nothing_is_missing(month, start, profile)
    return len(month.broker)


def proof():
    records = 0
    for begin, order, profile in MONTHS:
        records += lived(begin, order, profile)
        print("      a month from %s, %s, %s" % (begin.date(), order, profile), flush=True)
    return {"months": len(MONTHS), "records": records}


def _nothing_is_missing(month, start, profile):
    stats = month.ring.stats()
    assert (stats["depth"], stats["lost"], stats["damaged"]) == (0, 0, 0)
    assert month.cuts == month.days * _OFF[0] // DAYS - 1
    forms = {"titan": [0], "extended": [128], "both": [0, 128]}[profile]
    assert {kind & 128 for kind, _ in month.broker if kind != readings.ERROR} == set(forms)
    for form in forms:
        _curve_is_whole(month, start, form)
        _closings_are_whole(month, form)
        _instants_are_at_most_one_an_hour(month, start, form)


def _of(month, kind, form, number):
    ident = "M%d" % number
    return [r for k, r in month.broker if k == kind | form and r["ID"] == ident]


def _curve_is_whole(month, start, form):
    first = start // HOUR * HOUR - DAY
    for number in range(METERS):
        records = _of(month, readings.CURVE, form, number)
        if form:
            ends = [int(dt.datetime.fromisoformat(r["end"]).timestamp()) for r in records]
            values = [r["active_import"]["value"] for r in records]
        else:
            ends = [end_of(r) for r in records]
            values = [r["AI"] for r in records]
        assert [n for n in collections.Counter(ends).values() if n > 1] == []
        last = month.meters[number].ledger.mark("lc11")
        assert sorted(ends) == list(range(first + HOUR, last + HOUR, HOUR))
        assert last >= start + month.days * DAY
        # Ledgers as they are on the flash, not in RAM.
        assert Ledger("%s/m%d_ledger" % (month.root, number)).mark("lc11") == last
        model = month.stations[number].meter
        assert sum(values) == model.totals(last)[0] - model.totals(first)[0]


def _closings_are_whole(month, form):
    for number in range(METERS):
        records = _of(month, readings.CLOSINGS, form, number)
        if form:
            found = [(r["start"], r["end"], r["object"]) for r in records]
        else:
            found = [(o["DINI"], o["DEND"], o["DO"]) for r in records for o in r["CTAVM2"]]
        assert [x for x, n in collections.Counter(found).items() if n > 1] == []
        ends = {end for _, end, _ in found}
        # The month before the start and the one that ended within.
        assert 2 <= len(ends) <= 3
        assert len(found) == 7 * len(ends)


def _instants_are_at_most_one_an_hour(month, start, form):
    for number in range(METERS):
        records = _of(month, readings.INSTANT, form, number)
        hours = [int(dt.datetime.fromisoformat(r["TS"]).timestamp()) // HOUR for r in records]
        assert max(collections.Counter(hours).values()) == 1
        there = set(hours)
        missed = [h for h in range(start // HOUR + 1, (start + month.days * DAY) // HOUR) if h not in there]
        known = [month.off]
        if number == 1:
            known.append(month.mute)
        beyond = [
            h for h in missed if not any(a <= h * HOUR - start + 60 and h * HOUR - start <= b for a, b in known)
        ]  # fmt: skip
        # A power cut costs the reading it hits and those while the device is off, no more.
        assert len(beyond) <= month.cuts + 3
