"""The meters on one serial line: when to read what, one session after another, and what came of it.

A `MeterLine` is one service. It is handed its master, its meters, the clock and a `keep(kind, utc, payload)`
function (the log's append); it knows neither the log nor the broker. One session at a time uses the line; a
session has a hard deadline, so a silent meter costs the others no more than that.
"""

import asyncio

from firmware import diag, readings, telemetry
from firmware.iec102.errors import Iec102Error
from firmware.port import const, sleep_ms, ticks_diff, ticks_ms, wait_for_ms

# Waits between the attempts at one due reading. The last one repeats.
_RETRY_S = (2, 5, 10, 30)
_ATTEMPTS = const(4)
_IDLE_MS = const(1000)
_NEVER = const(1 << 62)


class Schedule:
    """One kind of reading of one meter: its interval (s), when it is due and how often it has been tried."""

    def __init__(self, kind, interval):
        self.kind = kind
        self.interval = interval
        self.due = 0  # UTC of the aligned moment this reading belongs to
        self.at = _NEVER  # UTC of the next attempt
        self.tries = 0

    def plan(self, clock):
        self.due = self.at = clock.next_aligned(self.interval)
        self.tries = 0

    def fail(self, clock):
        """Plan another attempt; returns False when this reading is given up (its successor is then planned)."""
        self.tries += 1
        wait = _RETRY_S[min(self.tries, len(_RETRY_S)) - 1]
        if self.tries < _ATTEMPTS and clock.utc() + wait < self.due + self.interval:
            self.at = clock.utc() + wait
            return True
        self.plan(clock)
        return False


class Meter:
    """A meter: its settings, its schedules, its last results and its counters."""

    def __init__(self, ident, address, schedules, log=True):
        self.ident = ident
        self.address = address
        self.schedules = schedules
        self.log = log
        self.results = {}  # kind -> Result of the last reading on demand
        self.reads = 0
        self.errors = 0
        self.missed = 0  # due readings that were given up
        self.last_ok = 0
        self.last_error = ""

    def status(self):
        return {
            "id": self.ident,
            "reads": self.reads,
            "errors": self.errors,
            "missed": self.missed,
            "last_ok": self.last_ok,
            "last_error": self.last_error,
        }


class Result:
    """What a reading on demand came to: `payload` (bytes) or `error` (text); both empty while it runs."""

    def __init__(self):
        self.utc = 0
        self.payload = None
        self.error = ""
        self.running = True


class Job:
    """One reading on its way: what the readings modules see of the service."""

    def __init__(self, line, meter, kind, args=None, result=None):
        self.meter = meter
        self.kind = kind
        self.args = args
        self.result = result  # None: a scheduled reading
        self.out = line.out
        self.envelope = line.envelope
        self.utc = line.clock.utc
        self.zone = line.clock.zone
        self._keep = line.keep

    def emit(self, view, kind=None):
        """Take one finished record: keep it (scheduled) or hand it to whoever asked (on demand)."""
        if self.result is not None:
            self.result.payload = bytes(view)
        elif self.meter.log:
            self._keep(kind or self.kind, self.utc(), view)


class MeterLine:
    """The service of one serial line."""

    def __init__(self, name, master, meters, clock, keep, envelope, gate=None):
        self.name = name
        self.master = master
        self.meters = meters
        self.clock = clock
        self.keep = keep
        self.envelope = envelope
        self.gate = gate
        self.out = telemetry.Writer()
        self._asked = []
        self._wake = asyncio.Event()
        self._steps = clock.steps

    def ask(self, meter, kind, args=None):
        """Read `kind` of `meter` now, in the background; returns its Result."""
        result = Result()
        meter.results[kind] = result
        self._asked.append(Job(self, meter, kind, args, result))
        self._wake.set()
        return result

    async def run(self):
        while True:
            if not self.clock.known:
                await self._sleep(_IDLE_MS)
            elif self._steps != self.clock.steps:
                self._replan()
            if self._asked:
                await self._session(self._asked.pop(0))
                continue
            meter, schedule = self._next()
            wait = (schedule.at - self.clock.utc()) if schedule else _NEVER
            if wait > 0:
                await self._sleep(min(wait * 1000, _IDLE_MS))
            elif self.clock.known:
                await self._scheduled(meter, schedule)

    def _replan(self):
        self._steps = self.clock.steps
        for meter in self.meters:
            for schedule in meter.schedules:
                schedule.plan(self.clock)

    def _next(self):
        """(meter, schedule) that is due first, or (None, None)."""
        first = (None, None)
        at = _NEVER
        for meter in self.meters:
            for schedule in meter.schedules:
                if schedule.at == _NEVER and self.clock.known:
                    schedule.plan(self.clock)
                if schedule.at < at:
                    at = schedule.at
                    first = (meter, schedule)
        return first

    async def _sleep(self, ms):
        try:
            await wait_for_ms(self._wake.wait(), ms)
        except asyncio.TimeoutError:
            return
        self._wake.clear()

    async def _scheduled(self, meter, schedule):
        if await self._session(Job(self, meter, schedule.kind)):
            schedule.plan(self.clock)
        elif not schedule.fail(self.clock):
            meter.missed += 1
            diag.error("meter", "%s: reading given up (%s)", meter.ident, meter.last_error)

    async def _session(self, job):
        """Open, read, close. Returns True when the reading is complete."""
        start = ticks_ms()
        meter = job.meter
        error = ""
        try:
            await self.master.open(meter.address)
            await readings.module_of(job.kind).read(self.master, meter, job)
        except (Iec102Error, OSError, ValueError) as failure:
            error = "%s: %s" % (type(failure).__name__, failure)
        try:
            await self.master.close()
        except (Iec102Error, OSError):
            pass  # the data is in; a meter that does not say goodbye loses the session by itself
        took = ticks_diff(ticks_ms(), start)
        if job.result is not None:
            job.result.utc = self.clock.utc()
            job.result.error = error
            job.result.running = False
        if error:
            meter.errors += 1
            meter.last_error = error
            diag.warn("meter", "%s: %s (%d ms)", meter.ident, error, took)
            await sleep_ms(0)
            return False
        meter.reads += 1
        meter.last_ok = self.clock.utc()
        diag.info("meter", "%s: read in %d ms", meter.ident, took)
        return True
