"""A connection to the broker while it is up: every wait has a deadline, nothing blocks.

umqtt.simple writes each packet into the guard; this module sends it, takes the answers apart and keeps track of
what is on the way. Anything that breaks the rules ends the session with an OSError.
"""

from firmware.config.config import LONGEST_TOPIC
from firmware.core import log
from firmware.core.compat import ticks_diff, ticks_ms
from firmware.core.errors import BrokerError
from firmware.delivery.mqtt.packets import Guard, Pending, Stream

_MOST_PACKETS = const(16)  # handled in one turn
_PUBLISH = const(0x30)
_PUBACK = const(0x40)
_PINGRESP = const(0xD0)
_SUBACK = const(0x90)
# Of messages that are too long: bytes for the answer, and how many of them wait for it.
_ECHO = const(64)
_ECHOES = const(8)
# The longest message: all the settings of a device have 2,700 bytes.
_LARGEST = const(4096)
# Copied bytes of the small packets that may go out at any time: PUBACK, PINGREQ, DISCONNECT.
_SMALL_PACKETS = const(16)
# A ping has so long before the broker takes the silence for a loss; ticks that nothing reaches.
_MARGIN_MS = const(30000)
_NEVER = const(0x1FFFFFFF)
# umqtt.simple counts packet ids up for ever: 65536 is no id, its PUBACK never comes (platform facts 2.1).
_LAST_PID = const(65000)
# Codes of errors (core/errors.py).
_SILENT = const(310)
_NO_PUBACK = const(311)
_TAKES_NOTHING = const(313)
_NOTHING_HEARD = const(315)
_NO_PONG = const(316)
_UMQTT = const(320)
_TOO_LONG = const(321)
_SHORT_PUBACK = const(322)


