"""What goes out through a session: records of the log, a window of them at a time, and replies in between.

A record is acknowledged in the log when the broker has confirmed it. One that can't be read is acknowledged away and
counted, one that has no topic now is held back in the log until the topics change: neither stops those behind it.
"""

from firmware.config.config import LONGEST_TOPIC
from firmware.core import log, overlay
from firmware.core.compat import sleep_ms, ticks_diff, ticks_ms

_MOST_REPLIES = const(8)
# Replies may use places beyond the window, so that unconfirmed records do not hold them up.
_REPLY_PLACES = const(2)
_REPLY_WAIT_MS = const(30000)
_MOST_FLYING = const(255)
# A note that took longer erased the flash: a page is written in less.
_DEAF_MS = const(20)
_NOTED_MS = const(2000)
_TURN_MS = const(30)
_TROUBLE_MS = const(1000)
_NO_MEMORY = const("out of memory")
_STEP = const(512)  # the payload buffer grows in such steps
_KEPT = const(2048)  # and keeps that much
_HEAD = const(640)  # bytes of a record in which its ID stands


class Publisher:
    """`gate` and `deaf` as in service.MqttService, which looks at `_done`, too.

    Counters: `sent`, `delivered`, `dropped` (records).
    """

    def __init__(self, session, ring, topic_for, gate=None, deaf=False):
        self._session = session
        session.on_acked = self.acked
        self._ring = ring
        self._topic_for = topic_for
        self._gate = gate
        self._payload = b""
        self._done = []  # numbers of records to be acknowledged in the log
        self._done_at = 0  # ticks of the first of them
        # Whether a note may erase the flash: as the board says, since the first that does would come too late to learn
        # it from, or as one has shown.
        self._deaf = deaf
        self._replies = []  # (topic, payload, retain) to be sent
        self._replying = []  # those on the way
        self._records_turn = False
        # Messages wait to be taken, and the broker's confirmations behind them: a reply that waited for one would keep
        # the next command from being carried out, and that message from being taken.
        self.held = False
        self._trouble_at = None  # ticks of the log's last refusal
        self._told = []  # kinds of records that have no topic, where that has been said
        self._most = _MOST_FLYING  # records on the way at a time, whatever the window says
        self._sent_before = self._delivered_before = 0  # counters when the connection began
        self.sent = self.delivered = self.dropped = 0

    # --- replies

    async def reply(self, topic, payload, retain=False):
        """Queue a message that is not a record (str or bytes); waits while the queue is full, up to 30 s.

        Then the oldest one is dropped. It is sent again after a loss of the connection, like a record.
        """
        topic, payload = _bytes(topic), _bytes(payload)
        if len(topic) > LONGEST_TOPIC:
            raise ValueError("topic longer than %d bytes" % LONGEST_TOPIC)
        start = ticks_ms()
        while len(self._replies) + len(self._replying) >= _MOST_REPLIES:
            if ticks_diff(ticks_ms(), start) > _REPLY_WAIT_MS:
                if self._replies:
                    self._replies.pop(0)
                break
            await sleep_ms(_TURN_MS)
        self._replies.append((topic, payload, retain))

    def replies_wait(self):
        """Whether messages given to reply() have yet to go out, or are on their way."""
        return bool(self._replies or self._replying)

    # --- what comes back

    def acked(self, cargo):
        """The broker has it. A record is a number, a reply its tuple, other messages are None."""
        if isinstance(cargo, tuple):
            self._replying.remove(cargo)
        elif cargo is not None:
            self._is_done(cargo)
            self.delivered += 1
            self._most = min(self._most + 1, _MOST_FLYING)

    def _is_done(self, seq):
        if not self._done:
            self._done_at = ticks_ms()
        self._done.append(seq)

    def lost(self):
        """The connection is gone: what was on the way counts as not sent.

        One that took records and confirmed none has half as many on the way next time: a broker that hangs up after
        some, or a stack that forgets at a reset what has come (lwIP does), would else never get any further.
        """
        if self.sent > self._sent_before and self.delivered == self._delivered_before:
            self._most = max(1, min(self._most, self.sent - self._sent_before) // 2)
        self._sent_before, self._delivered_before = self.sent, self.delivered
        self._replies[:0] = self._replying
        self._replying = []
        # Confirmed but not noted in the log yet: a repetition is harmless, a loss is not.
        self._done = []
        self._ring.release()

    async def note_acks(self, quiet=False):
        """Tell the log what the broker has, in one go and away from a meter's answer.

        `quiet`: where the flash is slow only when nothing is on the way, or after a while: a chip that erases its
        flash hears nothing, and what the modem sends then is lost and comes again after seconds.
        """
        soon = self._session.flying and ticks_diff(ticks_ms(), self._done_at) < _NOTED_MS
        if not self._done or self._in_trouble() or (quiet and self._deaf and soon):
            return  # all that is on the way may be confirmed before long
        if self._gate:
            await self._gate.wait()
        start = ticks_ms()
        # Tried again later, if need be; meanwhile the window stays taken, so repetitions stay bounded.
        why = _NO_MEMORY
        try:
            with overlay.attempt:
                while self._done:
                    self._ring.ack(self._done[0])
                    self._done.pop(0)
                self._ring.flush()
                self._deaf = self._deaf or ticks_diff(ticks_ms(), start) > _DEAF_MS
                return
        except OSError as error:
            why = error
        self._trouble("note deliveries", why)

    def _trouble(self, what, error):
        log.error("mqtt", "the log can't %s: %s", what, error)
        self._trouble_at = ticks_ms()

    def _in_trouble(self):
        """A log that has just refused something is left alone for a moment."""
        at = self._trouble_at
        if at is not None and ticks_diff(ticks_ms(), at) > _TROUBLE_MS:
            self._trouble_at = at = None
        return at is not None

    # --- what goes out

    async def send(self, settings):
        """Queue messages as long as there is room; True if there was any."""
        any_sent = False
        while self.offer(settings):
            any_sent = True
            await sleep_ms(0)
        return any_sent

    def offer(self, settings):
        """Queue a message if there is room; whether there was one."""
        return self._session.room() and self._send_one(settings.get("window", 8), settings.get("qos", 1))

    def _send_one(self, window, qos):
        """Replies go before records, but every other place is a record's."""
        window = min(window, self._most)
        taken = len(self._session.flying) + len(self._done)
        reply = bool(self._replies) and (self.held or taken < window + _REPLY_PLACES)
        if reply and not self._records_turn:
            self._records_turn = True
            return self._send_reply(qos)
        self._records_turn = False
        if taken < window and self._send_record(qos):
            return True
        return reply and self._send_reply(qos)

    def _send_reply(self, qos):
        cargo = self._replies.pop(0)
        if cargo[0] in self._session.banned:
            return True
        self._replying.append(cargo)
        self._session.publish(cargo[0], cargo[1], cargo, 0 if self.held else qos, cargo[2])
        return True

    def _send_record(self, qos):
        if self._in_trouble():
            return False
        if overlay.crowded():
            self._payload = b""
            return False
        why = _NO_MEMORY
        try:
            with overlay.attempt:
                seq = self._ring.take()
                why = None
        except OSError as error:
            why = error
        if why:
            self._trouble("find the next record", why)
            return False
        if seq is None:
            # Nothing to send: whoever reads the next records needs the room more.
            self._payload = b""
            return False
        topic = None
        try:
            with overlay.attempt:
                topic, payload = self._load(seq)
        except OSError as error:
            log.error("mqtt", "record %d is passed over: %s", seq, error)
            self.dropped += 1
            self._is_done(seq)
            return True
        if topic is None:
            # A session has the heap just now; the record is not to blame.
            self._ring.release(seq)
            self._trouble("give a record", _NO_MEMORY)
            return False
        if not topic:
            if topic is False:
                self._is_done(seq)
            else:
                self._ring.release(seq, True)
            return True
        self._session.publish(topic, payload, seq, qos)
        self.sent += 1
        return True

    def _load(self, seq):
        """(topic, payload) of a record, (b"", None) if it has no topic of use, (False, None) if it is not for this
        delivery; OSError if it can't be read."""
        kind, _, length = self._ring.info(seq)
        topic = self._topic_for(kind)
        if topic is False:
            return False, None
        topic = _bytes(topic or "")
        if len(topic) > LONGEST_TOPIC:
            topic = b""
        if not topic:
            if kind not in self._told:
                self._told.append(kind)
                log.warn("mqtt", "records of kind %d wait: there is no topic for them", kind)
            return b"", None
        # One large record must not hold its memory for ever after.
        if length > len(self._payload) or len(self._payload) > max(2 * length, _KEPT):
            self._payload = b""
            self._payload = bytearray((length + _STEP - 1) // _STEP * _STEP)
        count = self._ring.read_into(seq, self._payload)
        if b"[ID]" in topic:
            topic = topic.replace(b"[ID]", _ident(bytes(self._payload[: min(count, _HEAD)])))
            if len(topic) > LONGEST_TOPIC:
                return b"", None
        return topic, memoryview(self._payload)[:count]


def _ident(head):
    """The ID of the meter, as a record begins (meters/records/titan.py): a word, no quotes within."""
    at = head.find(b'"ID":"') + 6
    return head[at : head.find(b'"', at)] if at > 5 else b""


def _bytes(text):
    return text.encode() if isinstance(text, str) else text
