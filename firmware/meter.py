"""One meter as the device knows it: its address, its schedules, its last results and its counters."""

from firmware.ledger import Ledger
from firmware.port import const

# An answer to a reading on demand is held in RAM until the next one.
_MOST_BYTES = const(16384)


class Result:
    """What a reading on demand came to: `payloads` (list of JSON bytes) or `error`; nothing while it runs."""

    def __init__(self):
        self.utc = 0
        self.payloads = []
        self.dropped = 0  # records that did not fit any more
        self.error = ""
        self.running = True

    def add(self, view):
        if sum(len(payload) for payload in self.payloads) + len(view) > _MOST_BYTES:
            self.dropped += 1
        else:
            self.payloads.append(bytes(view))


class Meter:
    """`ident` is the ID in its records, `address` an iec102.master.LinkAddress.

    `schedules`: list of Schedule; `log`: whether scheduled readings are kept for delivery; `options`: what the
    readings need to know beyond that (days, contract, resend …).
    """

    def __init__(self, ident, address, schedules, log=True, options=None, ledger=None):
        self.ident = ident
        self.address = address
        self.schedules = schedules
        self.log = log
        self.options = options or {}
        self.ledger = ledger or Ledger()
        for schedule in schedules:
            schedule.done = self.ledger.mark("done%d" % schedule.kind)
        self.results = {}  # kind -> Result of the last reading on demand that ended
        self.pending = {}  # kind -> Result of one under way
        self.reads = 0
        self.errors = 0
        self.missed = 0  # due readings that were given up
        self.last_ok = 0
        self.last_error = ""
        self.drift = None  # seconds the meter's clock is ahead of ours, when both are known

    def succeeded(self, schedule, clock):
        """Plan the next reading; keeps `done` where the schedule must survive a restart."""
        if schedule.success(clock):
            self.ledger.set_mark("done%d" % schedule.kind, schedule.done)
            self.ledger.save()

    def status(self):
        return {
            "id": self.ident,
            "link": self.address.link,
            "reads": self.reads,
            "errors": self.errors,
            "missed": self.missed,
            "last_ok": self.last_ok,
            "last_error": self.last_error,
            "drift": self.drift,
        }
