"""One reading of a line (meter.py), due or asked for: its tries, and what becomes of its meter's counters.

Loaded around it; what is due, schedule.py, only before and after it. One session at a time uses the line; a session
has a hard deadline, so a silent meter costs the others no more than that.
"""

from firmware.core import log, overlay
from firmware.core.compat import sleep_ms
from firmware.core.flash_gate import silence
from firmware.meters import readings

# Bytes of the longest record in the extended form.
_WIDE = const(2048)
_STORE_TRIES = const(20)
_STORE_WAIT_MS = const(100)
_MEMORY_TRIES = const(3)
# Codes of errors (core/errors.py): of a meter that answers but does not have that reading, and ours in keeping it.
_REFUSED = const(110)
_LAST_REFUSED = const(118)
_NO_MEMORY = const(131)
_NOT_KEPT = const(132)
_OTHER = const(133)
# As in schedule.py.
_FIELDS = const(7)
_KIND = const(4)


async def go_on(line, meter, number):
    """Read what is asked for or, where nothing is, what is due."""
    # Each time a group comes or goes the heap is looked at, 11 ms on a large one (core/overlay.py): others have their
    # turn between the end of a session, the line's plan and the next session.
    await sleep_ms(0)
    if line.asked:
        await session(line, *line.asked.pop(0))
    else:
        await scheduled(line, meter, number)
    await sleep_ms(0)


def store(line, batch):
    """To be awaited: have `batch` kept."""
    # No coroutine of its own, which would take of the stack.
    return _patiently(line, line.keep, batch)


async def _patiently(line, write, *args):
    """`write(*args)`, which writes to the flash. A heap that is full for a moment (a command is running) costs time,
    not records."""
    for _ in range(_STORE_TRIES):
        await silence(line)
        with overlay.attempt:
            return write(*args)
        await sleep_ms(_STORE_WAIT_MS)
    await silence(line)
    return write(*args)


async def scheduled(line, meter, number):
    """Read what is due, and plan on."""
    good = await session(line, meter, meter.plan[number * _FIELDS + _KIND])
    goes_on = await _patiently(line, _settle, line, meter, number, good)
    meter.rest()
    if not goes_on:
        meter.missed += 1
        log.error("meter", "%s: reading given up: %s", meter.ident, meter.last_error)
        await session(line, meter, readings.ERROR)


def _settle(line, meter, number, good):
    """What becomes of the plan. Returns whether it goes on: the reading is not given up."""
    with overlay.use("schedule"):
        from firmware.meters import schedule

        plan = schedule.take(meter.plan, number)
        goes_on = True
        if not good:
            goes_on = plan.failure(line.clock)
        elif plan.success(line.clock):
            # `done` has to survive a restart.
            meter.ledger.set_mark("done%d" % plan.kind, plan.done)
            meter.ledger.save()
        schedule.put(meter.plan, number, plan)
        return goes_on


async def session(line, meter, kind, args=None, result=None):
    """Open, read, close. Returns True when the reading is complete."""
    if result is not None:
        await overlay.answered()
        result.begin(meter.results.get(kind))
    for _ in range(_MEMORY_TRIES):
        why = await _read(line, meter, kind, args, result)
        if not why or why[0] != _NO_MEMORY:
            break
        # Whatever took the heap just now may be gone in a moment.
        await sleep_ms(_STORE_WAIT_MS)
    if result is not None:
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


def other(failure):
    """The `why` (core/errors.py) of what has no code of its own: the flash has failed, or nobody has thought of it."""
    return (_NOT_KEPT if isinstance(failure, OSError) else _OTHER, type(failure).__name__, str(failure))


def _answered(code):
    return _REFUSED <= code <= _LAST_REFUSED or code in (_NO_MEMORY, _NOT_KEPT)


async def _read(line, meter, kind, args, result):
    buffer = None
    try:
        with overlay.attempt, await overlay.turn("session"):
            if kind == readings.PROBE:
                from firmware.meters import line_probe

                return await line_probe.run(line, meter, args)
            # First of all, while there still is so much in one piece.
            with overlay.use("kinds"):
                from firmware.meters.readings import kinds

                found = kinds.find(kind)
                buffer = overlay.borrow(max(found.longest, 0 if line.format.profile == "titan" else _WIDE))
                read = kinds.reader(found) if found.module else None
            del kinds  # else this frame would keep it
            # Loading takes a while on a board; the others have their turn in between.
            from firmware.iec102 import ft12  # noqa: F401

            await sleep_ms(0)
            from firmware.iec102 import link  # noqa: F401

            await sleep_ms(0)
            from firmware.iec102 import master  # noqa: F401

            await sleep_ms(0)
            from firmware.meters import session

            if found.once and result is None:
                # Many records fill the log's journal; to load this code then, beside an answer, takes too much.
                from firmware.recordlog import segments  # noqa: F401
            if kind == readings.ERROR:
                return await session.report(line, meter, found, buffer)
            return await session.run(line, meter, found, read, args, result, buffer)
    except Exception as failure:
        # The line goes on with the other meters: a flash that takes nothing, or what nobody has thought of.
        if isinstance(failure, MemoryError):
            raise
        log.error("meter", "%s: %r", meter.ident, failure)
        return other(failure)
    finally:
        if buffer is not None:
            overlay.give_back(buffer)
    # Not even the code of a session fits just now, or what it has to keep.
    log.warn("meter", "%s: not enough memory", meter.ident)
    return (_NO_MEMORY, "MemoryError", "not enough memory for a session")
