"""Heap of the running app: the twin reads three meters and delivers; the figures are the firmware's own."""

import re
import tempfile
import time

from tests.host.twinlab import Lab

LIMIT = 192 * 1024


def run():
    with tempfile.TemporaryDirectory() as folder, Lab(folder, meters=3, interval=2) as lab:
        lab.twin.start()
        line = lab.twin.wait_line("longest turn", 60)
        started = lab.twin.wait_line("bytes of heap in use")
        deadline = time.monotonic() + 10
        while len(lab.records) < 10 and time.monotonic() < deadline:
            lab.record()
    live, peak, turn = (
        int(x) for x in re.search(r"heap (\d+), peak (\d+), longest turn (\d+)", line).groups()
    )
    start = int(re.search(r"(\d+) bytes of heap", started).group(1))
    limit = {"reference": "heap given (bytes)", "reference_value": LIMIT}
    return [
        {
            "name": "live heap after start",
            "value": start,
            "unit": "bytes",
            **limit,
            "ratio": start / LIMIT,
        },
        {
            "name": "peak live heap of the running app, 64-bit unix port",
            "value": peak,
            "unit": "bytes",
            **limit,
            "ratio": peak / LIMIT,
            "target": "< 1",
            "met": peak < LIMIT and len(lab.records) >= 10,
        },
        {
            "name": "live heap while running",
            "value": live,
            "unit": "bytes",
            **limit,
            "ratio": live / LIMIT,
        },
        {
            "name": "longest turn of the loop",
            "value": turn,
            "unit": "ms",
            "reference": "most a call may block (ms)",
            "reference_value": 200,
            "ratio": turn / 200,
            "target": "<= 1",
            "met": turn <= 200,
        },
    ]
