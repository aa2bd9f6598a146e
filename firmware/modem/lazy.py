"""Modules that are needed for a moment: loaded when they are, dropped from memory afterwards.

A link that is up needs neither the code that brings it up nor the tables of error words.
"""

import sys

_PACKAGE = "firmware.modem"
# Needed to bring the link up and to recover, not while it stands.
BRING_UP = (
    "steps",
    "wake",
    "bringup",
    "register",
    "sim",
    "dial",
    "profiles",
    "timing",
    "aside",
    "network",
    "fields",
    "exchange",
    "ladder",
)


def use(name):
    """The module firmware.modem.`name`, loaded if it is not."""
    return __import__(_PACKAGE + "." + name, None, None, (name,))


def glance(name):
    """The same for one call: it does not stay, unless it is there for somebody else's sake."""
    there = _PACKAGE + "." + name in sys.modules
    module = use(name)
    if not there:
        drop((name,))
    return module


def drop(names=BRING_UP):
    """Take modules out of memory; code that still runs is finished first, the collector sees to
    that.
    """
    package = sys.modules[_PACKAGE]
    for name in names:
        sys.modules.pop(_PACKAGE + "." + name, None)
        if hasattr(package, name):
            delattr(package, name)
