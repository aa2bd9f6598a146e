"""One meter as the device knows it: its address, its plan, its last results and its counters."""

from firmware.core import errors, overlay


class Meter:
    """`ident` is the ID in its records, `address` its (link address, measuring point, password).

    `schedules`: list of Schedule; `log`: whether scheduled readings are kept for delivery; `options`: what the
    readings need to know beyond that (days, contract, resend …) and `times`, those of its LinkAddress; never changed:
    meters that are set up alike share it; `place`: how the names of its files begin.
    """

    # What a session leaves to the next one; most meters never have their own.
    partial = None  # (key of a closing that broke off, its objects that were kept)
    failing = False  # it did not answer its last reading, or not as it should
    no_blocks = False  # it has answered that it knows no blocks (189, 190)

    def __init__(self, ident, address, schedules, log=True, options=None, ledger=None, place=""):
        self.place = place
        self.ident = ident
        self.address = address
        self.log = log
        self.options = options or {}
        with overlay.use("reading"):
            from firmware.meter.ledger import Ledger
            from firmware.meter.schedule import numbers

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
                from firmware.meter.ledger import Ledger

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
