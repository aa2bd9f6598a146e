"""What MqttService and whoever publishes through it want of the settings."""

from firmware.config.config import LONGEST_TOPIC
from firmware.core import log

# Topics the device sends to, beside the online topic.
_OURS = const((
    "mqtt.atr_topic", "mqtt.status_topic", "logger.topic", "logger.extended_topic", "iec102.trace_topic",
))  # fmt: skip
# ms between two pieces of a large message behind a modem: a segment of lwIP's at 115200 baud, so that what waits there
# for its confirmation is no more than the way is long.
BEHIND_MODEM_MS = const(75)


def options(config, modem=False):
    """The dict MqttService wants, `online` and `offline` aside; `tls`: whether a Trust is wanted there. `enabled`
    alone, False, where nothing is to be delivered or the broker's address is none: it waits for others. `modem`:
    behind one, where pings cost."""
    get, expand = config.get, config.expand
    off = {"enabled": False}
    if not get("mqtt.enabled"):
        return off
    scheme, _, rest = get("mqtt.broker").partition("://")
    scheme = scheme.lower()
    host, _, port = rest.rstrip("/").partition(":")
    secure = scheme in ("mqtts", "ssl", "tls")
    if not (secure or scheme in ("tcp", "mqtt")) or not host or (port and not port.isdigit()):
        log.error("config", "mqtt.broker %r: tcp://host:port is wanted", get("mqtt.broker"))
        return off
    online = topic(config, "mqtt.online_topic")
    ours = [online] + [expand(get(name)) for name in _OURS]
    topics = []
    for name in ("mqtt.at_topic", "mqtt.at_topic2"):
        found = expand(get(name))
        if found in ours and found:
            # What we say there would be our next command, and its answer the one after that.
            log.error("config", "%s: %s is a topic of what the device says; no commands are taken there", name, found)
        elif found:
            topics.append(found)
    keepalive, most, pings = get("mqtt.keepalive"), get("mqtt.keepalive_max"), 0
    if modem and most > keepalive:
        keepalive, pings = most, keepalive
    return {
        "enabled": True,
        "host": host,
        "port": int(port or (8883 if secure else 1883)),
        "tls": secure,
        "client_id": expand(get("mqtt.id")),
        "user": get("mqtt.user"),
        "password": get("mqtt.password"),
        "keepalive": keepalive,
        "ping": pings,
        "qos": get("mqtt.qos"),
        "step_ms": BEHIND_MODEM_MS if modem else 0,
        "window": 0 if probe(config) else get("mqtt.window"),
        "puback_ms": get("mqtt.puback_timeout") * 1000,
        "subscribe": topics,
        "online_topic": online,
    }


def topic(config, name, each=False):
    """A topic as it goes to the broker; empty where that is longer than a topic may be, which is told.

    `each`: a topic of records, [ID] stays in it for the meter of each.
    """
    text, expand = config.get(name), config.expand
    if len(expand(text).encode()) <= LONGEST_TOPIC:
        return expand(text.replace("[ID]", "\0")).replace("\0", "[ID]") if each else expand(text)
    log.error("config", "%s is longer than %d bytes with what it stands for; it is not used", name, LONGEST_TOPIC)
    return ""


def probe(config):
    """Whether it has yet to be shown that records belong where the settings lead: none goes there until then."""
    return bool(config.trying) and any(config.row(name)[0][5] == "way" for name in config.staged)
