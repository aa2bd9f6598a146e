"""Where a meter is on a line, and how patient to be with it."""


class LinkAddress:
    """A meter on a line: its addresses, its password and how patient to be with it.

    `link` 0..65535, `point` 0..65535, `password` 0..2**32-1. Milliseconds, by default for a wire (protocol reference
    2.4): `answer_ms` until the first byte of an answer, `gap_ms` between bytes, `idle_ms` least silence before a
    repetition, `pause_ms` between polls of a busy meter, `busy_ms` of being busy with one request, `session_ms` for a
    whole session, `turnaround_ms` before each frame. `retries` per frame. `second_status`: ask for the link status
    again after the reset, as some masters do.
    """

    idle_ms = 0
    pause_ms = 200
    second_status = False

    def __init__(
        self,
        link,
        point,
        password,
        answer_ms=2000,
        gap_ms=200,
        busy_ms=20000,
        session_ms=60000,
        turnaround_ms=0,
        retries=3,
    ):
        self.link = link
        self.point = point
        self.password = password
        self.answer_ms = answer_ms
        self.gap_ms = gap_ms
        self.busy_ms = busy_ms
        self.session_ms = session_ms
        self.turnaround_ms = turnaround_ms
        self.retries = retries
