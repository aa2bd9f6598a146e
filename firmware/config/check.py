"""Is a value good for a setting? Texts and what JSON has become the setting's type, or a ConfigError says why not."""

from firmware.config.store import number
from firmware.core.errors import ConfigError

_TRUE = ("1", "on", "true", "yes")
_FALSE = ("0", "off", "false", "no")
_SCHEMES = ("tcp", "mqtt")
_TLS = ("ssl", "tls", "mqtts", "ws", "wss")
# What separates arguments, quotes texts or means something in a topic.
_NOT_IN_WORDS = ' ,;"+#/\\'
_SHOWN = 40


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
    return _broker(text) if kind == "broker" and text else ""


def _broker(text):
    scheme, _, rest = text.partition("://")
    if scheme.lower() in _TLS:
        return "tcp://host:port; encrypted delivery is not part of this version"
    host, _, port = rest.rstrip("/").partition(":")
    good = host and not any(c in _NOT_IN_WORDS + "@?" for c in host)
    if scheme.lower() not in _SCHEMES or not good or (port and not number(port, 1, 65535)):
        return "tcp://host:port or mqtt://host:port"
    return ""


def printable(text):
    """No control characters and nothing that cannot be written as UTF-8."""
    for c in text:
        code = ord(c)
        if code < 32 or 127 <= code < 160 or 0xD800 <= code < 0xE000:
            return False
    return True


def _refuse(row, key, value, allowed):
    if row[2] in ("secret", "code"):
        shown = "***"
    else:
        shown = "".join(c if 32 <= ord(c) < 127 else "?" for c in value[:_SHOWN])
        if len(value) > _SHOWN:
            shown += "..."
    raise ConfigError("%s: %s is not allowed; allowed: %s" % (key, shown or "nothing", allowed))
