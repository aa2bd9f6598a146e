"""What the protocol's errors say; loaded when one is raised, see errors.py."""

# Causes of a refusal (protocol reference 3.1).
CAUSES = {
    13: "the data record is not available",
    14: "the meter does not know this ASDU type",
    15: "the meter does not know this record address",
    16: "wrong measuring point",
    17: "the information object is not available",
    18: "the integration period is not available",
}

# Name -> base and text. FrameError: a frame can't be built, a value does not fit or the ASDU is too long.
# AsduError: an ASDU (or a part of it) has an unknown type, a wrong length or an impossible value.
KINDS = {
    "FrameError": ("Iec102Error", ""),
    "AsduError": ("Iec102Error", ""),
    "NoAnswerError": ("SessionError", "the meter does not answer"),
    "GarbledError": (
        "NoAnswerError",
        "something answers, but no frame of it is good (baud rate, parity, noise?)",
    ),
    "WrongLinkError": ("NoAnswerError", "a meter with another link address answers"),
    "NackError": ("SessionError", "the meter refuses the frame (NACK)"),
    "SessionDeadlineError": ("SessionError", "the session took longer than its deadline"),
    "SessionClosedError": ("SessionError", "no session is open"),
    "BusyError": ("SessionError", "the meter was busy too long"),
    "PasswordError": ("SessionError", "the meter does not accept the password"),
    "UnexpectedAsduError": ("SessionError", "an ASDU that answers nothing"),
}
