"""When a reading is due, tried again or given up. Loaded before and after a reading, not beside its session."""

from array import array

# Seconds between the attempts at one due reading; the last one repeats.
_RETRY_S = const((2, 5, 10, 30))
_ATTEMPTS = const(4)
# A reading that must not be given up is tried again for ever, at most this far apart.
_PATIENT_S = const(900)
# As in meter.py and reading.py.
_NEVER = const(0xFFFFFFFF)
_FIELDS = const(7)
_HOUR = const(3600)


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
