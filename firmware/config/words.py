"""What each setting is for, in words. Not in the base version, which has no room for them."""

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
