"""One life of a connection to the broker: CONNECT to loss, every step with a deadline, nothing blocking.

umqtt.simple writes each packet into the guard; this module sends it, takes the answers apart and keeps track of
what is on the way. Anything that breaks the rules ends the session with an OSError or a Refused.
"""

from firmware.port import const, sleep_ms, ticks_diff, ticks_ms
from firmware.uplink.guard import Guard, Pending, Sockets
from firmware.uplink.stream import Stream

_TURN_MS = const(10)
_CONNACK = const(0x20)
_PUBLISH = const(0x30)
_PUBACK = const(0x40)
_SUBACK = const(0x90)
_PINGRESP = const(0xD0)
# umqtt.simple counts packet ids up for ever and hangs at 65536.
_LAST_PID = const(65000)
# umqtt.simple 1.3.4 writes the length of a SUBSCRIBE into a single byte.
_LONGEST_FILTER = const(122)
_REASONS = (
    "",
    "protocol version",
    "client id",
    "server unavailable",
    "user or password",
    "not authorised",
)
# What umqtt.simple may raise when a packet is not what it should be; its asserts count as errors.
MQTT_ERRORS = (OSError, ValueError, IndexError, TypeError, AssertionError, AttributeError)


class Refused(Exception):
    """The broker said no; the text says to what."""


class Session:
    """`umqtt` is the module umqtt.simple; `settings` as in service.MqttService."""

    def __init__(self, umqtt, settings, sockets, feed):
        self._umqtt = umqtt
        self._settings = settings
        self._feed = feed
        self._stream = Stream(sockets)
        self._guard = Guard()
        self._ping_at = 0  # ticks of a ping that has no answer yet, or 0
        self._client = None
        self.flying = {}  # packet id -> [what it carries, ticks when sent]
        self.on_acked = None
        self.on_message = None
        self.rejected = 0  # incoming packets that were too large or broken

    # --- opening

    async def open(self):
        """Connect, log in and subscribe. OSError, Refused."""
        s = self._settings
        self._feed()
        await self._stream.connect(s["host"], s["port"], s.get("connect_ms", 10000))
        # umqtt.simple takes the length of a text for the length of its bytes.
        client = self._umqtt.MQTTClient(
            s["client_id"].encode(),
            s["host"],
            s["port"],
            s["user"].encode() if s.get("user") else None,
            (s.get("password") or "").encode() if s.get("user") else None,
            s["keepalive"],
        )
        self._client = client
        client.set_callback(self._message)
        if s.get("online_topic"):
            client.set_last_will(s["online_topic"].encode(), s["offline"].encode(), True, 1)
        self._call_connect(client)
        packet = await self._wait_for(_CONNACK)
        if packet[3]:
            code = packet[3]
            raise Refused(
                "login: %s" % (_REASONS[code] if code < len(_REASONS) else "code %d" % code)
            )
        for topic in s.get("subscribe", ()):
            await self._subscribe(topic.encode())
        if s.get("online_topic"):
            self.publish(s["online_topic"].encode(), s["online"].encode(), None, retain=True)

    def _call_connect(self, client):
        module, real = self._umqtt, self._umqtt.socket
        module.socket = Sockets(self._guard)
        try:
            client.connect(self._settings.get("clean", True))
        except Pending:
            pass  # the CONNECT packet is in the queue
        finally:
            module.socket = real
            client.sock = self._guard

    async def _subscribe(self, topic):
        if len(topic) > _LONGEST_FILTER:
            raise Refused("topic %s is longer than %d bytes" % (topic, _LONGEST_FILTER))
        try:
            self._client.subscribe(topic, 1)
        except Pending:
            pass  # the SUBSCRIBE packet is in the queue
        packet = await self._wait_for(_SUBACK)
        if packet[4] == 0x80:
            raise Refused("subscription to %s" % topic.decode())

    async def _wait_for(self, kind):
        """Send what waits and return the next packet of `kind`; others are handled on the way."""
        start = ticks_ms()
        limit = self._settings.get("answer_ms", 10000)
        while ticks_diff(ticks_ms(), start) < limit:
            self._stream.flush(self._guard.queue)
            packet = self._stream.receive()
            if packet is None:
                await sleep_ms(_TURN_MS)
            elif packet[0] & 0xF0 == kind:
                if len(packet) < (5 if kind == _SUBACK else 4):
                    raise OSError("a packet ends too early")
                return packet
            else:
                self._handle(packet)
        raise OSError("the broker does not answer")

    # --- running

    def turn(self):
        """Send, receive, watch the deadlines; returns True if anything was received. OSError ends the session."""
        stream = self._stream
        stream.flush(self._guard.queue)
        got = False
        for _ in range(8):
            packet = stream.receive()
            if packet is None:
                break
            got = True
            self._handle(packet)
        self._watch()
        return got

    def _watch(self):
        now = ticks_ms()
        s = self._settings
        limit = s.get("puback_ms", 20000)
        for pid in self.flying:
            if ticks_diff(now, self.flying[pid][1]) > limit:
                raise OSError("no PUBACK within %d ms" % limit)
        if self._guard.queue and ticks_diff(now, self._stream.last_tx) > limit:
            raise OSError("the broker takes nothing any more")
        keepalive = s["keepalive"] * 1000
        if not keepalive:
            return
        if self._ping_at:
            if ticks_diff(now, self._ping_at) > min(limit, keepalive):
                raise OSError("no answer to a ping")
        elif (
            ticks_diff(now, self._stream.last_tx) > keepalive // 2
            or ticks_diff(now, self._stream.last_rx) > keepalive
        ):
            self._client.ping()
            self._ping_at = now or 1

    def _handle(self, packet):
        kind = packet[0] & 0xF0
        if kind == _PUBACK:
            if len(packet) < 4:
                raise OSError("a PUBACK ends too early")
            flight = self.flying.pop(packet[2] << 8 | packet[3], None)
            if flight and self.on_acked:
                self.on_acked(flight[0])
        elif kind == _PINGRESP:
            self._ping_at = 0
        elif kind == _PUBLISH:
            self._incoming(packet)

    def _incoming(self, packet):
        """Have umqtt.simple take a PUBLISH apart; a broken one is counted and forgotten."""
        self._guard.offer(packet)
        try:
            self._client.wait_msg()
        except MQTT_ERRORS:
            self.rejected += 1
        finally:
            self._guard.offer(None)

    def _message(self, topic, payload):
        # Called from within umqtt.simple: whoever listens may only take note of it.
        if self.on_message:
            self.on_message(topic, payload)

    # --- sending

    def idle(self):
        """Whether everything queued has gone out to the socket."""
        return not self._guard.queue

    def publish(self, topic, payload, cargo, qos=1, retain=False):
        """Queue a PUBLISH; `cargo` goes to `on_acked` with its PUBACK. `payload` must stay until idle()."""
        client = self._client
        if client.pid >= _LAST_PID:
            client.pid = 0
        if not self._guard.queue:
            self._stream.last_tx = ticks_ms()
        try:
            client.publish(topic, payload, retain, qos)
        except Pending:
            self.flying[client.pid] = [cargo, ticks_ms()]

    def farewell(self):
        """Tell the broker that this end leaves on purpose; the will is then not sent."""
        try:
            self._client.disconnect()
            self._stream.flush(self._guard.queue)
        except MQTT_ERRORS:
            pass  # it was a courtesy

    def close(self):
        self._stream.close()
        self.flying = {}
        self._guard.queue = []

    @property
    def oversize(self):
        return self._stream.oversize
