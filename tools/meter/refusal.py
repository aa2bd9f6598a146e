"""Negative answers: the request mirrored with one of the causes 13 to 18 (protocol reference 3.1)."""

NO_RECORD, NO_TYPE, UNKNOWN_RECORD, WRONG_POINT, NO_OBJECT, NO_PERIOD = range(13, 19)


class Refusal(Exception):
    """A request is refused with `cause`."""

    def __init__(self, cause):
        super().__init__(cause)
        self.cause = cause
