"""Devices that are none: their records come from the firmware's own readers and record writers.

`Device.records(start, end)` has a device's records as the log would have them: JSON as bytes, the same each time for
the same device and times. sending.py sends them.
"""

import json
from collections import namedtuple

from firmware.core.zone import Zone
from firmware.iec102 import timetag
from firmware.iec102.totals import FIELDS
from firmware.meters import readings
from firmware.meters.readings import closings, curve, facts, instant, kinds
from firmware.meters.records import RecordFormat, extended
from firmware.meters.records import titan as telemetry
from tools.fleet import gaps

HOUR = 3600
DAY = 86400


def run(coroutine):
    """The result of a coroutine that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise RuntimeError("a record writer waits for something")


class Ledger:
    """What has been delivered of a meter, in memory."""

    def __init__(self):
        self._keys = set()
        self._marks = {}

    def seen(self, key):
        return key in self._keys

    def add(self, key):
        self._keys.add(key)

    def mark(self, name):
        return self._marks.get(name, 0)

    def set_mark(self, name, value):
        self._marks[name] = value


class _Clock:
    def __init__(self, zone):
        self.zone = zone
        self.source = 9
        self.now = 0

    def utc(self):
        return self.now


class Meter:
    """One meter with a load that is its own; answers what the readers of firmware/meters/readings ask."""

    no_blocks = quiet = failing = unended = False
    partial = passed = None
    drift = missed = 0
    log = True

    def __init__(self, ident, seed, clock):
        self.ident = ident
        self.seed = seed
        self.options = {}
        self.ledger = Ledger()
        self._clock = clock

    def energy(self, utc):
        """kWh at a time: rises, never falls."""
        hours = utc // HOUR
        return hours * (3 + self.seed % 7) + (hours * 2654435761 + self.seed) % (3 + self.seed % 7)

    async def read(self, _kind, *_):
        now = self._clock.now
        energy = self.energy(now)
        wobble = (now // 60 * 40503 + self.seed) % 97

        def total(value):
            return {"value": value, "invalid": False}

        totals = [
            total(energy),
            total(0),
            total(energy // 5),
            total(0),
            total(0),
            total(energy // 50),
        ]
        power = {
            "active": 5 + wobble % 9,
            "reactive": 1,
            "cos_phi": 950 + wobble % 40,
            "invalid": False,
        }
        power.update(export=False, quadrant34=False)
        phase = {"current": 100 + wobble, "voltage": 2280 + wobble % 60, "invalid": False}
        tag = timetag.from_utc(now, self._clock.zone)
        objects = [
            {"address": 192, "time": tag, "totals": totals},
            {"address": 193, "time": tag, "powers": [power] * 4},
            {"address": 194, "time": tag, "phases": [phase] * 3},
        ]
        return _Answer(objects, tag)

    async def stream(self, kind, record, spans, take):
        span = spans[0]
        zone = self._clock.zone
        start, end = span["start"].to_utc(zone), span["end"].to_utc(zone)
        if kind == 190:
            for at in range(-(-start // HOUR) * HOUR, min(end, self._clock.now) + 1, HOUR):
                await take(_Answer([{"time": timetag.from_utc(at, zone), "totals": self._totals(at)}], None))
        elif kind == 134:
            for at in gaps.months(start, min(end, self._clock.now), zone):
                for name in range(20, 27):
                    await take(_Answer([self._closing(name, at)], None))
        elif kind == 102 and record == 129:
            # One event each six hours.
            for at in range(-(-start // (6 * HOUR)) * 6 * HOUR, min(end, self._clock.now) + 1, 6 * HOUR):
                tag = timetag.from_utc(at, zone)
                await take(_Answer([{"time": tag, "spa": 18, "spq": 2, "spi": 1}], tag))

    def _totals(self, at):
        used = self.energy(at) - self.energy(at - HOUR)
        values = (used, 0, used // 5, 0, 0, used // 50, 0, 0)
        return [{"value": value, "qualifier": 0x80 if number > 5 else 0} for number, value in enumerate(values)]

    def _closing(self, name, at):
        zone = self._clock.zone
        *_, start = (0, *gaps.months(at - 33 * DAY, at - 1, zone))
        tags = {"FMPA": at - 5 * DAY, "DINI": start, "DEND": at}
        share = self.energy(at) // (1 if name == 20 else 6)
        item = {}
        for key, length in FIELDS:
            if length == 5:
                item[key] = timetag.from_utc(tags[key], zone)
            else:
                item[key] = name if key == "DO" else share if key == "EaA" else 0
        return item


_Answer = namedtuple("_Answer", "objects time")


class _Job:
    """What firmware/meters/readings see of a session: a record that is done goes into `kept`."""

    result = args = extended = None
    titan = True

    def __init__(self, device, meter, kind, args=None, asked=False):
        self.meter = meter
        self.kind = kind
        self.type = kinds.find(kind).type
        self.args = args
        self.clock = device.clock
        self.out = device.out
        self.format = device.format
        self.kept = []
        if asked:
            self.result = self
        elif device.both:
            self.extended = extended.form(self, kinds.find(kind).module)

    def utc(self):
        return self.clock.now

    async def emit(self, view, kind=0):
        self.kept.append((bool(kind & readings.EXTENDED), bytes(view)))

    async def flush(self):
        return


class Device:
    """A device with `meters`; `interval` of instantaneous values in s, `events` whether events are read, too.

    `both`: it has logger.profile both.
    """

    def __init__(
        self,
        number,
        meters=1,
        interval=900,
        events=False,
        both=False,
        imei=None,
        zone="Europe/Madrid",
    ):
        self.imei = imei or "86%013d" % number
        self.clock = _Clock(Zone(zone))
        self.interval = interval
        self.events = events
        self.both = both
        self.out = telemetry.Writer()
        self.format = form = RecordFormat()
        form.imei, form.logger_id, form.time_form, form.profile = self.imei, "ID-" + self.imei, "unix", "titan"
        form.tags, form.object_key = "summer", "DO"
        self.meters = [Meter("ID%05d" % each, number * 16 + each, self.clock) for each in range(meters)]
        self.topic = "lector102/%s/LOGGER" % self.imei
        self.version = "1.0.0"

    def read(self, meter, kind, args=None, asked=False):
        """The records of one reading now, [(whether in the extended form, payload)]."""
        job = _Job(self, meter, kind, args, asked)
        how = {
            readings.INSTANT: instant.instant,
            readings.CURVE: curve.curve,
            readings.CLOSINGS: closings.closings,
        }
        run(how.get(kind, facts.events)(meter, meter, job))
        return job.kept

    def records(self, start, end):
        """(UTC, topic, payload) of all due in [start, end): the curve hourly, closings and events daily."""
        for now in range(-(-start // 60) * 60, end, 60):
            kinds = [readings.INSTANT] if now % self.interval == 0 else []
            if now % HOUR == 120:
                kinds.append(readings.CURVE)
            if now % DAY == 300:
                kinds += [readings.CLOSINGS] + [readings.EVENTS] * self.events
            if not kinds:
                continue
            for meter in self.meters:
                for kind in kinds:
                    self.clock.now = now
                    for second, payload in self.read(meter, kind):
                        topic = self.topic.replace("LOGGER", "READINGS") if second else self.topic
                        yield now, topic, payload

    def online(self, state="online"):
        text = {
            "IMEI": self.imei,
            "STATE": state,
            "VERSION": self.version,
            "RESET": "power",
            "LOG": 0,
            "SIGNAL": -77,
        }
        return json.dumps(text)


def expected(devices, start, end, zone, now):
    """{key: digest of the values} of all rows that the records of these devices make (tools/fleet/records.py)."""
    from tools.fleet import records

    found = {}
    for device in devices:
        for _, _, payload in device.records(start, end):
            rows, faults = records.parse(payload, zone, now)
            if faults:
                raise AssertionError("a simulated device's record is none: %s" % (faults,))
            found.update((row[:7], row.digest) for row in rows)
    return found
