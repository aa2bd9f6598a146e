"""The protocol's errors. Everything firmware/iec102 raises is an Iec102Error."""

# Causes of a refusal (protocol reference 3.1).
_CAUSES = {
    13: "the data record is not available",
    14: "the meter does not know this ASDU type",
    15: "the meter does not know this record address",
    16: "wrong measuring point",
    17: "the information object is not available",
    18: "the integration period is not available",
}


def cause_text(cause):
    """The cause in words, for a person."""
    return _CAUSES.get(cause, "cause %d" % cause)


class Iec102Error(Exception):
    """Base of all errors of the protocol."""


class FrameError(Iec102Error):
    """A frame can't be built: a value does not fit, or the ASDU is too long."""


class AsduError(Iec102Error):
    """An ASDU (or a part of it) has an unknown type, a wrong length or an impossible value."""


class SessionError(Iec102Error):
    """Base of what can go wrong in a session with a meter; `text` says what where nothing else does."""

    text = ""

    def __init__(self, text=""):
        super().__init__(text or self.text)


class NoAnswerError(SessionError):
    text = "the meter does not answer"


class GarbledError(NoAnswerError):
    text = "something answers, but no frame of it is good (baud rate, parity, noise?)"


class WrongLinkError(NoAnswerError):
    text = "a meter with another link address answers"


class NackError(SessionError):
    text = "the meter refuses the frame (NACK)"


class SessionDeadlineError(SessionError):
    text = "the session took longer than its deadline"


class SessionClosedError(SessionError):
    text = "no session is open"


class BusyError(SessionError):
    text = "the meter was busy too long"


class NotAvailableError(SessionError):
    """The meter refused with a cause of 13 to 18; `cause` and `type` say which."""

    def __init__(self, cause, type=0):
        super().__init__("%s (cause %d, type %d)" % (cause_text(cause), cause, type))
        self.cause = cause
        self.type = type


class PasswordError(SessionError):
    text = "the meter does not accept the password"

    def __init__(self, cause=0):
        super().__init__()
        self.cause = cause


class UnexpectedAsduError(SessionError):
    def __init__(self, type, cause):
        super().__init__("unexpected ASDU: type %d, cause %d" % (type, cause))
        self.type = type
        self.cause = cause
