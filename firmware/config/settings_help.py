"""What each setting is for and what it allows, in words. Loaded for HELP and for the reference only."""

from firmware.config import settings
from firmware.core import overlay


def of(name):
    """The help of a setting, by our name."""
    group, _, field = name.partition(".")
    text = _texts(settings.module(group))[group]
    at = text.find("\n" + field + "|")
    return text[at + len(field) + 2 : text.find("\n", at + 1)] if at >= 0 else ""


def allowed(row):
    """What a row of the table allows, in words."""
    kind, limits = row[2], row[3]
    if kind in ("int", "code"):
        return "%s to %s" % tuple(limits.split(","))
    if kind == "bool":
        return "on, off"
    if kind == "choice":
        return limits.replace(",", ", ")
    what = {
        "word": ", no blanks",
        "topic": ", no + and #",
        "list": ", words with commas",
        "broker": ", tcp://host:port or mqtt://host:port",
    }
    return "up to %s characters%s" % (limits, what.get(kind, ""))


def needs(row):
    """What a change of a row needs, in words."""
    if row[5] == "restart":
        return "in force after REBOOT"
    if row[5] in ("link", "way"):
        when = "after REBOOT" if row[0].startswith("uplink.") else "at once"
        words = "in force " + when + ", taken back after device.trial minutes without "
        return words + ("CONFIRM; wants the role way" if row[5] == "way" else "the broker")
    return "in force at once"


def _texts(name):
    with overlay.use("texts"):
        if name == "general":
            from firmware.config.helptexts.general import TEXTS
        elif name == "network":
            from firmware.config.helptexts.network import TEXTS
        else:
            from firmware.config.helptexts.meters import TEXTS
        return TEXTS
