"""Whether settings that are good for themselves go together. Apart from check.py: a small heap holds one of them at a
time beside all that a change takes.
"""

from firmware.config.settings import MAX_METERS, number
from firmware.core.errors import ConfigError

_ROOTS = const(" auto own own2 isrg-x1 isrg-x2 amazon-1 amazon-3 digicert-g2 digicert-g3 gts-r1 gts-r4 ")
# Topics the device sends to.
_SAID = const(
    "mqtt.atr_topic mqtt.online_topic mqtt.status_topic logger.topic logger.extended_topic iec102.trace_topic"
)
# Topics it takes commands from, and more whose length counts with what [IMEI], [ID] and [P] stand for; that itself.
_HEARD = const("mqtt.at_topic mqtt.at_topic2")
_MORE = const("ha.prefix device.imei")
# They go between quotes to the modem.
_QUOTED = const("uplink.apn uplink.user uplink.password uplink.pin")
_FORMS = const("http.form ftp.form http.enabled ftp.enabled logger.profile")
_HEADERS = const("http.header1 http.header2")
_HOSTS = const("uplink.ping_host ntp.server ntp.server2")
# As in check.py.
_NOT_IN_WORDS = const(' ,;"+#/\\')


def usable(get, news, expansions, elsewhere=""):
    """What is good for its own setting must be so for whoever uses it, too: topics and the client id with what stands
    in them, texts that go between quotes to the modem, hosts.

    `get(key)` gives the values as they will be, `news` are the keys that change, `expansions` those of Config,
    `elsewhere` says in a base version who has what that has not. ConfigError. What is stored already is not held
    against it: the device has lived with that.
    """
    topics = False
    for key in news:
        text = str(news[key])
        if key in _QUOTED:
            _use(key, '"' not in text, "a text without quotes")
        if key in _HEADERS:
            name, colon, _ = text.partition(":")
            good = not text or (colon and name and not any(c in _NOT_IN_WORDS for c in name))
            _use(key, good and all(32 <= ord(c) < 127 for c in text), "Name: value")
        if key == "http.user":
            _use(key, ":" not in text, "a text without a colon")
        if key in _HOSTS:
            _use(key, not text or _is_host(text), "a name or an IPv4 address, with :port where it is another one")
        if key == "page.password":
            _use(key, not (text and elsewhere), "nothing; this version has no page, " + elsewhere)
        if key == "tls.ca":
            _use(key, text.strip() and all(" %s " % word in _ROOTS for word in _words(text)), _ROOTS.strip())
        if key == "ha.enabled":
            _use(key, not (news[key] and elsewhere), "off in this version; on: " + elsewhere)
        if key in _FORMS and elsewhere:
            _forms(get)
        if key in ("tls.pins", "tls.verify"):
            _pins(get)
        topics = topics or key.endswith(".id") or key in _SAID + " " + _HEARD + " " + _MORE
    if topics:
        _topics(get, expansions)


def _words(text):
    return [word for word in text.replace(",", " ").split(" ") if word]


def _forms(get):
    """Beside a session that makes both forms a small heap has no room for a delivery."""
    for name in ("http", "ftp"):
        good = not get(name + ".enabled") or get(name + ".form") == get("logger.profile") != "both"
        _use(name + ".form", good, "in this version what logger.profile is, one form")


def _pins(get):
    pins = _words(get("tls.pins"))
    good = len(pins) < 3 and all(len(pin) == 64 and not pin.lower().strip("0123456789abcdef") for pin in pins)
    _use("tls.pins", good, "one or two SHA-256 of a public key, 64 hex digits each")
    _use("tls.verify", pins or get("tls.verify") != "pin", "pin when tls.pins has one; set that before")


def _topics(get, expansions):
    _use("logger.id", "[P]" not in get("logger.id"), "a text without [P], which stands for this very one")
    imei = get("device.imei") or expansions.get("IMEI") or "0" * 15
    # Records have that of their meter.
    numbers = [index for index in range(MAX_METERS) if not index or get("meter.%d.enabled" % index)]
    ident = max([get("meter.%d.id" % index) or "ID00000" for index in numbers], key=len)

    def text(key, most):
        found = get(key)
        # One may stand in another: in which order they are put in nobody says.
        for _ in range(3):
            found = found.replace("[P]", get("logger.id")).replace("[ID]", ident).replace("[IMEI]", imei)
        _use(key, len(found.encode()) <= most, "up to %d bytes with what [IMEI], [ID] and [P] stand for" % most)
        return found

    text("mqtt.id", 128)
    text("ha.prefix", 64)
    # The lengths are those of delivery/mqtt/session.py and delivery/mqtt/login.py.
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
