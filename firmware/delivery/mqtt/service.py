"""Keeps a session with the broker up, drains the log through it, and carries commands and their replies.

At least once: a record is acknowledged in the log after its PUBACK, never before. After a loss everything that was
on the way is sent again, in order. Up to `window` records are on the way at a time, so a slow line is used well, and
no more than that come twice after a crash.
"""

from firmware.core import errors, log, overlay
from firmware.core.compat import monotonic_s, sleep_ms, ticks_diff, ticks_ms
from firmware.delivery.mqtt.session import Session
from firmware.delivery.publisher import Publisher

_BUSY_MS = const(5)
_IDLE_MS = const(30)
_LINK_MS = const(60000)
_LOOK_MS = const(1000)
_LEAVE_MS = const(3000)
_FIRST_BACKOFF_MS = const(1000)
_LAST_BACKOFF_MS = const(300000)
_STABLE_S = const(60)
_MOST_MESSAGES = const(8)
# Codes of errors (core/errors.py).
_NO_NETWORK = const(307)
_ANSWERED = const(308)  # the last of those for which the link has carried the question and the answer
_NETWORK_GONE = const(314)
_NO_MEMORY = const(318)
# Those of TLS for which it has carried both, too.
_TLS = const(341)
_TLS_LAST = const(353)


