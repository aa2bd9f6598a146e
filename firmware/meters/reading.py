"""One reading of a line (meter.py), due or asked for: its tries, what becomes of its plan and of its meter's counters.

Loaded around it. One session at a time uses the line; a session has a hard deadline, so a silent meter costs the
others no more than that.
"""

from array import array

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
# Seconds between the attempts at one due reading; the last one repeats.
_RETRY_S = const((2, 5, 10, 30))
_ATTEMPTS = const(4)
# A reading that must not be given up is tried again for ever, at most this far apart.
_PATIENT_S = const(900)
# As in meter.py.
_NEVER = const(0xFFFFFFFF)
_FIELDS = const(7)
_HOUR = const(3600)


async def go_on(line, meter, number):
    """Read what is asked for or, where nothing is, what is due."""
    if line.asked:
        await session(line, *line.asked.pop(0))
    else:
        await scheduled(line, meter, number)


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
    plan = take(meter.plan, number)
    given_up = False
    if await session(line, meter, plan.kind):
        await silence(line)
        if plan.success(line.clock):
            # `done` has to survive a restart.
            meter.ledger.set_mark("done%d" % plan.kind, plan.done)
            meter.ledger.save()
    else:
        given_up = not plan.failure(line.clock)
    put(meter.plan, number, plan)
    meter.rest()
    if given_up:
        meter.missed += 1
        log.error("meter", "%s: reading given up: %s", meter.ident, meter.last_error)
        await session(line, meter, readings.ERROR)


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


# --- when it is due, tried again or given up


class Schedule:
    """`interval` in seconds, aligned to the local clock (xx:00, xx:15 … for 900), or not: then the first reading
    is due at once and the others count from it.

    `once`: the reading covers a whole slot (a day's closings, a curve) and is tried until it succeeds, also
    after a restart: `done` is the UTC of the last slot that succeeded, kept in the meter's ledger. Without
    `once` the reading is of the moment; it is tried a few times and then given up until the next slot.
    """

    def __init__(self, kind, interval, once=False, aligned=True):
        self.kind = kind
        self.aligned = aligned or once
        self.interval = interval
        self.once = once
        self.done = 0
        self.due = 0  # UTC of the aligned moment this reading belongs to
        self.at = _NEVER  # UTC of the next attempt
        self.tries = 0

    def plan(self, clock):
        """Find the next due moment; a slot that was missed is due at once."""
        self.tries = 0
        if not self.aligned:
            self.at = self.due = self._counted(clock.utc())
            return
        zone = clock.zone
        after = next_aligned(clock.utc(), self.interval, zone)
        if self.done > after:
            self.done = 0  # the clock was ahead then
        current = after - self.interval
        if self.interval > _HOUR:
            # The slot under way may be an hour longer or shorter: a day of a switch of summer time.
            begin = next_aligned(current - _HOUR - 1, self.interval, zone)
            while begin < after:
                current = begin
                begin = next_aligned(begin, self.interval, zone)
        self.due = after
        if self.once and self.done < current:
            self.due = current
        self.at = self.due

    def _counted(self, now):
        """The next due moment after the last one; now for the first, and when the clock has jumped."""
        due = self.due
        if not due or abs(now - due) > 2 * self.interval:
            return now
        while due <= now:
            due += self.interval
        return due

    def success(self, clock):
        """The reading is complete; returns True when `done` has moved and wants keeping."""
        moved = self.once and self.due > self.done
        self.done = max(self.done, self.due) if self.once else 0
        self.plan(clock)
        return moved

    def failure(self, clock):
        """Plan another attempt; returns False when the reading is given up until its next slot."""
        self.tries += 1
        now = clock.utc()
        if self.once:
            self.at = now + min(30 << min(self.tries - 1, 5), _PATIENT_S)
            return True
        self.at = now + _RETRY_S[min(self.tries, len(_RETRY_S)) - 1]
        if self.tries < _ATTEMPTS and self.at < self.due + self.interval:
            return True
        self.plan(clock)
        return False


# All schedules of one meter are kept as bare numbers (Meter.plan): as objects they would take six times the room, all
# the time. take() makes one an object for the moment it is worked with, put() keeps what has become of it.


def numbers(schedules):
    """The numbers (array) of a list of Schedule."""
    # Unsigned: good for UTC until 2106, and _NEVER fits.
    found = array("I", [0] * (_FIELDS * len(schedules)))
    for number, schedule in enumerate(schedules):
        put(found, number, schedule)
    return found


def put(plan, number, schedule):
    at = number * _FIELDS
    for value in (
        schedule.at,
        schedule.due,
        schedule.done,
        schedule.tries,
        schedule.kind,
        schedule.interval,
        (1 if schedule.once else 0) | (2 if schedule.aligned else 0),
    ):
        plan[at] = value
        at += 1


def take(plan, number):
    at = number * _FIELDS
    due_at, due, done, tries, kind, interval, flags = plan[at : at + _FIELDS]
    schedule = Schedule(kind, interval, flags & 1 == 1, flags & 2 == 2)
    schedule.at, schedule.due, schedule.done, schedule.tries = due_at, due, done, tries
    return schedule


def count(plan):
    return len(plan) // _FIELDS


def replan(line):
    """Plan all readings anew, since the clock has been set or the line begins."""
    for meter in line.meters if line.clock.known else ():
        for number in range(count(meter.plan)):
            schedule = take(meter.plan, number)
            schedule.plan(line.clock)
            put(meter.plan, number, schedule)
    line.steps = line.clock.steps


def next_aligned(now, interval, zone):
    """The first multiple of `interval` seconds of `zone`'s local time after `now` (UTC seconds): xx:00, xx:15 … for
    900.

    Counted from local midnight, so that a 24 h interval is due at midnight on both sides of a switch of summer time.
    """
    offset = zone.offset(now)
    due = ((now + offset) // interval + 1) * interval - offset
    if interval <= 3600:
        return due
    # The offset may change in between: what counts is the wall clock at the due time.
    shift = offset - zone.offset(due)
    return due + shift if due + shift > now else due
