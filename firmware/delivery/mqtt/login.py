"""How a session begins and ends: connect, CONNECT, subscribe; and the goodbye. Each step has its deadline.

In memory only for that long (see service). `session` is a session.Session, its settings those of
service.MqttService.
"""

from firmware.config.config import LONGEST_TOPIC
from firmware.core import log, overlay
from firmware.core.compat import monotonic_s, sleep_ms, ticks_diff, ticks_ms
from firmware.core.errors import BrokerError
from firmware.core.flash_gate import silence
from firmware.core.log import apart
from firmware.net.connect import connect as reach
from firmware.net.connect import look_up, new, reader

_TURN_MS = const(10)
_HANDSHAKE_MS = const(30000)
_FAREWELL_MS = const(1000)
_CONNACK = const(0x20)
# umqtt.simple 1.3.4 writes the length of a SUBSCRIBE into a single byte.
_LONGEST_FILTER = const(122)
# Codes of errors (core/errors.py).
_REFUSED_OTHERWISE = const(306)
_SILENT = const(310)
_HUNG_UP = const(312)
_NETWORK_GONE = const(314)
_CUT_SHORT = const(323)
_OTHER = const(319)
_REFUSED_TOPIC = const(326)
_NO_RIGHT = const(327)
_UNENDED = const(354)
# What one loss says of the way holds so long: the next may be another operator's, or have been bad weather.
_AGAIN_S = const(3 * 86400)
# What CONNACK says, 1 to 5, has codes of its own: so much more.
_REFUSED = const(300)


async def enter(session, settings, sockets):
    """Connect to the broker, log in and subscribe. OSError."""
    session.close()
    session.settings = settings
    session.refused = ""
    session.asked = []
    session.stream.step = max(session.stream.step, settings.get("step_ms", 0))
    session.feed()
    trust = settings.get("tls")
    if trust:
        trust.ready()
    await connect(session.stream, sockets, settings["host"], settings["port"], settings.get("connect_ms", 10000))
    if trust:
        with overlay.use("tls"):
            from firmware.net import tls

            stream = session.stream
            stream.socket = tls.Covered(stream.socket, settings["host"], trust, session.feed)
            stream.read = reader(stream.socket)
    client = session.client = _client(session.umqtt, settings)
    client.set_callback(session.arrived)
    topic = settings.get("online_topic", "").encode()
    if len(topic) > LONGEST_TOPIC or topic in session.banned:
        topic = b""
    if topic:
        client.set_last_will(topic, settings["offline"].encode(), True, 1)
    _connect(session)
    if trust:
        await _shake(session, settings["host"], trust)
    code = (await _answer(session, _CONNACK, 4))[3]
    if code:
        raise BrokerError(_REFUSED + code if code < 6 else _REFUSED_OTHERWISE, code)
    for name in settings.get("subscribe", ()):
        await _subscribe(session, name)
    if topic:
        text = await apart(_told(settings["online"]))
        session.publish(topic, text.encode(), None, 1, True)


def doubt(service):
    """Tell why a broker hung up that did so before, at the same topic: some do for one that is not allowed.

    Returns whether a silence that was longer than any before it may be to blame, and the link is not.
    """
    session = service.session
    longer = service.why[0] != _NETWORK_GONE and _judge(session)
    _doubt(service, session)
    return longer


