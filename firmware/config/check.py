"""Is a value good for a setting? Texts and what JSON has become the setting's type, or a ConfigError says why not.

And is what is good for its own setting good for whoever uses it, and for its neighbours?
"""

from firmware.config.settings import MAX_METERS, number, secret
from firmware.core import overlay
from firmware.core.errors import ConfigError

_TRUE = const(("1", "on", "true", "yes"))
_FALSE = const(("0", "off", "false", "no"))
# Kind of an address, its schemes without TLS and with it, its form.
_ADDRESSES = const((
    ("broker", ("tcp", "mqtt"), ("ssl", "tls", "mqtts"), "tcp://host:port"),
    ("url", ("http",), ("https",), "http://host:port/path"),
    ("ftp", ("ftp",), ("ftps",), "ftp://host:port"),
))  # fmt: skip
_ROOTS = const(" auto own own2 isrg-x1 isrg-x2 amazon-1 amazon-3 digicert-g2 digicert-g3 gts-r1 gts-r4 ")
# Where it is wanted and not there.
WHO_HAS_TLS = const("a Pico 2 W and the boards with PSRAM have")
# What separates arguments, quotes texts or means something in a topic.
_NOT_IN_WORDS = const(' ,;"+#/\\')
_SHOWN = const(40)
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


def check(row, key, value):
    """`value` as the type of `row`. `key` is the full name for the ConfigError."""
    kind, limits = row[2], row[3]
    # MicroPython's bool is no int.
    plain = isinstance(value, (str, bool)) or (isinstance(value, int) and 0 <= value < 1 << 40)
    if not plain:
        _refuse(row, key, type(value).__name__, "a text or a number")
    text = str(value)
    if kind == "bool":
        return _bool(row, key, text)
    if kind == "choice":
        for choice in limits.split(","):
            if text.strip().lower() == choice.lower():
                return choice
        _refuse(row, key, text, limits)
    if kind in ("int", "code"):
        least, most = limits.split(",")
        found = number(text.strip(), int(least), int(most))
        if found is None:
            _refuse(row, key, text, "%s to %s" % (least, most))
        return found if kind == "int" else str(found)
    if len(text) > int(limits) or not printable(text):
        _refuse(row, key, text, "up to %s printable characters" % limits)
    if kind not in ("str", "secret"):
        wrong = _wrong(text, kind)
        if wrong:
            _refuse(row, key, text, wrong)
    return text


def _bool(row, key, text):
    text = text.strip().lower()
    if text in _TRUE:
        return True
    if text not in _FALSE:
        _refuse(row, key, text, "on, off")
    return False


def _wrong(text, kind):
    """What would be allowed, if `text` is not; else an empty text."""
    if kind == "topic" and ("+" in text or "#" in text):
        return "a topic without + and #"
    if kind == "word" and any(c in _NOT_IN_WORDS for c in text):
        return "no blanks and none of %s" % _NOT_IN_WORDS.strip()
    if kind == "list" and any(c in _NOT_IN_WORDS and c not in " ,+" for c in text):
        return "words with commas between them"
    for address in _ADDRESSES:
        if text and kind == address[0]:
            return _address(text, *address)
    return ""


def _address(text, kind, plain, covered, form):
    """What is wrong with an address scheme://host:port, with a path where it is a URL's."""
    scheme, _, rest = text.partition("://")
    secure = scheme.lower() in covered
    if secure and not tls_is_here():
        return "%s; this version has no TLS, %s" % (form, WHO_HAS_TLS)
    place, _, path = rest.partition("/")
    host, _, port = place.partition(":")
    good = host and not any(c in _NOT_IN_WORDS + "@?" for c in host) and all(32 < ord(c) < 127 for c in path)
    if kind != "url":
        good = good and not path
    if not (secure or scheme.lower() in plain) or not good or (port and not number(port, 1, 65535)):
        return "%s, or %s:%s with TLS" % (form, covered[-1], form.partition(":")[2])
    return ""


def tls_is_here():
    """Whether this version of the firmware has TLS: the base version has not (tools/pack.py)."""
    try:
        with overlay.use("tlswords"):
            from firmware.core import error_tls  # noqa: F401

        return True
    except ImportError:
        return False


def printable(text):
    """No control characters and nothing that cannot be written as UTF-8."""
    for c in text:
        code = ord(c)
        if code < 32 or 127 <= code < 160 or 0xD800 <= code < 0xE000:
            return False
    return True


def _refuse(row, key, value, allowed):
    if secret(row):
        shown = "***"
    else:
        shown = "".join(c if 32 <= ord(c) < 127 else "?" for c in value[:_SHOWN])
        if len(value) > _SHOWN:
            shown += "..."
    raise ConfigError("%s: %s is not allowed; allowed: %s" % (key, shown or "nothing", allowed))


def usable(get, news, expansions):
    """What is good for its own setting must be so for whoever uses it, too: topics and the client id with what stands
    in them, texts that go between quotes to the modem, hosts.

    `get(key)` gives the values as they will be, `news` are the keys that change, `expansions` those of Config.
    ConfigError. What is stored already is not held against it: the device has lived with that.
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
        if key == "tls.ca":
            _use(key, text.strip() and all(" %s " % word in _ROOTS for word in _words(text)), _ROOTS.strip())
        if key in ("ha.enabled", "iec102.trace"):
            _use(key, news[key] in (False, "off") or tls_is_here(), "off in this version; on: " + WHO_HAS_TLS)
        if key in _FORMS:
            for name in ("http", "ftp"):
                # Beside a session that makes both forms a small heap has no room for a delivery.
                good = not get(name + ".enabled") or get(name + ".form") == get("logger.profile") != "both"
                _use(name + ".form", good or tls_is_here(), "in this version what logger.profile is, one form")
        if key in ("tls.pins", "tls.verify"):
            _pins(get)
        topics = topics or key.endswith(".id") or key in _SAID + " " + _HEARD + " " + _MORE
    if topics:
        _topics(get, expansions)


def _words(text):
    return [word for word in text.replace(",", " ").split(" ") if word]


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
