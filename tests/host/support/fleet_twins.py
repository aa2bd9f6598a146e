"""Real twins for the fleet's tests: firmware on MicroPython, a simulated meter each, a clock that goes fast."""

import argparse
import calendar
import queue
import time

import paho.mqtt.client as mqtt

from tests.host.support import fleet_lab
from tools import micropython, patience
from tools.fleet import backfill, desk, gaps, link, records
from tools.fleet.store import open_store
from tools.twin.device import MeterProcess, Twin

# 2026-09-30 20:00 UTC: a closing of the month falls into the day.
START = calendar.timegm((2026, 9, 30, 20, 0, 0))
DAY = 86400


class Listener:
    """Everything that the broker confirms on the topics of records, over its restarts, beside the ingester."""

    def __init__(self, port):
        self.messages = []
        ready = queue.Queue()
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, "listener", clean_session=False)
        self._client.on_connect = lambda client, *_: client.subscribe([("lector102/+/LOGGER", 1)])
        self._client.on_subscribe = lambda *_: ready.put(True)
        self._client.on_message = lambda _c, _u, message: self.messages.append(bytes(message.payload))
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        patience.get(ready, 30)

    def rows(self):
        """{key: digest} of all that came."""
        found = {}
        for payload in list(self.messages):
            some, faults = records.parse(payload, fleet_lab.ZONE, int(time.time()))
            assert not faults, (faults, payload)
            found.update((row[:7], row.digest) for row in some)
        return {key: value for key, value in found.items() if key[2] != "PROBE"}

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()


class Twins:
    """`count` twins at the broker's `port`; their clocks start at START and go `speed` times as fast."""

    def __init__(self, folder, port, count, speed):
        self.parts = []
        clock = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(START))
        for number in range(count):
            meter = MeterProcess(
                "--pty",
                "--password",
                1,
                "--clock",
                clock,
                "--clock-speed",
                speed,
                "--seed",
                number + 1,
            )
            self.parts.append(meter)
            values = {
                "mqtt.enabled": True, "mqtt.broker": "tcp://127.0.0.1:%d" % port, "logger.enabled": True,
                "mqtt.at_topic": "lector102/[IMEI]/AT", "mqtt.atr_topic": "lector102/[IMEI]/ATR",
                "meter.0.enabled": True, "meter.0.id": "ID00000", "meter.0.link": 1, "meter.0.password": 1,
                "meter.0.interval": 900, "meter.0.curve": 60, "meter.0.closing": True, "meter.0.events": 240,
            }  # fmt: skip
            twin = Twin(
                folder / ("twin%d" % number), [meter.path], values, ident="87%013d" % (number + 1),
                heap=micropython.MIDDLE, speed=speed, epoch=START,
            )  # fmt: skip
            self.parts.append(twin.start())

    def close(self):
        for each in self.parts[::-1]:
            getattr(each, "close", each.stop)()


def fetched_again(lab, count):
    """Six hours of each curve are taken out of the database; `backfill` has the twins read them again."""
    store = open_store(lab.database)
    lost = (START + 6 * 3600, START + 12 * 3600)
    store.do("delete from record where type = 'IEC102_LC' and at > ? and at <= ?", lost)
    found = gaps.find(store, fleet_lab.ZONE, START + DAY, curve_grace=3 * 3600)
    todo = {name: [gap for each in some for gap in each.gaps] for (name, _), some in found.items()}
    assert [(gap.start, gap.end) for some in todo.values() for gap in some] == [lost] * count, todo
    args = argparse.Namespace(
        broker=lab.url,
        at_topic=link.COMMANDS,
        atr_topic=link.ANSWERS,
        ca=None,
        cert=None,
        key=None,
    )
    talk = desk.Desk(args)
    try:
        fill = backfill.Backfill(store, fleet_lab.ZONE, talk.ask)
        for name, some in todo.items():
            assert [(missing, why) for _, missing, why in fill.device(name, some)] == [(0, "")]
    finally:
        talk.close()
        store.close()


def day(lab, count, speed, ends=()):
    """A day of `count` twins; `ends`: [(share of the day, function)] of what happens meanwhile. The number of records.

    All that the broker confirmed is in the database once, with its values, and of the curves nothing is missing.
    """
    ingester = lab.ingester()
    lab.subscribed(60)
    listener = Listener(lab.broker.port)
    twins = Twins(lab.folder, lab.broker.port, count, speed)
    try:
        begun = time.monotonic()
        for share, end in ends:
            time.sleep(max(0, begun + share * DAY / speed - time.monotonic()))
            ingester = end(ingester) or ingester
        time.sleep(max(0, begun + 1.1 * DAY / speed - time.monotonic()))
        fetched_again(lab, count)
    finally:
        twins.close()
    try:
        before = -1
        while len(listener.messages) != before:
            before = len(listener.messages)
            time.sleep(2)
        expected = listener.rows()
        lab.check(expected)
    finally:
        listener.close()
    logs = [(each.name, each.read_text()[-600:]) for each in lab.folder.glob("twin*/firmware.log")]
    assert len({key[0] for key in expected}) == count, logs
    store = open_store(lab.database)
    ends = store.all("select device, at from record where type = 'IEC102_LC' and contract = 11")
    store.close()
    for device in {key[0] for key in expected}:
        there = {at for name, at in ends if name == device}
        wanted = set(range(START, START + DAY - 2 * 3600, 3600))
        assert wanted <= there, (device, sorted(wanted - there))
    return len(expected)
