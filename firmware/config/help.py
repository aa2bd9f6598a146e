"""What each setting is for and what it allows, in words. Loaded for HELP and for the reference only."""

# A board has rows `name|help` here: tools/columns.py.
from firmware.config.settings_table import TABLES

# Fields before the help of a row.
_BEFORE = const(6)


def of(name):
    """The help of a setting, by our name."""
    group, _, field = name.partition(".")
    text = TABLES[group]
    at = text.find("\n" + field + "|") + 1
    return text[at : text.find("\n", at)].split("|", _BEFORE)[_BEFORE] if at else ""


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
        "broker": ", tcp://host:port, or mqtts://host:port with TLS",
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
