"""Errors that somebody else catches than who raises them: classes with codes, always in memory.

A code never changes: people note it, and docs/errors.md names it. 1xx: a meter and its protocol, 2xx: the way out
(modem, SIM, network), 3xx: the broker, 4xx: the device itself, 5xx: an update. What an error says is made from its
code where a person reads it (error_texts.py): raising one takes no words from the heap, and nobody looks into a text.
"""

from firmware.core import overlay


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


# --- 1xx: meters


class Iec102Error(Coded, Exception):
    """Base of all errors of the protocol."""


class FrameError(Iec102Error):
    """A frame can't be built, a value does not fit or the ASDU is too long (codes 120 to 122)."""


class AsduError(Iec102Error):
    """An ASDU (or a part of it) has an unknown type, a wrong length or an impossible value (codes 123 to 128)."""


class SessionError(Iec102Error):
    """Base of what can go wrong in a session with a meter.

    `cause` and `type` are those of the ASDU that said so, 0 where there is none.
    """

    def __init__(self, cause=0, type=0):
        super().__init__()  # MicroPython's own part of an error takes no names
        self.cause = cause
        self.type = type

    def why(self):
        return self.code, self.cause, self.type


class NoAnswerError(SessionError):
    code = 101


class GarbledError(NoAnswerError):
    code = 102


class WrongLinkError(NoAnswerError):
    code = 103


class NackError(SessionError):
    code = 104


class BusyError(SessionError):
    code = 105


class PasswordError(SessionError):
    """The code is 126 where the meter names the measuring point (cause 16)."""

    code = 106

    def why(self):
        return 126 if self.cause == 16 else 106, self.cause


class SessionDeadlineError(SessionError):
    code = 107


class SessionClosedError(SessionError):
    code = 108


class UnexpectedAsduError(SessionError):
    code = 109


class NotAvailableError(SessionError):
    """The meter refused with a cause of 13 to 18: the code is 100 more, or 110 for any other."""

    code = 110

    def why(self):
        return 100 + self.cause if 12 < self.cause < 19 else 110, self.cause, self.type


# --- 2xx: the way out


class ModemError(Coded, Exception):
    """Anything that goes wrong between us and the modem."""


class TimeRefused(Coded, OSError):
    """The NTP server does not want to be asked; the detail is its kiss code ("RATE", "DENY" …)."""

    code = 281


# --- 3xx: the broker


class LoginRefused(Coded, Exception):
    """The broker said no to our login."""


class BrokerError(Coded, OSError):
    """What ends a connection to the broker; an error of the system may be behind it."""


class NobodyListens(BrokerError):
    """The other end answered that it takes no connection: the way there works. Details: host, port."""

    code = 308


# --- 4xx: the device


class ConfigError(ValueError):
    """A setting is not taken; the text, for who typed it, names the setting and what is allowed."""

    code = 411


class LogError(Coded, OSError):
    """A record can't be read. The detail is its number."""


# --- 5xx: an update


class OrderError(Exception):
    """The order is not taken; the text is for who ordered it, `answer` the code of commands.answer.CommandError."""

    code = 501

    def __init__(self, answer, text):
        super().__init__(text)
        self.answer = answer
