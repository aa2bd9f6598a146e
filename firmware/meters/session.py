"""One session with one meter: open, read, close. Loaded when a reading is due and let go afterwards.

`run()` belongs to reading.py, which counts the tries; the modules in firmware/meters/readings do the readings.
"""

import asyncio

from firmware.core import errors, log, overlay
from firmware.core.compat import sleep_ms, ticks_diff, ticks_ms
from firmware.core.flash_gate import silence
from firmware.iec102.master import LinkAddress, Master
from firmware.meters import readings
from firmware.meters.reading import other, store
from firmware.meters.records import titan

# Records wait in RAM until the reading is complete or this many bytes have gathered.
_BATCH_BYTES = const(2048)
_LARGER_BATCH = const(3072)
# Bytes of the longest record of all readings but the closings, in TITAN's form: what a buffer has beyond them keeps
# the batch, which would else be the largest part of what a session takes beside its code.
_RECORD = const(1024)
# A longer record is not copied but kept at once; a kind with longer ones needs most of the heap for itself.
_COPIED = const(1100)
_COPIED_LESS = const(512)


class Job:
    """One reading on its way: what the modules in firmware/meters/readings see of the service."""

    def __init__(self, line, meter, kind, args, result, buffer):
        self.meter = meter
        self.kind = kind.number
        self.type = kind.type
        self.args = args
        self.result = result  # None: a scheduled reading
        # Answers on demand and errors have TITAN's form only.
        profile = "titan" if result is not None or self.kind == readings.ERROR else line.format.profile
        self.titan = profile != "extended"
        self.format = line.format
        self.clock = line.clock
        self._line = line
        self._batch = []
        self._size = 0
        self._copied = _COPIED_LESS if kind.longest > _COPIED else _COPIED
        self._copies = buffer[:0]  # room for those of the batch
        if profile == "titan" and kind.longest <= _RECORD < len(buffer):
            buffer, self._copies = memoryview(buffer)[:_RECORD], memoryview(buffer)[_RECORD:]
        self.out = titan.Writer(buffer)
        self.extended = None  # the extended.Form that writes the second form, where that is wanted
        if profile != "titan":
            with overlay.use("session"):
                from firmware.meters.records import extended

                self.extended = extended.form(self, kind.module)

    def utc(self):
        return self.clock.utc()

    async def emit(self, view, kind=0):
        """Take one finished record: hand it to whoever asked, or have it kept for delivery."""
        if self.result is not None:
            await silence(self._line)
            self.result.add(view)
            return
        if not self.meter.log:
            return
        # Before a record's first form only: whoever moves the ledger does so behind both of its forms.
        if self._size >= (_LARGER_BATCH if kind & readings.EXTENDED else _BATCH_BYTES):
            await self.flush()
        if not self.titan and not kind & readings.EXTENDED:
            return
        kind = kind or self.kind
        copy = None
        if self._size + len(view) <= len(self._copies):
            copy = self._copies[self._size : self._size + len(view)]
            copy[:] = view
        elif len(view) <= self._copied:
            with overlay.attempt:
                copy = bytes(view)
        if copy is None:
            # Straight from the buffer: a copy of a large record is what the heap has least room for.
            await self.flush()
            self._batch = [(kind, self.utc(), view)]
            await self.flush()
            return
        self._batch.append((kind, self.utc(), copy))
        self._size += len(view)

    async def flush(self):
        """Put what has been emitted into the log, then the ledger that says so; both are durable when this returns.

        Nothing else has its turn between the two: the ledger never claims more than the log has, and only a power
        cut in between makes a record come twice. In a task of its own, which begins with an empty stack: within a
        meter's answers the 8 KB of a Pico W have no room left for a journal that moves into its segments.
        """
        await asyncio.create_task(self._flush())

    async def _flush(self):
        ledger = self.meter.ledger
        if self._batch:
            batch, self._batch, self._size = self._batch, [], 0
            try:
                await store(self._line, batch)
            except Exception:  # the flash or the heap is full
                self.meter.rest(True)
                raise
        elif ledger.dirty:
            await silence(self._line)
        if ledger.dirty:
            ledger.save()


async def run(line, meter, kind, read, args, result, buffer):
    """Read `kind` (a kinds.Kind, `read` is its reader) of `meter` and write its records into `buffer`; they go to the
    log or into `result`.

    Returns why it failed (core/errors.py), None if all went well.
    """
    start = ticks_ms()
    job = Job(line, meter, kind, args, result, buffer)
    master = Master(line.port, line.trace, line.gate)
    master.link.clean = line.clean
    master.quick = meter.quiet
    if result is not None:
        result.sizes = []
    why = none = None
    try:
        await master.open(LinkAddress(*meter.address, **meter.options.get("times", {})))
        none = await read(master, meter, job)
    except Exception as failure:
        # Whatever the meter has said: it is this reading that failed.
        if isinstance(failure, MemoryError):
            raise
        why = failure.why() if isinstance(failure, errors.Coded) else other(failure)
    finally:
        # What arrived before a failure is good and stays.
        try:
            await job.flush()
        finally:
            await master.close()
            line.clean = master.link.clean
            meter.quiet = master.quick
    took = ticks_diff(ticks_ms(), start)
    if why:
        log.warn("meter", "%s: %s (%d ms)", meter.ident, errors.text(why, True), took)
        await sleep_ms(0)
    else:
        what = "%s: the meter has no %s (%d ms)" if none else "%s: %s read in %d ms"
        log.info("meter", what, meter.ident, kind.name, took)
    return why


async def report(line, meter, kind, buffer):
    """Keep a record that tells the platform why an interval has no data."""
    job = Job(line, meter, kind, None, None, buffer)
    titan.begin(job)
    # Platforms know these words: where there is no memory for them the record waits, too.
    job.out.text("ERR", errors.words(meter.why, True))
    job.out.int("MISSED", meter.missed)
    await store(line, [(readings.ERROR, job.utc(), bytes(job.out.end()))])
