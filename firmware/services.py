"""The device as a whole: its parts, what the supervisor runs and what commands do to it.

`App(board)`, then `build()` (assembly.py); `services()` are (name, factory) pairs for the supervisor. The
factories hand out the same object each time: a service keeps its counters and queues over a restart of its task.
"""

import asyncio
import json

from firmware import diag, readings
from firmware.config.store import Config
from firmware.gate import silence
from firmware.port import const, monotonic_s, sleep_ms, ticks_diff, ticks_ms, unload
from firmware.room import let_go, release_session_code
from firmware.version import VERSION

_TURN_MS = const(100)
# MqttService.leave() takes 6 s at most.
_LEAVE_MS = const(10000)
COMMANDED = "command on "  # begin of the reason of a restart that somebody asked for


def _lent(module, what, app, arguments):
    try:
        return getattr(module, what)(app, *arguments)
    finally:
        unload(module.__name__)


class App:
    """The device: what the supervisor runs and what the commands act on."""

    version = VERSION
    modem = None
    safe = False  # the firmware crashed again and again: nothing but what it takes to be reached
    discovery = None
    too_long = 0  # records that were longer than logger.size
    tracer = None  # frametrace.Tracer while iec102.trace is on
    link = mqtt = console = keeper = None
    order = None  # firmware.update.order.Order while an update is under way
    lines = tags = ()
    unsealed = False  # the device's password lies on the flash as it was typed
    way = 0  # how often the broker had been reached when a new way was tried; -1: its answer has to be out first
    faults = ()  # (port, why, IDs of its meters): serial ports that could not be opened, or are not there

    def __init__(self, board, guard=None):
        self.board = board
        self.guard = guard  # firmware.update.safestart where the board keeps versions of the firmware
        self.safe = guard is not None and guard.report()["mode"] == guard.SAFE
        self.name = "lector102 on " + board.name
        self.reset_cause = board.reset_cause()
        diag.info("start", "reset cause: %s", self.reset_cause)
        self.config = Config(board.root + "/config.json")
        self.watched = []
        self.longest_turn_ms = 0
        self.restart_reason = ""
        self.time_wanted = False
        self.trial_since = monotonic_s()

    def build(self):
        """Make every part from the settings; in the safe mode only what it takes to be reached."""
        name = "firmware.safemode" if self.safe else "firmware.assembly"
        __import__(name, None, None, ("build",)).build(self)
        self.look_up_topics()
        unload(name, "firmware.reach")
        release_session_code()
        self.config.release()

    def keep(self, batch):
        """Put a batch of (kind, utc, payload) into the log."""
        ring = self.ring
        longest, most = self.limits
        if longest and any(len(record[2]) > longest for record in batch):
            diag.error("log", "a record of more than logger.size %d bytes is not kept", longest)
            self.too_long += len(batch)
            batch = [record for record in batch if len(record[2]) <= longest]
            self.too_long -= len(batch)
        if self.topics[2] is None:
            batch = [record for record in batch if record[0] != readings.ERROR]
        if batch:
            ring.append_many(batch)
        while most:
            stats = ring.stats()
            if stats["depth"] <= most:
                break
            ring.gone(stats["oldest"])

    # --- the way out

    def look_up_topics(self):
        """Keep the topics and limits at hand: a record on its way must not wait for a look at the settings."""
        self._set("look_up_topics")

    def topic_for(self, kind):
        """Topic of a record; empty: it waits in the log."""
        if kind == readings.ERROR:
            return self.topics[2]
        return self.topics[1 if kind & readings.EXTENDED else 0]

    def online_text(self):
        """What the online topic says after a login; a JSON object."""
        return self._work("online_text")

    # --- for the supervisor

    def jitter(self, number):
        """Milliseconds that tell this device's back-offs from those of its neighbours."""
        return (sum(self.imei.encode()) * 37 + number * 211) % 1000

    # --- what commands do to the device

    def change(self, values, code=""):
        """Take and keep settings, and use them at once where that is possible. ConfigError.

        What could cut the device off is on trial: when the broker is not reached again in `device.trial` minutes
        the old values come back. With a `code` that has to be told to confirm() over the new way.
        """
        self._set("change", values, code)

    def begin_trial(self):
        """The answer with the code is on its way: once it is out, the new way is tried."""
        self.trial_since = monotonic_s()
        self.way = -1

    def confirm(self, code, console=False):
        """What is on trial stays: "", or why it does not."""
        return self._set("confirm", code, console)

    def watch_trial(self):
        """Confirm settings on trial once the broker is reached with them, or take them back."""
        if self.config.trying or self.way < 0 or self.unsealed:
            self._set("watch_trial")

    def restart(self, reason):
        """Start again once the answer is out."""
        self.restart_reason = reason

    def sync(self):
        """Ask for the time as soon as possible (firmware/clock/timekeeper.py looks here)."""
        self.time_wanted = True

    def status(self):
        """What GETSTATUS tells."""
        return self._work("status")

    def crash(self):
        """The lines of the last crash's traceback; none: []."""
        return self._work("crash")

    def update(self, url, force=False):
        """Order an update over the air, or end one (no `url`): firmware/update/order.py, its OrderError if refused."""
        from firmware.update import order

        if url:
            order.begin(self, url, force)
        else:
            order.stop(self)

    def brief(self):
        """(UTC or 0, words) for a short message."""
        return self._work("brief")

    def services(self):
        """(name, factory) of each service, for the supervisor."""
        found = [(line.name, lambda line=line: line) for line in self.lines]
        if self.mqtt:
            from firmware.commands.remote import Remote

            remote = Remote(self.mqtt, self.processor, lambda: self.answers)
            self.mqtt.paused = remote.paused
            found.append(("mqtt", lambda: self.mqtt))
            found.append(("commands", lambda: remote))
        if self.discovery:
            found.append(("ha", lambda: self.discovery))
        found += [(tagged.name, lambda tagged=tagged: tagged) for tagged in self.tags]
        if self.console:
            found.append(("console", lambda: self.console))
        if self.keeper:
            found.append(("time", lambda: self.keeper))
        if hasattr(self.link, "run"):
            found.append(("link", lambda: self.link))
        return found

    def _work(self, what, *arguments):
        """Done by a function of firmware/appwork.py, loaded for the moment."""
        from firmware import appwork

        return _lent(appwork, what, self, arguments)

    def _set(self, what, *arguments):
        """The same with firmware/applysettings.py."""
        from firmware import applysettings

        return _lent(applysettings, what, self, arguments)

    async def before_restart(self):
        """Leave nothing half done: the broker is told, the log is durable, what is on trial goes on being so."""
        try:
            if self.mqtt:
                leaving = asyncio.create_task(self.mqtt.leave())
                since = ticks_ms()
                while not leaving.done() and ticks_diff(ticks_ms(), since) < _LEAVE_MS:
                    self.board.feed()
                    await sleep_ms(_TURN_MS)
            # What follows, the reason of the restart included, is written in this turn.
            await silence(self)
        except MemoryError:
            pass  # the broker finds out by itself
        let_go()
        try:
            if self.config.trying and self.restart_reason.startswith(COMMANDED):
                if self.config.code:
                    # A restart is no way to more time for who has yet to confirm.
                    left = self.config.trying - (monotonic_s() - self.trial_since)
                    self.config.trial_seconds = max(left, 1)
                self.config.restage()
        except (OSError, MemoryError):
            pass  # then the old values are back after the restart
        self.ring.flush()
        diag.info("start", "restart: %s; %s", self.restart_reason, json.dumps(self.ring.stats()))
