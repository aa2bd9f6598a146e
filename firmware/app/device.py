"""The device as a whole: its parts, what the supervisor runs and what commands do to it.

starting.py makes it; its parts are filled in by build.py or, in the safe mode, by build_base.py. What it does seldom
is in status.py and apply_settings.py. And the service that keeps its clock right: NTP, else the modem's network time,
else a meter's clock.
"""

import asyncio

from firmware.config.config import Config
from firmware.core import VERSION, log, overlay
from firmware.core.clock import MODEM
from firmware.core.compat import monotonic_s, sleep_ms, ticks_diff, ticks_ms
from firmware.core.flash_gate import silence
from firmware.meters import readings

_TURN_MS = const(100)
_LOOK_MS = const(1000)
# Even SYNC does not ask more often than this.
_LEAST_S = const(4)
_CROWDED_S = const(60)
# A delivery's leave() takes 6 s at most.
_LEAVE_MS = const(10000)
COMMANDED = "command on "  # begin of the reason of a restart that somebody asked for


class App:
    """The device: what the supervisor runs and what the commands act on."""

    version = VERSION
    modem = None
    safe = False  # the firmware crashed again and again: nothing but what it takes to be reached
    discovery = None
    too_long = 0  # records that were longer than logger.size
    tracer = None  # frame_trace.Tracer while iec102.trace is on
    link = mqtt = console = keeper = None
    order = None  # firmware.update.waiting.Order while an update is under way
    lines = tags = ()
    audit = None  # what is known of the audit log's files (security/audit.py)
    page = None  # web.server.Page, where there is one
    unsealed = False  # the device's password lies on the flash as it was typed
    way = 0  # how often the broker had been reached when a new way was tried; -1: its answer has to be out first
    data = None  # bytes that have moved (report.py)
    due = 300  # when there is something to report, monotonic seconds
    faults = ()  # (port, why, IDs of its meters): serial ports that could not be opened, or are not there

    def __init__(self, board, guard=None):
        self.board = board
        self.guard = guard  # firmware.update.safestart.Guard where the board keeps versions of the firmware
        self.safe = guard is not None and guard.mode == "safe"
        self.name = "lector102 on " + board.name
        self.reset_cause = board.reset_cause()
        log.info("start", "reset cause: %s", self.reset_cause)
        self.config = Config(board.root + "/config.json", getattr(board, "defaults", {}))
        self.watched = []
        # The ways of the records to who wants them (firmware/delivery/__init__.py), and `mqtt`, that one's own.
        self.deliveries = []
        self.longest_turn_ms = 0
        self.restart_reason = ""
        self.time_wanted = False
        self.trial_since = monotonic_s()

    def keep(self, batch):
        """Put a batch of (kind, utc, payload) into the log."""
        ring = self.ring
        longest, most = self.limits
        if longest and any(len(record[2]) > longest for record in batch):
            log.error("log", "a record of more than logger.size %d bytes is not kept", longest)
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
        with overlay.use("apply"):
            from firmware.app import apply_settings

            apply_settings.look_up_topics(self)

    def topic_for(self, kind):
        """Topic of a record; empty: it waits in the log, False: it is there for other deliveries."""
        if kind == readings.ERROR:
            return self.topics[2]
        return self.topics[1 if kind & readings.EXTENDED else 0]

    def answer_topic(self):
        """Topic of the answers to commands; empty: nobody wants them."""
        return self.answers

    def online_text(self):
        """What the online topic says after a login; a JSON object."""
        with overlay.use("status"):
            from firmware.app import status

            return status.online_text(self)

    def reached(self):
        """Whether some delivery is connected; None: none is switched on. Allocates nothing."""
        found = None
        for each in self.deliveries:
            if each.state != "off":
                found = found or each.connected
        return found

    # --- what commands do to the device

    def change(self, values, code=""):
        """Take and keep settings, and use them at once where that is possible. ConfigError.

        What could cut the device off is on trial: when the broker is not reached again in `device.trial` minutes
        the old values come back. With a `code` that has to be told to confirm() over the new way.
        """
        with overlay.use("apply"):
            from firmware.app import apply_settings

            apply_settings.change(self, values, code)

    def begin_trial(self):
        """The answer with the code is on its way: once it is out, the new way is tried."""
        self.trial_since = monotonic_s()
        self.way = -1

    def confirm(self, code, console=False):
        """What is on trial stays: "", or why it does not."""
        with overlay.use("apply"):
            from firmware.app import apply_settings

            return apply_settings.confirm(self, code, console)

    def watch_trial(self):
        """Confirm settings on trial once the broker is reached with them, or take them back."""
        if self.config.trying or self.way < 0 or self.unsealed:
            with overlay.use("apply"):
                from firmware.app import apply_settings

                apply_settings.watch_trial(self)

    async def known_as(self, imei):
        """The modem has told its IMEI."""
        with overlay.use("apply"):
            from firmware.app import apply_settings

            await apply_settings.known_as(self, imei)

    def restart(self, reason):
        """Start again once the answer is out."""
        self.restart_reason = reason

    def sync(self):
        """Ask for the time as soon as possible (TimeKeeper looks here)."""
        self.time_wanted = True

    def status(self):
        """What GETSTATUS tells (status.status)."""
        with overlay.use("status"):
            from firmware.app import status

            return status.status(self)

    async def report(self):
        """Count, keep and tell what is due (report.py)."""
        if monotonic_s() >= self.due and not overlay.crowded():
            with overlay.use("status"):
                from firmware.app import report

                await report.turn(self)

    def crash(self):
        """The lines of the last crash's traceback; none: []."""
        with overlay.use("status"):
            from firmware.app import status

            return status.crash(self)

    def update(self, url, force=False):
        """Order an update over the air, or end one (no `url`): firmware/update/order.py. Where it is refused the code
        of the answer (commands/executor.py) and why, else ()."""
        with overlay.use("update"):
            from firmware.update import order

            try:
                if url:
                    order.begin(self, url, force)
                else:
                    order.stop(self)
            except order.OrderError as error:
                return error.answer, str(error)
        return ()

    def brief(self):
        """(UTC or 0, words) for a short message."""
        with overlay.use("status"):
            from firmware.app import status

            return status.brief(self)

    async def note(self, now=False):
        """Write what was noted for the audit log (core/log.py) where it is due, or `now`, and hand it to its topic.

        Beside a session that has the heap it would fail again and again; but that waits a minute at most.
        """
        if now or log.due + overlay.crowded() * _CROWDED_S <= monotonic_s():
            await silence(self)
            with overlay.attempt, overlay.use("audit"):
                from firmware.security import audit

                audit.write(self, now)
                await audit.publish(self)

    async def before_restart(self):
        """Leave nothing half done: the broker is told, the log is durable, what is on trial goes on being so."""
        # Without memory the broker finds out by itself.
        with overlay.attempt:
            since = ticks_ms()
            for leaving in [asyncio.create_task(each.leave()) for each in self.deliveries]:
                while not leaving.done() and ticks_diff(ticks_ms(), since) < _LEAVE_MS:
                    self.board.feed()
                    await sleep_ms(_TURN_MS)
            await self.note(True)
            # What follows, the reason of the restart included, is written in this turn.
            await silence(self)
        overlay.let_go()
        try:
            if self.config.trying and self.restart_reason.startswith(COMMANDED):
                if self.config.code:
                    # A restart is no way to more time for who has yet to confirm.
                    left = self.config.trying - (monotonic_s() - self.trial_since)
                    self.config.trial_seconds = max(left, 1)
                with overlay.attempt:
                    self.config.restage()
        except OSError:
            pass  # then the old values are back after the restart
        self.ring.flush()
        log.info("start", "restart: %s; %d records wait", self.restart_reason, self.ring.depth())


