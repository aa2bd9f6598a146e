"""Decoding the 110-byte instantaneous answer: this codec on MicroPython against iec870ree on CPython.

Both must find the same values and times in it.
"""

import json
import subprocess
import time
from pathlib import Path

from bench._rows import none, row
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
import gc, json, time
from firmware.iec102 import asdu, ft12
from firmware.core.zone import Zone
raw = bytes.fromhex("%s")
zone = Zone()
parser = ft12.Parser()
def once():
    parser.feed(raw)
    parser.next()
    answer = asdu.decode(parser.asdu)
    for item in answer.objects:
        item["utc"] = item["time"].to_utc(zone)
    return answer
found = once().objects
for item in found:
    del item["time"]
best = 1 << 30
for _ in range(%d):
    gc.collect()
    start = time.ticks_us()
    for _ in range(%d):
        once()
    best = min(best, time.ticks_diff(time.ticks_us(), start))
print(json.dumps({"us": best / %d, "objects": found}))
"""


def ours(times, turns):
    """(us, values): the fastest of `times` runs of `turns` each, and what is in the frame as `_numbers()` gives it."""
    done = subprocess.run(
        micropython.command("-c", SCRIPT % (FRAME, times, turns, turns)),
        env={"MICROPYPATH": "%s:.frozen" % (ROOT / "build" / "device")},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    found = json.loads(done.stdout)
    totals, powers, phases = found["objects"]
    values = [each["value"] for each in totals["totals"]]
    for each in powers["powers"]:
        values += [each["active"], each["reactive"], each["cos_phi"]]
    for each in phases["phases"]:
        values += [each["current"], each["voltage"]]
    return found["us"], values + [item["utc"] for item in (totals, powers, phases)]


def reference(times, turns):
    """The same by iec870ree on CPython: the same bytes to values and datetimes."""
    from iec870ree.base_asdu import AsduParser

    raw = bytes.fromhex(FRAME)
    answers = []

    def once():
        parser = AsduParser()
        answers[:] = [found for found in (parser.append_and_get_if_completed(b) for b in raw) if found]

    once()
    if not answers:
        raise RuntimeError("the reference did not find the frame")
    best = float("inf")
    for _ in range(times):
        start = time.perf_counter()
        for _ in range(turns):
            once()
        best = min(best, (time.perf_counter() - start) / turns)
    return best * 1e6, _numbers(*(each.valores for each in answers[0].content.valores))


def _numbers(totals, powers, phases):
    """What the reference has found, in the units of the wire."""
    values = [totals.ai, totals.ae, totals.r1, totals.r2, totals.r3, totals.r4]
    for each in powers[:-1]:
        values += [each.potencia_activa, each.potencia_reactiva, round(each.factor_potencia * 1000)]
    for each in phases[:-1]:
        values += [round(each.I * 10), round(each.V * 10)]
    return values + [_utc(tag) for tag in (totals.measure_date, powers[-1], phases[-1])]


def _utc(tag):
    return int(tag.datetime.timestamp())


def run(quick=False):
    us, values = ours(*((1, 5) if quick else (7, 100)))
    reference_us, expected = reference(*((1, 2) if quick else (5, 20)))
    ratio = reference_us / us
    wrong = sum(one != other for one, other in zip(values, expected)) + abs(len(values) - len(expected))
    return [
        row("decode of the 110-byte 163 frame, MicroPython", us, "us", ("iec870ree on CPython", reference_us),
            ratio=ratio, target=">= %d times faster" % TARGET, met=ratio >= TARGET, timed=True),
        none("values and times that the two do not agree on", wrong, of=len(values)),
    ]  # fmt: skip
