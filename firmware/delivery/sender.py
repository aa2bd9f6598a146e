"""A delivery that comes and goes: over HTTP or FTP, whose code is loaded while something is to be sent.

At least once: a record is acknowledged at its cursor in the log when the server has said yes, never before. What the
server does not take now is tried again after 1, 2, 4 … 300 s and up to a half more, or after what it asks for. What it
refuses again and again is parked: it waits in the log, is counted and told of, and those behind it go on. It is tried
again after an hour, after SENDNOW, after a change of the settings and after a start.
"""

from firmware.core import errors, log, overlay
from firmware.core.compat import monotonic_s, sleep_ms, ticks_diff, ticks_ms
from firmware.meters import readings

_LOOK_MS = const(1000)
_STEP_MS = const(100)
_LINK_MS = const(60000)
_FIRST_S = const(1)
_LAST_S = const(300)
_RETRY_MOST_S = const(3600)
_PARKED_S = const(3600)
_TOLD = const("state connected delivered parked parked_for dropped requests refused last")
# Codes of errors (core/errors.py).
_NO_NETWORK = const(307)
_NO_MEMORY = const(318)
_SUSPECT = const((309, 317, 319, 331, 332))  # those after which the link is suspected: nothing comes through


class Sender:
    """`name` is "http" or "ftp", the module with `drain(sender)`, too; `settings` a dict of options.py;
    `cursor` a recordlog.kept.Kept. `device` has link, gate, clock and `board.feed`; `jitter` (0 to 999) tells it from
    its neighbours. `alone`: a list in common of the senders of which only one may be at it at a time, or None."""

    def __init__(self, name, settings, cursor, device, jitter=0, alone=None):
        self.name = name
        self.cursor = cursor
        self.device = device
        self.feed = device.board.feed
        self.jitter = jitter
        self._alone = alone
        self.state = "off"
        self.connected = False
        self.connections = self.delivered = self.dropped = self.requests = self.refused = 0
        self.parked = 0  # records that are parked now, the answer of the server to the last of them
        self.parked_for = 0
        self.why = None  # the last try ended (core/errors.py)
        self.last = 0  # UTC of the last delivery
        self.retry_s = 0
        self._payload = b""
        self._refused = (0, 0)  # number of the record that was refused last, how often
        self._parked_at = 0
        self._asked = self._away = self._changed = False
        self.period = None  # number of the period that was delivered last, where that has periods
        self._attempts = 0
        self.turn = None  # net.alone.Away while MQTT makes way
        self._use(settings)

    def _use(self, settings):
        self.settings = settings
        self.cursor.order = settings.get("order", "fifo")
        self.most = settings.get("batch", 1)  # records in a request
        self._backoff = _FIRST_S

    # --- for others

    def reconfigure(self, settings):
        """Use other settings from now on."""
        self._use(settings)
        self.connected = self._away = False
        self.why = None
        self.now()

    def now(self):
        """Send what waits without waiting any longer, what is parked, too."""
        self._unpark()
        self._asked = self._changed = True
        self._backoff = _FIRST_S

    async def leave(self):
        """Stay away until reconfigure(); what is acknowledged is durable already."""
        self._away = self._changed = True

    def status(self):
        found = {name: getattr(self, name) for name in _TOLD.split()}
        return dict(found, waiting=self.cursor.depth(), lost=self.cursor.lost, last_error=errors.text(self.why))

    # --- the task

    async def run(self):
        while True:
            self._changed = False
            if self._away or not self.settings["enabled"]:
                self._enter("off")
                await self._pause(_LOOK_MS)
            elif not self._due():
                self._enter("idle")
                await self._pause(_LOOK_MS)
            elif await self._network():
                await self._attempt()
                await sleep_ms(_STEP_MS)  # where a session needs the heap nothing was done

    def _enter(self, state):
        self.state = state
        if state in ("off", "no network", "waiting"):
            self.connected = False

    async def _pause(self, ms):
        """Wait, but no longer than until something changes."""
        start = ticks_ms()
        while not self._changed and ticks_diff(ticks_ms(), start) < ms:
            await sleep_ms(_STEP_MS)

    def _due(self):
        """Whether there is something to do: to send, or to see whether the server is there."""
        if self.parked and monotonic_s() - self._parked_at > _PARKED_S:
            self._unpark()
        if self._asked or not self.connected:
            return True
        if self.settings["probe"] or self.now_period() == self.period:
            return False
        return self.waits()

    def waits(self):
        """Whether a record waits that is not parked."""
        seq = self.cursor.take()
        self.cursor.release(seq)
        return seq is not None

    def now_period(self):
        """The number of the period we are in; 0 where it is delivered at any time."""
        seconds = self.settings.get("period", 0) * 60
        # The devices of a place do not all come at midnight.
        return (self.device.clock.utc() - min(self.jitter, seconds // 4)) // seconds if seconds else 0

    async def _network(self):
        link = self.device.link
        if link.is_up():
            return True
        self._enter("no network")
        up = await link.up(_LINK_MS)
        if not up:
            self.why = (_NO_NETWORK,)
            await self._pause(_LOOK_MS)
        return up

    async def _attempt(self):
        """Send all that waits; where that does not succeed, the wait before the next attempt."""
        self.retry_s = 0
        alone = self._alone
        while alone:
            await sleep_ms(_STEP_MS)  # it ends by its own deadlines
        if alone is not None:
            alone.append(self)
        try:
            with overlay.attempt:
                self._enter("sending")
                self._asked = False
                await self._drain()
                if self.cursor.dirty:
                    await self.device.gate.wait()
                    self.cursor.flush()
                self.why = None
                self._backoff = _FIRST_S
                return
            self.why = (_NO_MEMORY,)
        except OSError as failure:
            self.why = errors.ended(failure)
            if self.why[0] in _SUSPECT:
                self.device.link.suspect()
        finally:
            # Whatever ends the task: nothing may stay on the way, nor in memory that others need meanwhile.
            self.cursor.release()
            self.cursor.forget_places(True)
            self._payload = b""
            if alone is not None:
                alone.remove(self)
        self._enter("waiting")
        wait = self._next_wait()
        log.warn(self.name, "%s; again in %d s", errors.text(self.why), wait)
        await self._pause(wait * 1000)

    def _next_wait(self):
        step = self._backoff
        self._backoff = min(step * 2, _LAST_S)
        self._attempts += 1
        wait = step + step * ((self.jitter + self._attempts * 617) % 1000) // 2000
        return max(wait, min(self.retry_s, _RETRY_MOST_S))

    async def _drain(self):
        if not self.settings["trust"]:
            await self._load()
            return
        with overlay.use("tls"):
            from firmware.net import alone

            await alone.meanwhile(self.device.mqtt, self, self._load)

    async def _load(self):
        with await overlay.turn("drain"):
            if self.name == "http":
                from firmware.delivery.http import drain
            else:
                from firmware.delivery.ftp import drain
            await drain(self)

    # --- for http.py and ftp.py

    def sockets(self):
        return self.device.link.socket

    def stops(self):
        """Whether to stop sending now, since others wait for their turn: it goes on later, with what has not gone."""
        mine = self._changed or self._away or (self.turn and self.turn.over())
        return mine or overlay.wanted or overlay.crowded()

    def reached(self):
        """The server has answered as it should."""
        if not self.connected:
            self.connections += 1
            self.connected = True
            log.info(self.name, "delivers to %s", self.settings["host"])

    def wants(self, kind):
        """Whether a record of this kind is delivered: readings in the form that is set."""
        if kind == readings.ERROR:
            return False
        form = self.settings["form"]
        return form == "both" or bool(kind & readings.EXTENDED) == (form == "extended")

    def batch(self, most, size):
        """Up to `most` records that wait, of `size` bytes together if they are more than one: a list of (number,
        length). What is not wanted, or can't be read, counts as done."""
        found = []
        cursor = self.cursor
        while len(found) < most:
            seq = cursor.take()
            if seq is None:
                break
            try:
                kind, _, length = cursor.info(seq)
            except OSError as error:
                self.drop(seq, error)
                continue
            if not self.wants(kind):
                cursor.ack(seq)
                continue
            if found and length > size:
                cursor.release(seq)
                break
            size -= length
            found.append((seq, length))
        return found

    def read(self, each):
        """The record (number, length), a memoryview that is valid until the next one. OSError: it is damaged, and
        counts as done; what was to be sent with it is not whole."""
        seq, length = each
        if length > len(self._payload):
            self._payload = b""
            self._payload = bytearray(length)
        try:
            self.cursor.read_into(seq, self._payload)
        except OSError as error:
            self.drop(seq, error)
            raise
        return memoryview(self._payload)[:length]

    def drop(self, seq, error):
        if self.cursor.acks.has(seq):
            return
        log.error(self.name, "record %d is passed over: %s", seq, error)
        self.dropped += 1
        self.cursor.ack(seq)

    async def done(self, numbers):
        """The server has these records. OSError: the log could not note it, so they come again."""
        await self.device.gate.wait()
        for seq in numbers:
            self.cursor.ack(seq)
            self.delivered += 1
        self.cursor.flush()
        self.last = self.device.clock.utc()

    def parks(self, seq, code):
        """The server refuses this record once more; whether it is parked now."""
        before, count = self._refused
        count = count + 1 if before == seq else 1
        self._refused = (seq, count)
        if count < self.settings["tries"]:
            return False
        self.cursor.release(seq, True)
        self.parked += 1
        self.parked_for = code
        self._parked_at = monotonic_s()
        log.error(self.name, "record %d is parked: the server has answered %d to it %d times", seq, code, count)
        return True

    def _unpark(self):
        self.parked = 0
        self._refused = (0, 0)
        self.cursor.release(0)