class TimeKeeper:
    """A service. A failed question (time_sync.py) is followed by the next after 15, 30, 60 … 3600 s and up to a half
    more; a server that does not want us is left alone for longer.

    `device`: has `clock`, `link`, `lines`, `config`, `board`, and `time_wanted`, which SYNC sets."""

    def __init__(self, device):
        self.device = device
        self.fails = 0
        self.second = False
        self.doubt = None  # (difference, server, how many before) of answers that would move a known clock far
        self.alone = False  # a single answer has set the clock, and nobody has agreed yet
        self.metered = None  # monotonic seconds of the last look at a meter's clock
        if hasattr(device.link, "on_time"):
            device.link.on_time = self.network_time

    def network_time(self, utc):
        """The modem's network has told the time."""
        self.device.clock.set(utc, MODEM)

    async def run(self):
        device = self.device
        asked = None
        wait = 0
        while True:
            now = monotonic_s()
            passed = wait if asked is None else now - asked
            if passed >= wait or (device.time_wanted and passed >= _LEAST_S):
                asked = now
                wait = await self._once()
            await sleep_ms(_LOOK_MS)

    async def _once(self):
        """Ask once (firmware/app/time_sync.py); the seconds until the next time."""
        with await overlay.turn("time"):
            from firmware.app import time_sync

            return await time_sync.once(self)
