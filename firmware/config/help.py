"""What each setting allows and what a change of it needs, in words. Loaded for HELP and for the reference only."""

from firmware.core import overlay


def of(name):
    """What a setting is for, by our name."""
    try:
        with overlay.use("texts"):
            from firmware.config import words
    except ImportError:
        return "docs/settings.md says what it is for"  # a base version (tools/pack.py)
    return words.of(name)


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
