"""The protocol's errors. Everything firmware/iec102 raises is an Iec102Error.

Most of them are never raised in a healthy installation, and a class takes half a kilobyte of heap: they are made when
they are named for the first time (`errors.NackError`; see errorwords.py). All but FrameError and AsduError are
SessionErrors.
"""

from firmware.core import overlay


def cause_text(cause):
    """The cause in words, for a person."""
    with overlay.use("errors"):
        from firmware.iec102 import errorwords

        return errorwords.CAUSES.get(cause, "cause %d" % cause)


class Iec102Error(Exception):
    """Base of all errors of the protocol."""

    text = ""


class SessionError(Iec102Error):
    """Base of what can go wrong in a session with a meter.

    `cause` and `type` are those of the ASDU that said so, 0 where there is none.
    """

    def __init__(self, text="", cause=0, type=0):
        super().__init__(text or self.text)
        self.cause = cause
        self.type = type


class NotAvailableError(SessionError):
    """The meter refused with a cause of 13 to 18; `cause` and `type` say which."""

    def __init__(self, cause, type=0):
        super().__init__("%s (cause %d, type %d)" % (cause_text(cause), cause, type), cause, type)


def unexpected(type, cause):
    """The UnexpectedAsduError for an ASDU of this type and cause."""
    text = "unexpected ASDU: type %d, cause %d" % (type, cause)
    return _kind("UnexpectedAsduError")(text, cause, type)


def _kind(name):
    """The class of this name, made if it was never asked for."""
    found = globals().get(name)
    if found is None:
        with overlay.use("errors"):
            from firmware.iec102 import errorwords

            if name not in errorwords.KINDS:
                raise AttributeError(name)
            base, text = errorwords.KINDS[name]
        found = type(name, (_kind(base),), {"text": text})
        globals()[name] = found
    return found


def __getattr__(name):
    return _kind(name)