def _judge(session):
    """What a loss says of how long the way may be silent: whether that was longer than it has ever borne.

    A silence it has borne before is forgiven once, or it would be every loss of coverage that shortens it; the second
    in a row is longer than what is then left of that.
    """
    first, silent, borne = session.settings.get("ping", 0) * 1000, session.quiet, session.borne
    if not first or silent < first or ticks_diff(session.stream.last_tx, session.stream.last_rx) <= 0:
        return False  # nothing was left without an answer
    if silent <= borne + borne // 8:
        session.borne = borne * 2 // 3
        return False
    session.most = max(first, borne)
    session.until = monotonic_s() + _AGAIN_S  # report.py looks there
    log.info("mqtt", "no answer after %d s of silence; pings each %d s", silent // 1000, session.most // 1000)
    return True


def _doubt(service, session):
    if service.why[0] not in (_HUNG_UP, _OTHER) or not (session.asked or session.flying):
        return
    code = _REFUSED_TOPIC
    if session.asked:
        cargo = topic = session.asked[0]
    else:
        # The first message that has no answer. A bad line loses connections, too: only what comes again is told.
        code, cargo = _NO_RIGHT, session.flying[min(session.flying)][0]
        topic = session.settings.get("online_topic") if cargo is None else service.publisher._topic_for(1)
        topic = cargo[0] if isinstance(cargo, tuple) else topic.encode()
    session.fails = session.fails + 1 if cargo == session.doubt else code == _REFUSED_TOPIC
    session.doubt = cargo
    if session.fails:
        service.why = code, topic if code == _REFUSED_TOPIC else topic.decode()
    if session.fails > 1 and topic not in session.banned:
        session.banned.append(topic)


async def connect(stream, sockets, host, port, deadline_ms):
    """Look `host` up (this may block, the caller feeds the watchdog) and connect; OSError on failure."""
    address = look_up(sockets, host, port)
    sock = stream.socket = new(sockets)
    stream.read = reader(sock)
    await reach(sock, address, deadline_ms, host, port)
    stream.last_rx = stream.last_tx = ticks_ms()


async def _shake(session, host, trust):
    """Go through the handshake of TLS, up to the first bytes of ours. OSError."""
    start = ticks_ms()
    while True:
        await silence(trust)
        session.stream.flush(session.guard)
        if not session.stream.socket.shaking:
            return
        if ticks_diff(ticks_ms(), start) > _HANDSHAKE_MS:
            raise BrokerError(_UNENDED, host)
        await sleep_ms(_TURN_MS)


async def _told(online):
    return online() if callable(online) else online


def _client(umqtt, settings):
    # umqtt.simple takes the length of a text for the length of its bytes, and len() of a missing password.
    user = password = None
    if settings.get("user"):
        user = settings["user"].encode()
        password = (settings.get("password") or "").encode()
    ident = settings["client_id"].encode()
    return umqtt.MQTTClient(ident, settings["host"], settings["port"], user, password, settings["keepalive"])


class _Sockets:
    """What umqtt.simple takes for the module socket while it connects: its socket is the guard."""

    def __init__(self, guard):
        self._guard = guard

    def socket(self, *_):
        return self._guard

    def getaddrinfo(self, *_):
        return (("",),)


def _connect(session):
    """Have umqtt.simple write its CONNECT."""
    module, real = session.umqtt, session.umqtt.socket
    module.socket = _Sockets(session.guard)
    try:
        session.call(session.client.connect, session.settings.get("clean", True))
    finally:
        module.socket = real
        session.client.sock = session.guard


async def _subscribe(session, topic):
    """A topic that can't be had costs its messages, not the connection.

    Its SUBACK is not waited for here: messages may come before it, and more than there is room for.
    """
    raw = topic.encode()
    if len(raw) > _LONGEST_FILTER:
        log.error("mqtt", "topic %s: longer than %d bytes", topic, _LONGEST_FILTER)
    elif topic in session.banned:
        session.refused = topic
        log.error("mqtt", "the broker hangs up when asked for the topic %s; no commands from there", topic)
    else:
        session.asked.append(topic)
        session.since = ticks_ms()
        session.call(session.client.subscribe, raw, 1)
        while not session.room():
            session.flush()
            await sleep_ms(_TURN_MS)


async def _answer(session, kind, length):
    """Send what waits and return the next packet of `kind`; others are handled on the way."""
    start = ticks_ms()
    while ticks_diff(ticks_ms(), start) < session.settings.get("answer_ms", 10000):
        session.flush()
        packet = session.stream.receive()
        if packet is None:
            await sleep_ms(_TURN_MS)
        elif packet[0] & 0xF0 != kind:
            session.handle(packet)
        elif len(packet) < length:
            raise BrokerError(_CUT_SHORT)
        else:
            return packet
    raise BrokerError(_SILENT)


async def leave(session):
    """Tell the broker and whoever watches that this end leaves on purpose; takes two seconds at most."""
    settings = session.settings
    try:
        await _settle(session)
        topic = settings.get("online_topic", "").encode()
        if 0 < len(topic) <= LONGEST_TOPIC and session.room():
            # A will is not sent after a goodbye: without this the topic would say "online" for ever.
            session.publish(topic, settings["offline"].encode(), None, 0, True)
        session.call(session.client.disconnect)
        await _settle(session)
    except OSError as error:
        log.info("mqtt", "left without a goodbye: %s", error)


async def _settle(session):
    """Let what is on the way arrive, for a second at most."""
    start = ticks_ms()
    while session.busy() and ticks_diff(ticks_ms(), start) < _FAREWELL_MS:
        session.turn()
        await sleep_ms(_TURN_MS)
