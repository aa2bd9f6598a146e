"""One reading of a line (line.py), due or asked for: its tries, what becomes of its plan and of its meter's counters.

Loaded around it. One session at a time uses the line; a session has a hard deadline, so a silent meter costs the
others no more than that.
"""

from firmware import diag, readings
from firmware.core import overlay
from firmware.gate import silence
from firmware.meter import schedule
from firmware.port import const, sleep_ms

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


async def store(line, batch):
    """Have `batch` kept. A heap that is full for a moment (a command is running) costs time, not records."""
    for _ in range(_STORE_TRIES):
        await silence(line)
        with overlay.attempt:
            line.keep(batch)
            return
        await sleep_ms(_STORE_WAIT_MS)
    await silence(line)
    line.keep(batch)


async def scheduled(line, meter, number):
    """Read what is due, and plan on."""
    plan = schedule.take(meter.plan, number)
    given_up = False
    if await session(line, meter, plan.kind):
        await silence(line)
        if plan.success(line.clock):
            # `done` has to survive a restart.
            meter.ledger.set_mark("done%d" % plan.kind, plan.done)
            meter.ledger.save()
    else:
        given_up = not plan.failure(line.clock)
    schedule.put(meter.plan, number, plan)
    meter.rest()
    if given_up:
        meter.missed += 1
        diag.error("meter", "%s: reading given up: %s", meter.ident, meter.last_error)
        await session(line, meter, readings.ERROR)


async def session(line, meter, kind, args=None, result=None):
    """Open, read, close. Returns True when the reading is complete."""
    for _ in range(_MEMORY_TRIES):
        why = await _read(line, meter, kind, args, result)
        if not why or why[0] != _NO_MEMORY:
            break
        # Whatever took the heap just now may be gone in a moment.
        await sleep_ms(_STORE_WAIT_MS)
    if result is not None:
        await silence(line)
        result.finish(line.clock.utc(), why)
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
    meter.last_ok = line.clock.utc()
    return True


def _answered(code):
    return _REFUSED <= code <= _LAST_REFUSED or code in (_NO_MEMORY, _NOT_KEPT)


async def _read(line, meter, kind, args, result):
    buffer = None
    try:
        with overlay.attempt, await overlay.turn("session"):
            if kind == readings.PROBE:
                from firmware import meterprobe

                return await meterprobe.run(line, meter, args)
            # First of all, while there still is so much in one piece.
            size = _USUAL if line.header[3] == "titan" else _WIDE
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
                return await session.report(line, meter, buffer)
            return await session.run(line, meter, kind, args, result, buffer)
    finally:
        if buffer is not None:
            overlay.give_back(buffer)
    # Not even the code of a session fits just now, or what it has to keep.
    diag.warn("meter", "%s: not enough memory", meter.ident)
    return (_NO_MEMORY, "MemoryError", "not enough memory for a session")
