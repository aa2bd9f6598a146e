"""Decoding the 110-byte instantaneous answer: this codec on MicroPython against iec870ree on CPython."""

import json
import subprocess
import time
from pathlib import Path

from tools import micropython

ROOT = Path(__file__).resolve().parent.parent
TARGET = 10
FRAME = (
    "68686868080100a30305010000c062e70300d20f010099b100005e2500009d010000060b000037926e0415c10800000300009a03"
    "020000000000dc010300000100000502020000010000aa0137926e0415c20c0000550900000d0000550900000c00004709000037"
    "926e04150316"
)

# Bytes in, every value and every time (as UTC) out, as the reference does.
SCRIPT = """
import gc, time
from firmware.iec102 import asdu, ft12
from firmware.clock.zone import Zone
raw = bytes.fromhex("%s")
zone = Zone()
parser = ft12.Parser()
def once():
    parser.feed(raw)
    parser.next()
    answer = asdu.decode(parser.asdu)
    for item in answer.objects:
        item["time"].to_utc(zone)
    return answer
once()
best = 1 << 30
for _ in range(7):
    gc.collect()
    start = time.ticks_us()
    for _ in range(100):
        once()
    best = min(best, time.ticks_diff(time.ticks_us(), start))
print(best / 100)
"""


def ours_us():
    done = subprocess.run(
        micropython.command("-c", SCRIPT % FRAME),
        env={"MICROPYPATH": "%s:.frozen" % (ROOT / "build" / "device")},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return float(done.stdout)


def reference_us():
    """iec870ree on CPython: the same bytes to values and datetimes."""
    from iec870ree.base_asdu import AsduParser

    raw = bytes.fromhex(FRAME)
    answers = []

    def once():
        parser = AsduParser()
        answers[:] = [
            found for found in (parser.append_and_get_if_completed(b) for b in raw) if found
        ]

    once()
    assert answers, "the reference did not find the frame"
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(20):
            once()
        best = min(best, (time.perf_counter() - start) / 20)
    return best * 1e6


def run():
    ours, reference = ours_us(), reference_us()
    ratio = reference / ours
    row = {
        "name": "decode of the 110-byte 163 frame, MicroPython",
        "value": ours,
        "unit": "us",
        "reference": "iec870ree on CPython (us)",
        "reference_value": reference,
        "ratio": ratio,
        "target": ">= %d times faster" % TARGET,
        "met": ratio >= TARGET,
    }
    return [row]


if __name__ == "__main__":
    print(json.dumps(run()))
