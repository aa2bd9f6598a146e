"""What can go wrong between us and a meter: codes 1xx (core/errors.py). In memory with a session."""

from firmware.core.errors import Coded

_UNCONFIRMED = const(111)  # code of an error (core/errors.py)


class Iec102Error(Coded, Exception):
    """Base of all errors of the protocol."""


class FrameError(Iec102Error):
    """A frame can't be built, a value does not fit or the ASDU is too long (codes 120 to 122)."""


class AsduError(Iec102Error):
    """An ASDU (or a part of it) has an unknown type, a wrong length or an impossible value (codes 123 to 129)."""


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


class Refusal(SessionError):
    """Base of a no to one request: the session goes on."""


class NackError(Refusal):
    code = 104


class BusyError(Refusal):
    """No data, or no acknowledgement of a meter that still tells the status of its link.

    The code is another one where it is the log-in (type 183) that was taken and is not confirmed.
    """

    code = 105

    def why(self):
        return _UNCONFIRMED if self.type == 183 else 105, self.cause, self.type


class PasswordError(SessionError):
    """The code is 126 where the meter names the measuring point (cause 16)."""

    code = 106

    def why(self):
        return 126 if self.cause == 16 else 106, self.cause


class SessionDeadlineError(SessionError):
    code = 107


class SessionClosedError(SessionError):
    code = 108


class UnexpectedAsduError(Refusal):
    code = 109


class NotAvailableError(Refusal):
    """The meter refused with a cause of 13 to 18: the code is 100 more, or 110 for any other."""

    code = 110

    def why(self):
        return 100 + self.cause if 12 < self.cause < 19 else 110, self.cause, self.type
