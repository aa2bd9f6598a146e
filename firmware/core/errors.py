"""Errors that somebody else catches than who raises them: classes with codes, always in memory.

Those of a meter and its protocol stand in iec102/errors.py, those of an update in update/source.py, and TimeRefused in
app/time_sync.py: what raises and catches them is loaded and let go with them.

A code never changes: people note it, and docs/errors.md names it. 1xx: a meter and its protocol, 2xx: the way out
(modem, SIM, network), 3xx: the broker, 4xx: the device itself, 5xx: an update. What an error says is made from its
code where a person reads it (error_texts.py): raising one takes no words from the heap, and nobody looks into a text.
"""

from firmware.core import overlay

_OTHER = const(319)  # one of the codes


def words(why, named=False):
    """A `why` in words; `named`: with the name of its class. The table is in memory for that moment. MemoryError."""
    with overlay.use("errorwords"):
        from firmware.core import error_texts

        return error_texts.text(why, named)


def text(why, named=False):
    """The same, "" for None; where there is no memory for words it is the code: who says so has to go on."""
    with overlay.attempt:
        return words(why, named) if why else ""
    return "error %d" % why[0]


class Coded:
    """An error with a code. `code` 0: the code is the first argument of each one; the others are details."""

    code = 0

    def why(self):
        """(code, details ...): numbers, words of others, or the `why` of what was behind it."""
        return (self.code,) + self.args if self.code else self.args

    def __str__(self):
        return text(self.why())


# --- 2xx: the way out


class ModemError(Coded, Exception):
    """Anything that goes wrong between us and the modem."""


# --- 3xx: the broker


class BrokerError(Coded, OSError):
    """What ends a connection to the broker; an error of the system may be behind it.

    Up to 308 the other end has answered, with a no: the way there works.
    """


def ended(failure):
    """The `why` of what has ended a connection, an OSError: its own, or what it says."""
    if isinstance(failure, BrokerError):
        return failure.why()
    return (_OTHER, str(failure) or type(failure).__name__)


# --- 4xx: the device


class ConfigError(ValueError):
    """A setting is not taken; the text, for who typed it, names the setting and what is allowed."""

    code = 411


class LogError(Coded, OSError):
    """A record can't be read. The detail is its number."""
