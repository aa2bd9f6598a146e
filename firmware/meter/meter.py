"""One meter as the device knows it: its address, its schedules, its last results and its counters."""

import os

from firmware.core import errors
from firmware.meter.ledger import Ledger
from firmware.meter.schedule import Schedules
from firmware.port import const

# More bytes of an answer to a reading on demand are not kept: what asks for it gets one message.
_MOST_BYTES = const(16384)
_NOT_KEPT = const(132)  # code of an error (core/errors.py)


class Result:
    """What a reading on demand came to: records (JSON) of `sizes` bytes, or `why` it failed; nothing while it runs.

    `why` is that of core/errors.py. The records wait in the file `path` until the next one takes their place: they are
    too large for the RAM.
    """

    def __init__(self, path):
        self._path = path
        self.sizes = []
        self.utc = 0
        self.dropped = 0  # records that did not fit any more
        self.why = None
        self.running = True

    def add(self, view):
        """Keep one record. OSError: the flash is full."""
        if sum(self.sizes) + len(view) > _MOST_BYTES:
            self.dropped += 1
            return
        with open(self._path + ".new", "ab" if self.sizes else "wb") as file:
            file.write(view)
        self.sizes.append(len(view))

    def finish(self, utc, why):
        """The reading is over; from now on this is what is given. Never raises: what fails is the `why`."""
        self.utc = utc
        self.why = why
        self.running = False
        try:
            if self.sizes:
                os.rename(self._path + ".new", self._path)
        except OSError as failure:
            self.why = (_NOT_KEPT, "OSError", str(failure))

    def read_into(self, number, view):
        """Fill `view` (as long as record `number` is) with that record. OSError."""
        with open(self._path, "rb") as file:
            file.seek(sum(self.sizes[:number]))
            if file.readinto(view) != len(view):
                raise OSError("%s is too short" % self._path)


class Meter:
    """`ident` is the ID in its records, `address` an iec102.master.LinkAddress.

    `schedules`: list of Schedule; `log`: whether scheduled readings are kept for delivery; `options`: what the
    readings need to know beyond that (days, contract, resend …), never changed: meters that are set up alike share
    it; `place`: how the names of its files begin.
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
        self._ledger = ledger or Ledger()
        for schedule in schedules:
            schedule.done = self.ledger.mark("done%d" % schedule.kind)
        self.schedules = Schedules(schedules)
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

    def succeeded(self, schedule, clock):
        """Plan the next reading; keeps `done` where the schedule must survive a restart."""
        if schedule.success(clock):
            self.ledger.set_mark("done%d" % schedule.kind, schedule.done)
            self.ledger.save()

    @property
    def last_error(self):
        """`why` in words."""
        return errors.text(self.why, True)

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