class Session:
    """`umqtt` is the module umqtt.simple, `feed()` the watchdog. One connection at a time, the buffers stay.

    `flying`: packet id -> (cargo, ticks when sent). `on_acked(cargo)` and `arrived(topic, payload)` are called
    from turn() and may only take note: umqtt.simple is at work around them.
    """

    refused = ""  # the topic the broker did not let us subscribe to last
    doubt = ""  # the cargo, or the topic asked for, that had no answer yet when it hung up last
    fails = 0  # how often in a row that was so
    # Of the way, in ms: the longest silence it has borne, and the longest it is trusted with. Network address
    # translation (NAT) forgets a silent connection without a word.
    borne = 0
    most = _NEVER
    pause = 0  # ms of silence before a ping

    def __init__(self, umqtt, feed, arrived, takes=None):
        self.umqtt = umqtt
        self.feed = feed
        self.settings = None
        self.client = None  # umqtt.simple's MQTTClient
        self._unsent = []  # cargo of QoS 0 messages that the socket has not taken yet
        self._ping_at = None  # ticks of a ping that has no answer yet
        self.quiet = 0  # ms without a byte either way since something came
        self._broken = None  # what sending ended with
        self.stream = Stream(_LARGEST)
        self.guard = Guard()
        self.flying = {}
        self.asked = []  # topics whose SUBACK is due
        self.since = 0  # ticks of the last of these SUBSCRIBEs
        self.banned = []  # topics that are not used, since the broker hangs up then
        self.on_acked = None
        self.arrived = arrived
        self.cut = []  # first bytes of messages that were too long
        self._takes = takes  # whether arrived() has room for a message; until then nothing more is read
        self.holds = False  # a message waits for that, and what came behind it with it
        self.rejected = 0  # incoming messages that were broken or too large

    def call(self, method, *arguments):
        """Call umqtt.simple; True if it has come to wait for an answer, its packet is then in the queue."""
        try:
            method(*arguments)
        except Pending:
            return True
        except (ValueError, IndexError, TypeError, AssertionError, AttributeError) as error:
            # What it raises when something is not what it should be; its asserts count as errors.
            raise BrokerError(_UMQTT, repr(error)) from None
        return False

    # --- running

    def turn(self):
        """Send, receive, watch the deadlines; returns True if anything was received. OSError ends the session."""
        self.flush()
        got = False
        # A broker that sends without reading must not fill the queue with answers.
        for _ in range(_MOST_PACKETS):
            packet = self.stream.receive() if self.guard.space(_SMALL_PACKETS) else None
            if packet is None or self._held_back(packet):
                break
            got = True
            self.handle(packet)
        if self._broken and not got:
            raise self._broken
        self._watch(got)
        return got

    def flush(self):
        """Send what the socket takes. That it takes nothing more is told by turn(), after what has come was read:

        a broker that confirms and then hangs up has confirmed.
        """
        if self._broken:
            return
        try:
            done = self.stream.flush(self.guard)
        except OSError as error:
            self._broken = error
            return
        if done and self._unsent:
            unsent, self._unsent = self._unsent, []
            for cargo in unsent:
                self.on_acked(cargo)

    def _held_back(self, packet):
        """Leave a message in its place while there is no room for it; what is late because of that is not overdue."""
        holds = packet[0] & 0xF0 == _PUBLISH and not self.stream.cut and self._takes and not self._takes()
        if holds:
            self.stream.used = 0
        elif self.holds:
            now = self.stream.last_rx = ticks_ms()
            self.flying = {pid: (flight[0], now) for pid, flight in self.flying.items()}
            self._ping_at = now if self._ping_at is not None else None
        self.holds = bool(holds)
        return self.holds

    def _watch(self, got):
        now = ticks_ms()
        s = self.settings
        stream = self.stream
        if self.asked and not self.holds and ticks_diff(now, self.since) > s.get("answer_ms", 10000):
            raise BrokerError(_SILENT)
        limit = s.get("puback_ms", 20000)
        for pid in () if self.holds else self.flying:
            if ticks_diff(now, self.flying[pid][1]) > limit:
                raise BrokerError(_NO_PUBACK, limit)
        if stream.blocked is not None and ticks_diff(now, stream.blocked) > limit:
            raise BrokerError(_TAKES_NOTHING)
        half = s["keepalive"] * 500
        if not half:
            return
        quiet = 0 if self.holds else ticks_diff(now, stream.last_rx)
        if quiet > 3 * half:
            raise BrokerError(_NOTHING_HEARD, quiet)
        alone = ticks_diff(now, stream.last_tx)
        if got:
            self.borne = max(self.borne, self.quiet)
            self.quiet = 0
        pause = half
        if s.get("ping"):
            # As long as the way has borne and half more; what a loss says of that: login.doubt().
            pause = min(max(s["ping"] * 1000, self.borne * 3 // 2), self.most, 2 * half - _MARGIN_MS)
        self.pause = pause
        self.quiet = max(self.quiet, min(quiet, alone))
        if self._ping_at is not None and not self.holds:
            if ticks_diff(now, self._ping_at) > min(limit, 2 * half):
                raise BrokerError(_NO_PONG)
        elif (quiet > pause or alone > pause) and self.guard.space(_SMALL_PACKETS):
            self.call(self.client.ping)
            self._ping_at = now

    def handle(self, packet):
        kind = packet[0] & 0xF0
        if kind == _PUBLISH:
            self._incoming(packet)
        elif self.stream.cut:
            raise BrokerError(_TOO_LONG, kind >> 4)
        elif kind == _PUBACK:
            if len(packet) < 4:
                raise BrokerError(_SHORT_PUBACK)
            flight = self.flying.pop(packet[2] << 8 | packet[3], None)
            if flight:
                self.fails *= flight[0] != self.doubt
                self.on_acked(flight[0])
        elif kind == _PINGRESP:
            self._ping_at = None
        elif kind == _SUBACK and self.asked:
            topic = self.asked.pop(0)
            self.fails *= topic != self.doubt
            if packet[len(packet) - 1] & 0x80:
                self.refused = topic
                log.error("mqtt", "the broker refuses the topic %s", topic)

    def _incoming(self, packet):
        """Have umqtt.simple take a PUBLISH apart; a broken one is counted and forgotten."""
        cut = self.stream.cut
        if cut or packet[0] & 1:
            # Retained: it waits there for whoever comes. Carried out, a restart would come again at every connection.
            if not cut:
                log.note("mqtt", "retain")
            self.rejected += 1
            self._pass_over(packet)
            return
        self.guard.offer(packet)
        try:
            self.call(self.client.wait_msg)
        except OSError:
            self.rejected += 1
        finally:
            self.guard.offer(None)

    def _pass_over(self, packet):
        """A message that is not taken is acknowledged, or the broker would send it again and again.

        One that was too long gets an answer, too.
        """
        at = 2
        while packet[at - 1] & 0x80:
            at += 1
        if at + 2 <= len(packet):
            at += 2 + (packet[at] << 8 | packet[at + 1])
        if at + 2 > len(packet):
            return
        if packet[0] & 6:
            if packet[0] & 6 == 2:
                self.guard.write(b"\x40\x02")
                self.guard.write(packet[at : at + 2])
            at += 2
        if not packet[0] & 1 and len(self.cut) < _ECHOES:
            self.cut.append(bytes(packet[at : at + _ECHO]))

    # --- sending

    def room(self):
        """Whether a message can be queued now."""
        return self.guard.room()

    def busy(self):
        """Whether something waits for the socket or for the broker's confirmation."""
        return bool(self.flying or self.guard.head() is not None)

    def publish(self, topic, payload, cargo, qos=1, retain=False):
        """Queue a PUBLISH (only if room()); `topic` and `payload` are bytes-like, ValueError if the topic is too long.

        `cargo` goes to `on_acked` with its PUBACK, or, with QoS 0, when the socket has taken it. A payload of 128
        bytes or more must stay untouched until room() is true again.
        """
        if len(topic) > LONGEST_TOPIC:
            raise ValueError("topic longer than %d bytes" % LONGEST_TOPIC)
        client = self.client
        if client.pid >= _LAST_PID:
            client.pid = 0
        while client.pid + 1 in self.flying:
            client.pid += 1
        if self.call(client.publish, topic, payload, retain, qos):
            self.flying[client.pid] = (cargo, ticks_ms())
        else:
            self._unsent.append(cargo)
        self.flush()

    def close(self):
        """Drop the connection and everything on the way."""
        self.stream.close()
        self.guard.clear()
        self.flying = {}
        self._unsent = []
        self._ping_at = self._broken = None
        self.holds = False
        self.quiet = 0
        self.client = None
