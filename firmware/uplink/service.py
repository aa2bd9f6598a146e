"""Keeps a session with the broker up, drains the log through it, and carries commands and their replies.

At least once: a record is acknowledged in the log after its PUBACK, never before. After a loss everything that was
on the way is sent again, in order. Up to `window` messages are on the way at a time, so a slow line is used well.
"""

from firmware import diag
from firmware.port import const, sleep_ms, ticks_diff, ticks_ms
from firmware.uplink.session import MQTT_ERRORS, Refused, Session

_BUSY_MS = const(5)
_IDLE_MS = const(30)
_FIRST_BACKOFF_MS = const(1000)
_LAST_BACKOFF_MS = const(300000)
_STABLE_MS = const(60000)
_MOST_MESSAGES = const(8)
_MOST_REPLIES = const(8)
_PAYLOAD = const(1024)
_REPLY_WAIT_MS = const(30000)


class MqttService:
    """`settings` (dict): host, port, client_id, user, password, keepalive (s), qos (0, 1), window, subscribe (list of
    topics), online_topic, online, offline (payloads), puback_ms, connect_ms, answer_ms; `enabled`.

    `ring` is the log, `link` the way out, `topic_for(kind)` the topic of a record or None (then it is dropped),
    `gate` keeps flash writes away from a meter's answers, `feed()` the watchdog, `jitter` ms added to each back-off.
    """

    def __init__(self, umqtt, settings, ring, link, topic_for, feed, gate=None, jitter=0):
        self._umqtt = umqtt
        self.settings = settings
        self._ring = ring
        self._link = link
        self._topic_for = topic_for
        self._feed = feed
        self._gate = gate
        self._jitter = jitter
        self._session = None
        self._payload = bytearray(_PAYLOAD)
        self._acked = []
        self._replies = []
        self.messages = []  # (topic, payload) that have come, oldest first
        self.connected = False
        self.sent = self.delivered = self.reconnects = self.overrun = self.unreadable = 0
        self.last_error = ""
        self._changed = False
        self._backoff = _FIRST_BACKOFF_MS

    def status(self):
        return {
            "connected": self.connected,
            "sent": self.sent,
            "delivered": self.delivered,
            "reconnects": self.reconnects,
            "waiting": len(self._session.flying) if self._session else 0,
            "last_error": self.last_error,
            "overrun": self.overrun,
        }

    def reconfigure(self, settings):
        """Use other settings from now on: leaves the broker and comes back."""
        self.settings = settings
        self._changed = True

    async def reply(self, topic, payload):
        """Queue a message that is not a record; waits while the queue is full, drops the oldest after 30 s."""
        start = ticks_ms()
        while len(self._replies) >= _MOST_REPLIES:
            if ticks_diff(ticks_ms(), start) > _REPLY_WAIT_MS:
                self._replies.pop(0)
                break
            await sleep_ms(_IDLE_MS)
        self._replies.append((topic.encode(), payload))

    def next_message(self):
        """The oldest incoming (topic, payload), both bytes, or None."""
        return self.messages.pop(0) if self.messages else None

    async def run(self):
        while True:
            if not self.settings.get("enabled", True):
                await sleep_ms(1000)
                continue
            start = ticks_ms()
            try:
                await self._live()
                error = "settings changed"
                self._backoff = _FIRST_BACKOFF_MS
            except Refused as refusal:
                error = "refused: %s" % refusal
            except MQTT_ERRORS as failure:
                error = str(failure) or type(failure).__name__
                self._link.suspect()
            finally:
                self._drop()
            self.last_error = error
            self.reconnects += 1
            if ticks_diff(ticks_ms(), start) > _STABLE_MS:
                self._backoff = _FIRST_BACKOFF_MS
            wait = self._backoff + self._jitter
            diag.warn("mqtt", "connection lost: %s; again in %d ms", error, wait)
            await sleep_ms(wait)
            self._backoff = min(self._backoff * 2, _LAST_BACKOFF_MS)

    def _drop(self):
        self.connected = False
        session, self._session = self._session, None
        if session:
            session.close()
        # Answered but not noted yet counts as not answered: a repetition is harmless, a loss is not.
        self._acked = []
        self._ring.release()

    async def _live(self):
        self._changed = False
        if not self._link.is_up() and not await self._link.up(60000):
            raise OSError("no network")
        self._feed()
        session = Session(self._umqtt, self.settings, self._link.socket, self._feed)
        self._session = session
        session.on_acked = self._acked.append
        session.on_message = self._arrived
        await session.open()
        self.connected = True
        began = ticks_ms()
        diag.info("mqtt", "connected to %s:%d", self.settings["host"], self.settings["port"])
        while not self._changed:
            got = session.turn()
            await self._note_acks()
            more = self._send_one(session)
            if ticks_diff(ticks_ms(), began) > _STABLE_MS:
                self._backoff = _FIRST_BACKOFF_MS
            await sleep_ms(_BUSY_MS if got or more or session.flying else _IDLE_MS)
        session.farewell()

    def _arrived(self, topic, payload):
        if len(self.messages) >= _MOST_MESSAGES:
            self.overrun += 1
        else:
            self.messages.append((topic, payload))

    async def _note_acks(self):
        """Tell the log what the broker has, in one go and away from a meter's answer."""
        if not self._acked:
            return
        acked = [seq for seq in self._acked if seq is not None]
        del self._acked[:]
        if acked:
            if self._gate:
                await self._gate.wait()
            for seq in acked:
                self._ring.ack(seq)
            self._ring.flush()
            self.delivered += len(acked)

    def _send_one(self, session):
        """Queue the next message if there is room; replies go before records. True if one was queued."""
        if not session.idle() or len(session.flying) >= self.settings.get("window", 8):
            return False
        if self._replies:
            topic, payload = self._replies.pop(0)
            session.publish(topic, payload, None, self.settings.get("qos", 1))
            return True
        seq = self._ring.take()
        if seq is None:
            return False
        record = self._load(seq)
        if record is None:
            return True
        topic, view = record
        qos = self.settings.get("qos", 1)
        session.publish(topic, view, seq, qos)
        self.sent += 1
        if not qos:
            self._acked.append(seq)
        return True

    def _load(self, seq):
        """(topic, payload view) of a record; one that can't be read or has no topic is acknowledged away."""
        try:
            kind, _, length = self._ring.info(seq)
            topic = self._topic_for(kind)
            if topic:
                if length > len(self._payload):
                    self._payload = bytearray(length)
                count = self._ring.read_into(seq, self._payload)
                return topic.encode(), memoryview(self._payload)[:count]
        except (OSError, ValueError) as error:
            self.unreadable += 1
            diag.error("mqtt", "record %d can't be read: %s", seq, error)
        self._acked.append(seq)
        return None
