"""Is what is good for its own setting good for whoever uses it, and for its neighbours?"""

from firmware.config.settings import MAX_METERS
from firmware.config.store import number
from firmware.core.errors import ConfigError

# Topics the device sends to. Texts: every short string of its own stays in memory for good.
_SAID = """mqtt.atr_topic mqtt.online_topic mqtt.status_topic logger.topic logger.extended_topic iec102.trace_topic"""
# Topics it takes commands from, and more whose length counts with what [IMEI], [ID] and [P] stand for; that itself.
_HEARD = "mqtt.at_topic mqtt.at_topic2"
_MORE = "mqtt.id ha.prefix logger.id device.imei meter.0.id"
# They go between quotes to the modem.
_QUOTED = "uplink.apn uplink.user uplink.password uplink.pin"
_HOSTS = "uplink.ping_host ntp.server ntp.server2"


def usable(get, news, expansions):
    """What is good for its own setting must be so for whoever uses it, too: topics and the client id with what stands
    in them, texts that go between quotes to the modem, hosts.

    `get(key)` gives the values as they will be, `news` are the keys that change, `expansions` those of Config.
    ConfigError. What is stored already is not held against it: the device has lived with that.
    """
    topics = False
    for key in news:
        text = str(news[key])
        if key in _QUOTED.split():
            _use(key, '"' not in text, "a text without quotes")
        if key in _HOSTS.split():
            _use(key, not text or _is_host(text), "a name or an IPv4 address, with :port where it is another one")
        topics = topics or key in (_SAID + " " + _HEARD + " " + _MORE).split()
    if topics:
        _topics(get, expansions)


def _topics(get, expansions):
    _use("logger.id", "[P]" not in get("logger.id"), "a text without [P], which stands for this very one")
    imei = get("device.imei") or expansions.get("IMEI") or "0" * 15

    def text(key, most):
        found = get(key)
        # One may stand in another: in which order they are put in nobody says.
        for _ in range(3):
            found = found.replace("[P]", get("logger.id")).replace("[ID]", get("meter.0.id")).replace("[IMEI]", imei)
        _use(key, len(found.encode()) <= most, "up to %d bytes with what [IMEI], [ID] and [P] stand for" % most)
        return found

    text("mqtt.id", 128)
    text("ha.prefix", 64)
    # The lengths are those of uplink/session.py and uplink/login.py.
    names = _SAID.split()
    topics = [text(key, 250) for key in names]
    for key in _HEARD.split():
        found = text(key, 122)
        if found and found in topics:
            # What the device says there would be a command to it, and the answer the next one.
            _use(key, False, "a topic other than that of " + names[topics.index(found)])


def _is_host(text):
    host, colon, port = text.partition(":")
    plain = all(c in ".-_" or "0" <= c <= "9" or "a" <= c.lower() <= "z" for c in host)
    return host and plain and (not colon or number(port, 1, 65535))


def _use(key, good, allowed):
    if not good:
        raise ConfigError("%s: this is not allowed; allowed: %s" % (key, allowed))


def distinct(get, news):
    """Two meters that are read cannot have the same ID: records and commands could not tell them apart.

    `get(key)` gives the values as they will be, `news` are the keys that change. ConfigError.
    """
    if not any(key.startswith("meter.") for key in news):
        return
    seen = {}
    for index in range(MAX_METERS):
        if get("meter.%d.enabled" % index):
            ident = get("meter.%d.id" % index) or "ID%05d" % index
            if ident.lower() in seen:
                raise ConfigError(
                    "meter.%d.id: %s is not allowed; allowed: an ID other than that of meter.%d"
                    % (index, ident, seen[ident.lower()])
                )
            seen[ident.lower()] = index
