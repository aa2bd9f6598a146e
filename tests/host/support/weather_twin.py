"""The device on MicroPython in bad weather, in real time: its meters, their line, its modem and the broker have
troubles by chance.

The stories are those of tools.meter.weather and tools.modem.weather; the broker is away as long as a meter would be.
"""

import contextlib
import datetime as dt
import json
import time

from tests.host.support import brokers
from tests.host.support.modem_process import simulator
from tests.host.support.twin_lab import IDENT, LOGGER, Lab
from tools import micropython
from tools.meter import weather
from tools.meter.faults import NAMES

METERS = 2
INTERVAL = 300
STATUS = "lector102/%s/STATUS" % IDENT
# A healthy meter's reading is never so late that the sick one before it had more than a session's patience.
LATE_S = 180
# From the end of all trouble until all is delivered: a modem that is switched off and on, and a broker's back-off.
_SETTLED_S = 900


class Life:
    """One device for `seconds` from its first record on."""

    def __init__(self, lab, seed, seconds, interval):
        self.lab, self.interval = lab, interval
        story = weather.story(seed, max(seconds - interval, 1600), range(1, METERS + 1))
        self.line_troubles = any(order.split()[0] in NAMES for _, order in story)
        away = weather.story(seed + 1, max(seconds - interval, 1600))
        story += [(at, "broker " + order.split()[0]) for at, order in away if order.endswith("plug 1")]
        self.story = sorted(each for each in story if each[0] < seconds)
        self.seconds = seconds
        self.begin = self.end = 0

    def run(self):
        self.lab.twin.start()
        while not self.records():
            time.sleep(1)
        self.begin = time.time()
        self.end = self.begin + self.seconds
        for at, order in self.story:
            self._wait(self.begin + at)
            self._order(order)
        self._wait(self.end)
        for order in ("clear", *("plug %d" % link for link in range(1, METERS + 1)), "broker plug"):
            self._order(order)
        limit = time.monotonic() + _SETTLED_S
        while any(self.untold(number) for number in range(METERS)) and time.monotonic() < limit:
            time.sleep(5)

    def _wait(self, until):
        while time.time() < until:
            code = self.lab.twin.process.poll()
            assert code in (None, 3), self.lab.twin.lines[-20:]
            time.sleep(min(1, max(0, until - time.time())))

    def _order(self, order):
        what, _, word = order.partition(" ")
        if what != "broker":
            self.lab.meter.control(order)
        elif word == "unplug" and not self.away:
            self.away = True
            self.lab.broker.stop()
        elif word == "plug" and self.away:
            self.away = False
            self.lab.broker.start()

    away = False

    # --- what must be so afterwards

    def _heard(self):
        broker = self.lab.broker
        return list(broker.taken) if isinstance(broker, brokers.Embedded) else list(self.lab.inbox.queue)

    def records(self, topic=LOGGER):
        """Those that came, each once, in any order."""
        return [json.loads(payload) for payload in {payload for name, payload in self._heard() if name == topic}]

    def _of(self, number):
        """{slot of the interval: seconds behind its begin of each} of a meter."""
        found = {}
        for record in self.records():
            if record["ID"] == "ID%05d" % number and record["TYPE"] == "IEC102":
                utc = int(dt.datetime.fromisoformat(record["TS"]).timestamp())
                found.setdefault(utc // self.interval, []).append(utc % self.interval)
        return found

    def untold(self, number):
        """How many readings that were due are neither there nor told to be lost."""
        due = range(int(self.begin) // self.interval + 1, int(self.end) // self.interval)
        missing = [slot for slot in due if slot not in self._of(number)]
        lost = [r for r in self.records(STATUS) if r.get("ID") == "ID%05d" % number and r.get("ERR")]
        return max(0, len(missing) - len(lost))

    def check(self):
        for number in range(METERS):
            slots = self._of(number)
            assert not self.untold(number), (number, sorted(slots), self.records(STATUS))
            assert all(len(times) == 1 for times in slots.values()), slots
            if number and not self.line_troubles:
                assert max(times[0] for times in slots.values()) <= LATE_S, slots
        assert not [line for line in self.lab.twin.lines if "Traceback" in line], self.lab.twin.lines[-40:]


def live(folder, seed, seconds=3600, interval=INTERVAL):
    """The numbers of such a life; AssertionError where something is missing, twice or late."""
    with contextlib.ExitStack() as parts:
        modem = parts.enter_context(simulator(folder, "--off", "--weather", str(seed)))
        link = {"pty": modem.pty, "control": modem.control}
        settings = {"uplink.type": "modem", "uplink.apn": "internet"}
        lab = Lab(
            folder, meters=METERS, interval=interval, settings=settings, heap=micropython.MIDDLE, modem=link
        )  # fmt: skip
        parts.enter_context(lab)
        life = Life(lab, seed, seconds, interval)
        life.run()
        life.check()
        return {"records": len(life.records()), "lost": len(life.records(STATUS)), "starts": lab.twin.starts}
