"""The meters on one serial line: one session after another, each due reading and each one asked for.

A `MeterLine` is one service. It is handed its master, its meters, the clock and a `keep(records)` function (the
log's append_many); it knows neither the log nor the broker. One session at a time uses the line; a session has a
hard deadline, so a silent meter costs the others no more than that.
"""

import asyncio
import gc

from firmware import diag, readings, telemetry
from firmware.iec102.errors import Iec102Error
from firmware.meter import Result
from firmware.port import const, sleep_ms, ticks_diff, ticks_ms, wait_for_ms
from firmware.schedule import NEVER

_IDLE_MS = const(1000)
# Records wait in RAM until the reading is complete or this many bytes have gathered.
_BATCH_BYTES = const(4096)
# Several on one line may be asked for at a time; more are refused.
_MOST_ASKED = const(16)
_STORE_TRIES = const(20)
_STORE_WAIT_MS = const(100)


class Job:
    """One reading on its way: what the modules in firmware/readings see of the service."""

    def __init__(self, line, meter, kind, args=None, result=None):
        self.meter = meter
        self.kind = kind
        self.args = args
        self.result = result  # None: a scheduled reading
        self.out = line.out
        self.envelope = line.envelope
        self.clock = line.clock
        self.extended = line.extended
        self._line = line
        self._batch = []
        self._size = 0

    def utc(self):
        return self.clock.utc()

    async def emit(self, view, kind=0):
        """Take one finished record: hand it to whoever asked, or have it kept for delivery."""
        if self.result is not None:
            if not kind & readings.EXTENDED:
                self.result.add(view)
        elif self.meter.log:
            self._batch.append((kind or self.kind, self.utc(), bytes(view)))
            self._size += len(view)
            if self._size >= _BATCH_BYTES:
                await self.flush()

    async def flush(self):
        """Put what has been emitted into the log; it is durable when this returns."""
        if self._batch:
            batch, self._batch, self._size = self._batch, [], 0
            await self._line.store(batch)

    async def ledger_saved(self):
        """Keep the ledger; only after flush(), so that it never claims more than the log has."""
        await self.flush()
        await self._line.flash_free()
        self.meter.ledger.save()


class MeterLine:
    """The service of one serial line."""

    extended = None  # a function that writes the second form of a record, where that is wanted

    def __init__(self, name, master, meters, clock, keep, envelope, gate=None):
        self.name = name
        self.master = master
        self.meters = meters
        self.clock = clock
        self.envelope = envelope
        self.out = telemetry.Writer()
        self._keep = keep
        self._gate = gate
        self._asked = []
        self._wake = asyncio.Event()
        self._steps = clock.steps

    async def flash_free(self):
        """Wait until no line is receiving; flash writes may then stop interrupts for a while."""
        if self._gate:
            await self._gate.wait()

    async def store(self, batch):
        """Have `batch` kept. A heap that is full for a moment (a command is running) costs time, not records."""
        for _ in range(_STORE_TRIES):
            await self.flash_free()
            try:
                self._keep(batch)
                return
            except MemoryError:
                gc.collect()
                await sleep_ms(_STORE_WAIT_MS)
        self._keep(batch)

    def ask(self, meter, kind, args=None):
        """Read `kind` of `meter` now, in the background; returns its Result. ValueError: too many waiting."""
        if len(self._asked) >= _MOST_ASKED:
            raise ValueError("too many readings are waiting for %s" % self.name)
        result = Result()
        meter.pending[kind] = result
        self._asked.append(Job(self, meter, kind, args, result))
        self._wake.set()
        return result

    async def run(self):
        self._replan()
        while True:
            if self._steps != self.clock.steps:
                self._replan()
            if self._asked:
                await self._session(self._asked.pop(0))
                continue
            meter, schedule = self._next()
            wait = schedule.at - self.clock.utc() if schedule and self.clock.known else NEVER
            if wait > 0:
                await self._sleep(min(wait * 1000, _IDLE_MS))
            else:
                await self._scheduled(meter, schedule)

    def _replan(self):
        self._steps = self.clock.steps
        if self.clock.known:
            for meter in self.meters:
                for schedule in meter.schedules:
                    schedule.plan(self.clock)

    def _next(self):
        """(meter, schedule) that is due first, or (None, None)."""
        first = (None, None)
        at = NEVER
        for meter in self.meters:
            for schedule in meter.schedules:
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
            meter.succeeded(schedule, self.clock)
        elif not schedule.failure(self.clock):
            meter.missed += 1
            diag.error("meter", "%s: reading given up: %s", meter.ident, meter.last_error)
            await self.store([self._report(meter)])

    def _report(self, meter):
        """A record that tells the platform why an interval has no data."""
        self.envelope.begin(self.out, "IEC102_ERR", self.clock.utc(), meter.ident)
        self.out.text("ERR", meter.last_error)
        self.out.int("MISSED", meter.missed)
        return (readings.ERROR, self.clock.utc(), bytes(self.out.end()))

    async def _session(self, job):
        """Open, read, close. Returns True when the reading is complete."""
        start = ticks_ms()
        meter = job.meter
        error = ""
        try:
            await self.master.open(meter.address)
            await readings.module_of(job.kind).read(self.master, meter, job)
        except (Iec102Error, OSError, ValueError, MemoryError) as failure:
            error = "%s: %s" % (type(failure).__name__, failure)
        finally:
            readings.done_with(job.kind)
        # What arrived before a failure is good and stays.
        await job.flush()
        await self.master.close()
        took = ticks_diff(ticks_ms(), start)
        if job.result is not None:
            job.result.utc = self.clock.utc()
            job.result.error = error
            job.result.running = False
            meter.results[job.kind] = job.result
            if meter.pending.get(job.kind) is job.result:
                del meter.pending[job.kind]
        if error:
            meter.errors += 1
            meter.last_error = error
            diag.warn("meter", "%s: %s (%d ms)", meter.ident, error, took)
            await sleep_ms(0)
            return False
        meter.reads += 1
        meter.last_ok = self.clock.utc()
        diag.info("meter", "%s: %s read in %d ms", meter.ident, readings.name_of(job.kind), took)
        return True
