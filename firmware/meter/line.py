"""The meters on one serial line: one session after another, each due reading and each one asked for.

A `MeterLine` is one service. It is handed its port, its meters, the clock and a `keep(records)` function (the log's
append_many); it knows neither the log nor the broker. One session at a time uses the line; a session has a hard
deadline, so a silent meter costs the others no more than that. What a session needs (firmware/meter/session.py, the
protocol, the readings) is loaded for it and let go afterwards.
"""

from firmware import diag, readings
from firmware.core import overlay
from firmware.meter.meter import Result
from firmware.meter.schedule import NEVER
from firmware.port import const, sleep_ms

_IDLE_MS = const(250)
# Several on one line may be asked for at a time; more are refused.
_MOST_ASKED = const(16)
# Bytes of the longest record of all readings but the closings.
_USUAL = const(1024)
# Those of the extended form.
_WIDE = const(2048)
_STORE_TRIES = const(20)
_STORE_WAIT_MS = const(100)
_MEMORY_TRIES = const(3)
# Codes of errors (core/errors.py): of a meter that answers but does not have that reading, and ours in keeping it.
_REFUSED = const(110)
_LAST_REFUSED = const(118)
_NO_MEMORY = const(131)
_NOT_KEPT = const(132)


class MeterLine:
    """The service of one serial line."""

    trace = None  # sees each frame, see iec102/master.py

    def __init__(self, name, port, meters, clock, keep, header, gate=None):
        """`header`: [IMEI, logger id, form of TS, profile, form of the meter's times, key of object addresses]."""
        self.name = name
        self.port = port
        self.meters = meters
        self.clock = clock
        self.header = header
        self.gate = gate
        self.clean = False  # nothing of an earlier session can be on the line
        self._keep = keep
        self._asked = []
        self._steps = clock.steps

    async def flash_free(self):
        """Wait until no line is receiving; flash writes may then stop interrupts for a while."""
        if self.gate:
            await self.gate.wait()

    async def store(self, batch):
        """Have `batch` kept. A heap that is full for a moment (a command is running) costs time, not records."""
        for _ in range(_STORE_TRIES):
            await self.flash_free()
            with overlay.attempt:
                self._keep(batch)
                return
            await sleep_ms(_STORE_WAIT_MS)
        await self.flash_free()
        self._keep(batch)

    def ask(self, meter, kind, args=None):
        """Read `kind` of `meter` now, in the background; returns its Result. ValueError: too many waiting."""
        if len(self._asked) >= _MOST_ASKED:
            raise ValueError("too many readings are waiting for %s" % self.name)
        result = Result("%sresult%d" % (meter.place, kind))
        meter.pending[kind] = result
        self._asked.append((meter, kind, args, result))
        return result

    async def run(self):
        self._replan()
        while True:
            if self._steps != self.clock.steps:
                self._replan()
            if self._asked:
                await self._session(*self._asked.pop(0))
                continue
            at, meter, number = self._next()
            wait = at - self.clock.utc() if meter and self.clock.known else NEVER
            if wait > 0:
                await sleep_ms(min(wait * 1000, _IDLE_MS))
            else:
                await self._scheduled(meter, number)

    def _replan(self):
        self._steps = self.clock.steps
        if self.clock.known:
            for meter in self.meters:
                meter.schedules.plan(self.clock)

    def _next(self):
        """(UTC, meter, number of its schedule) of what is due first; (NEVER, None, None)."""
        first = (NEVER, None, None)
        for meter in self.meters:
            at, number = meter.schedules.first()
            if at < first[0]:
                first = (at, meter, number)
        return first

    async def _scheduled(self, meter, number):
        schedule = meter.schedules.take(number)
        if await self._session(meter, schedule.kind):
            await self.flash_free()
            meter.succeeded(schedule, self.clock)
            given_up = False
        else:
            given_up = not schedule.failure(self.clock)
        meter.schedules.put(number, schedule)
        meter.rest()
        if given_up:
            meter.missed += 1
            diag.error("meter", "%s: reading given up: %s", meter.ident, meter.last_error)
            await self._session(meter, readings.ERROR)

    async def _session(self, meter, kind, args=None, result=None):
        """Open, read, close. Returns True when the reading is complete."""
        for _ in range(_MEMORY_TRIES):
            why = await self._read(meter, kind, args, result)
            if not why or why[0] != _NO_MEMORY:
                break
            # Whatever took the heap just now may be gone in a moment.
            await sleep_ms(_STORE_WAIT_MS)
        if result is not None:
            await self.flash_free()
            result.finish(self.clock.utc(), why)
            meter.results[kind] = result
            if meter.pending.get(kind) is result:
                del meter.pending[kind]
            meter.rest()
        if kind in (readings.ERROR, readings.PROBE):
            return True
        meter.failing = bool(why) and not _answered(why[0])
        if why:
            meter.errors += 1
            meter.why = why
            return False
        meter.reads += 1
        meter.last_ok = self.clock.utc()
        return True

    async def _read(self, meter, kind, args, result):
        buffer = None
        try:
            with overlay.attempt, await overlay.turn("session"):
                if kind == readings.PROBE:
                    from firmware import meterprobe

                    return await meterprobe.run(self, meter, args)
                # First of all, while there still is so much in one piece.
                size = _USUAL if self.header[3] == "titan" else _WIDE
                buffer = overlay.borrow(overlay.LARGEST if kind == readings.CLOSINGS else size)
                # Loading takes a while on a board; the others have their turn in between.
                from firmware.iec102 import ft12  # noqa: F401

                await sleep_ms(0)
                from firmware.iec102 import link  # noqa: F401

                await sleep_ms(0)
                from firmware.iec102 import master  # noqa: F401

                await sleep_ms(0)
                from firmware.meter import session

                if kind == readings.ERROR:
                    return await session.report(self, meter, buffer)
                return await session.run(self, meter, kind, args, result, buffer)
        finally:
            if buffer is not None:
                overlay.give_back(buffer)
        # Not even the code of a session fits just now, or what it has to keep.
        diag.warn("meter", "%s: not enough memory", meter.ident)
        return (_NO_MEMORY, "MemoryError", "not enough memory for a session")


def _answered(code):
    return _REFUSED <= code <= _LAST_REFUSED or code in (_NO_MEMORY, _NOT_KEPT)