class MqttService:
    """`settings` (dict): host, port, client_id, user, password, keepalive (s), ping
    (s until the first, 0: half of that), qos (0, 1), window, clean, subscribe
    (list of topics), online_topic, online, offline (payloads), puback_ms, connect_ms, answer_ms; `enabled`.

    `ring` is the log, `link` the way out, `topic_for(kind)` the topic of a record or None (then it waits),
    `gate` keeps flash writes away from a meter's answers, `feed()` the watchdog, `jitter` (0 to 999) tells this
    device's attempts from those of its neighbours, `on_state(state)` hears every change of `state`: "off",
    "no network", "connecting", "online", "waiting" (before the next attempt). A login waits its turn for the heap
    like a command, and records wait while a session needs what is free. `reply` and `replies_wait` are Publisher's.
    `deaf`: while the flash is written nothing is heard of what the link brings.
    """

    name = "mqtt"

    def __init__(self, umqtt, settings, ring, link, topic_for, feed, gate=None, jitter=0, on_state=None, deaf=False):
        self.settings = settings
        self._link = link
        self._jitter = jitter
        self._on_state = on_state
        self.session = Session(umqtt, feed, self._arrived, self._has_room)
        self.publisher = Publisher(self.session, ring, topic_for, gate, deaf)
        self.reply = self.publisher.reply
        self.replies_wait = self.publisher.replies_wait
        self.state = "off"
        self.connected = False
        self.since = monotonic_s()  # the state is what it is
        self._changed = False
        self._away = False
        self._backoff = _FIRST_BACKOFF_MS
        self._attempts = 0
        self.messages = []  # (topic, payload) that have come, oldest first
        self.cut = self.session.cut
        # Whether nobody takes messages for long; else what is behind them, the confirmations of records, would wait.
        self.paused = lambda: False
        self.connections = self.overrun = 0
        self.why = None  # the last connection ended (core/errors.py)

    def status(self):
        """Counters and state as a dict (state.py)."""
        with overlay.use("status"):
            from firmware.delivery.mqtt import state

            return state.status(self)

    # --- for others

    def reconfigure(self, settings):
        """Use other settings from now on: leaves the broker and comes back."""
        self.settings = settings
        self.session.banned = []
        self._away = False
        self._changed = True

    async def leave(self):
        """Send the replies that wait, say goodbye and stay away until reconfigure(); done within 6 s."""
        for _ in range(2):
            start = ticks_ms()
            while self.connected and (self._away or self.replies_wait()) and ticks_diff(ticks_ms(), start) < _LEAVE_MS:
                await sleep_ms(_IDLE_MS)
            self._away = self._changed = True

    def next_message(self):
        """The oldest incoming (topic, payload), both bytes, or None."""
        return self.messages.pop(0) if self.messages else None

    def _has_room(self):
        """Whether the next message is to be read: what cannot wait here waits at the broker, for a while."""
        return len(self.messages) < _MOST_MESSAGES or self.paused()

    def _arrived(self, topic, payload):
        # Only what was asked for is a command: brokers have been seen to send retained messages of other topics.
        if not any(name.encode() == topic for name in self.settings.get("subscribe", ())):
            self.session.rejected += 1
        elif len(self.messages) >= _MOST_MESSAGES:
            self.overrun += 1  # in a long pause, or during a login, which waits for other answers
        else:
            self.messages.append((topic, payload))

    # --- the task

    async def run(self):
        while True:
            self._changed = False
            if self._away or not self.settings.get("enabled", True):
                self._enter("off")
                await self._pause(_LOOK_MS)
            elif await self._network() and not self._changed:
                await self._attempt()

    def _enter(self, state):
        if state != self.state:
            self.state = state
            self.connected = state == "online"
            self.since = monotonic_s()
            if self._on_state:
                self._on_state(state)

    async def _pause(self, ms):
        """Wait, but no longer than until the settings change."""
        start = ticks_ms()
        left = ms
        while left > 0 and not self._changed:
            await sleep_ms(min(left, 100))
            left = ms - ticks_diff(ticks_ms(), start)

    async def _network(self):
        if self._link.is_up():
            return True
        self._enter("no network")
        up = await self._link.up(_LINK_MS)
        if not up:
            self.why = (_NO_NETWORK,)
            await self._pause(_LOOK_MS)
        return up

    async def _attempt(self):
        """One connection from the first packet to its loss, and the wait before the next one."""
        try:
            # The turn may stop within a packet then: only a new connection is sure to be in step.
            with overlay.attempt:
                await self._live()
                return
            self.why = (_NO_MEMORY,)
        except OSError as failure:
            self.why = errors.ended(failure)
            longer = doubt(self)
            if self.why[0] > _ANSWERED and not _TLS <= self.why[0] <= _TLS_LAST:
                if not longer:
                    self._link.suspect()
                await self.publisher.note_acks()
        finally:
            # Whatever ends the task, also its cancellation: nothing may stay on the way.
            self.session.close()
            self.publisher.lost()
            if self.connected and monotonic_s() - self.since > _STABLE_S:
                self._backoff = _FIRST_BACKOFF_MS
                self.session.banned = []  # its rights may be others now
            self._enter("waiting")
        wait = self._next_wait()
        log.warn("mqtt", "connection lost: %s; again in %d ms", errors.text(self.why), wait)
        await self._pause(wait)

    def _next_wait(self):
        """1, 2, 4 … 300 s, each up to a half longer: how much differs with the device and from time to time."""
        step = self._backoff
        self._backoff = min(step * 2, _LAST_BACKOFF_MS)
        self._attempts += 1
        return step + step * ((self._jitter + self._attempts * 617) % 1000) // 2000

    async def _live(self):
        """Connect and serve until the settings change; OSError when the connection is lost."""
        self._enter("connecting")
        session, publisher = self.session, self.publisher
        await _enter(session, self.settings, self._link.socket)
        self.connections += 1
        self._enter("online")
        log.info("mqtt", "connected to %s:%d", self.settings["host"], self.settings["port"])
        looked = ticks_ms()
        await sleep_ms(0)  # a login ends with a long turn
        while not self._changed:
            got = session.turn()
            # Most turns have nothing for either, and each would leave a coroutine to the collector.
            if publisher._done:
                await publisher.note_acks(quiet=True)
            publisher.held = session.holds
            more = publisher.offer(self.settings)
            if more:
                await sleep_ms(0)
                await publisher.send(self.settings)
            if ticks_diff(ticks_ms(), looked) > _LOOK_MS:
                looked = ticks_ms()
                if not self._link.is_up():
                    raise errors.BrokerError(_NETWORK_GONE)
            await sleep_ms(_BUSY_MS if got or more or session.busy() else _IDLE_MS)
        await _leave(session)
        await publisher.note_acks()


async def _enter(session, settings, sockets):
    with await overlay.turn("login"):
        from firmware.delivery.mqtt import login

        await login.enter(session, settings, sockets)


def doubt(service):
    """Say why a connection has ended where the broker keeps it to itself; whether its silence may be why
    (login.doubt)."""
    with overlay.attempt, overlay.use("login"):
        from firmware.delivery.mqtt import login

        return login.doubt(service)


async def _leave(session):
    with overlay.use("login"):
        from firmware.delivery.mqtt import login

        await login.leave(session)
