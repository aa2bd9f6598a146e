"""Is a value good for a setting? Texts and what JSON has become the setting's type, or a ConfigError says why not.

Whether it is good for whoever uses it, and for its neighbours, usable.py says.
"""

from firmware.config.settings import number, secret
from firmware.core import overlay
from firmware.core.errors import ConfigError

_TRUE = const(("1", "on", "true", "yes"))
_FALSE = const(("0", "off", "false", "no"))
# Kind of an address, its schemes without TLS and with it, its form.
_ADDRESSES = const(
    (
        ("broker", ("tcp", "mqtt"), ("ssl", "tls", "mqtts"), "tcp://host:port"),
        ("url", ("http",), ("https",), "http://host:port/path"),
        ("ftp", ("ftp",), ("ftps",), "ftp://host:port"),
    )
)
# Where it is wanted and not there.
WHO_HAS_TLS = const("a Pico 2 W and the boards with PSRAM have")
# What separates arguments, quotes texts or means something in a topic.
_NOT_IN_WORDS = const(' ,;"+#/\\')
_SHOWN = const(40)
_LEAST = const(8)


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
    if key == "page.password" and 0 < len(text) < _LEAST:
        _refuse(row, key, text, "%d to %s characters; empty: no page" % (_LEAST, limits))
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
