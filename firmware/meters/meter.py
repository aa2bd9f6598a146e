"""The meters on one serial line: one session after another, each due reading and each one asked for.

A `MeterLine` is one service. It is handed its port, its meters, the clock and a `keep(records)` function (the log's
append_many); it knows neither the log nor the broker. What a reading needs is loaded for it and let go afterwards:
schedule.py with the plans, reading.py, and for the session itself session.py, the protocol and the readings.
"""

from firmware.core import errors, log, overlay
from firmware.core.compat import sleep_ms

_IDLE_MS = const(250)
# Several on one line may be asked for at a time; more are refused.
_MOST_ASKED = const(16)
# Without room for a reading's code the line looks again after that.
_MEMORY_MS = const(2000)
# As in schedule.py.
_NEVER = const(0xFFFFFFFF)
_FIELDS = const(7)


class Meter:
    """`ident` is the ID in its records, `address` its (link address, measuring point, password).

    `schedules`: list of Schedule; `log`: whether scheduled readings are kept for delivery; `options`: what the
    readings need to know beyond that (days, contract, resend …) and `times`, those of its LinkAddress; never changed:
    meters that are set up alike share it; `place`: how the names of its files begin.
    """

    # What a session leaves to the next one; most meters never have their own.
    partial = None  # (key of a closing that broke off, its objects that were kept, UTC of the range that is left)
    failing = False  # it did not answer its last reading, or not as it should
    passed = None  # (UTC before which it has nothing more of its curve, seconds from the uptime to our clock then)
    quiet = False  # it does not say that its data end, or that a session begins
    no_blocks = False  # it has answered that it knows no blocks (189, 190)

    def __init__(self, ident, address, schedules, log=True, options=None, ledger=None, place=""):
        self.place = place
        self.ident = ident
        self.address = address
        self.log = log
        self.options = options or {}
        with overlay.use("reading"), overlay.use("schedule"):
            from firmware.meters.ledger import Ledger
            from firmware.meters.schedule import numbers

            self._ledger = ledger or Ledger()
            for schedule in schedules:
                schedule.done = self.ledger.mark("done%d" % schedule.kind)
            self.plan = numbers(schedules)
        self.rest()
        self.results = {}  # kind -> Result of the last reading on demand that ended
        self.pending = {}  # kind -> Result of one under way
        self.reads = 0
        self.errors = 0
        self.missed = 0  # due readings that were given up
        self.last_ok = 0
        self.why = None  # the last reading that failed did so: core/errors.py
        self.drift = None  # seconds the meter's clock is ahead of ours, when both are known

    @property
    def ledger(self):
        if isinstance(self._ledger, str):
            with overlay.use("reading"):
                from firmware.meters.ledger import Ledger

                self._ledger = Ledger(self._ledger)
        return self._ledger

    def rest(self, lost=False):
        """Between two sessions: let go of what the flash has. `lost`: also of what has moved and was not saved."""
        ledger = self._ledger
        if isinstance(ledger, str):
            return
        if ledger.path and (lost or not ledger.dirty):
            # Read again when it is wanted; nothing is allocated here, so this works in a full heap.
            self._ledger = ledger.path
        elif lost:
            ledger.load()

    @property
    def last_error(self):
        """`why` in words."""
        return errors.text(self.why, True)


class MeterLine:
    """The service of one serial line."""

    trace = None  # sees each frame, see iec102/master.py

    def __init__(self, name, port, meters, clock, keep, form, gate=None):
        """`form`: the device's records.RecordFormat."""
        self.name = name
        self.port = port
        self.meters = meters
        self.clock = clock
        self.format = form
        self.gate = gate
        self.keep = keep
        self.clean = False  # nothing of an earlier session can be on the line
        self.asked = []  # (meter, kind, args, result) of the readings that wait
        self.steps = None  # of the clock, when it was planned

    def ask(self, meter, kind, args=None):
        """Read `kind` of `meter` now, in the background; returns its Result. ValueError: too many waiting."""
        if len(self.asked) >= _MOST_ASKED:
            raise ValueError("too many readings are waiting for %s" % self.name)
        with overlay.use("reading"):
            from firmware.meters.result import Result

            result = Result("%sresult%d" % (meter.place, kind))
        meter.pending[kind] = result
        self.asked.append((meter, kind, args, result))
        return result

    async def run(self):
        self.steps = None
        while True:
            at, meter, number = self._next()
            wait = at - self.clock.utc() if meter and self.clock.known else _NEVER
            if wait <= 0 or self.asked or self.steps != self.clock.steps:
                await self._read(meter, number)
            else:
                await sleep_ms(min(wait * 1000, _IDLE_MS))

    def _next(self):
        """(UTC, meter, number of its schedule) of what is due first; (_NEVER, None, None)."""
        first = (_NEVER, None, None)
        for meter in self.meters:
            plan = meter.plan
            for at in range(0, len(plan), _FIELDS):
                if plan[at] < first[0]:
                    first = (plan[at], meter, at // _FIELDS)
        return first

    async def _read(self, meter, number):
        """Plan anew, do a reading that is asked for or the one that is due."""
        with overlay.use("reading"):
            go_on = None
            # In turn: an update makes way then.
            with overlay.attempt, await overlay.turn("session"):
                if self.steps != self.clock.steps:
                    with overlay.use("schedule"):
                        from firmware.meters import schedule

                        schedule.replan(self)
                    return
                from firmware.meters import reading

                go_on = reading.go_on
            if go_on:
                await go_on(self, meter, number)
                return
        log.warn("meter", "%s: not enough memory", self.name)
        await sleep_ms(_MEMORY_MS)
