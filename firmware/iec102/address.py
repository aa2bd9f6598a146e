"""Where a meter is on a line, and how patient to be with it."""

# Presets: answer, gap, idle, pause between busy polls, busy limit (ms each). Protocol reference
# 2.4.
_TIMING = {
    "wire": (2000, 200, 0, 200, 20000),
    "tcp": (5000, 2000, 100, 300, 30000),
    "gsm": (10000, 2000, 500, 1000, 60000),
}


class LinkAddress:
    """A meter on a line: its addresses, its password and how patient to be with it.

    `link` 0..65535, `point` 0..65535, `password` 0..2**32-1. `via` is a preset of times: "wire"
    (also optical), "tcp" or "gsm"; any time can be given by name. Milliseconds: `answer_ms` until
    the first byte of an answer, `gap_ms` between bytes, `idle_ms` least silence before a
    repetition, `pause_ms` between polls of a busy meter, `busy_ms` of being busy with one request,
    `session_ms` for a whole session, `turnaround_ms` before each frame. `retries` per frame.
    `second_status`: ask for the link status again after the reset, as some masters do.
    """

    def __init__(
        self,
        link,
        point,
        password,
        via="wire",
        answer_ms=None,
        gap_ms=None,
        idle_ms=None,
        pause_ms=None,
        busy_ms=None,
        session_ms=60000,
        turnaround_ms=0,
        retries=3,
        second_status=False,
    ):
        answer, gap, idle, pause, busy = _TIMING[via]
        self.link = link
        self.point = point
        self.password = password
        self.answer_ms = answer if answer_ms is None else answer_ms
        self.gap_ms = gap if gap_ms is None else gap_ms
        self.idle_ms = idle if idle_ms is None else idle_ms
        self.pause_ms = pause if pause_ms is None else pause_ms
        self.busy_ms = busy if busy_ms is None else busy_ms
        self.session_ms = session_ms
        self.turnaround_ms = turnaround_ms
        self.retries = retries
        self.second_status = second_status
