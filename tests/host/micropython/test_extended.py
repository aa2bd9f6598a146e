"""The extended form as MicroPython writes it."""

import sys
from pathlib import Path

from tools import micropython, patience

ROOT = Path(__file__).resolve().parents[3]


# Runs on both; what it prints must be the same.
SCRIPT = """
import asyncio
from firmware.meters.records import extended, titan as telemetry
from tests.host.support.record_format import record_format
from firmware.iec102.timetag import from_utc
from firmware.core.zone import Zone
class Job:
    class meter:
        ident = "M"
    class clock:
        zone = Zone("Europe/Madrid")
    format = record_format("1", "P")
    type = "T"
    out = telemetry.Writer()
    def utc(self):
        return 1792891800
    async def emit(self, view, kind):
        print(kind, bytes(view).decode())
tag = from_utc(1792891800, Job.clock.zone, True)
tag.millisecond = 7
total = {"value": 4000000000, "invalid": True, "qualifier": 0xAA}
power = {"active": 1, "reactive": 2, "cos_phi": 5, "export": True, "quadrant34": False, "invalid": False}
phase = {"current": 5, "voltage": 2301, "invalid": False}
item = {key: 3 for key in "DO EaA EiA CA EaRi EiRi CRi EaRc EiRc CRc R7 C7 R8 C8 MPA CMA EPA CE".split()}
item.update({"FMPA": tag, "DINI": tag, "DEND": tag})
def form(kind):
    job = Job()
    job.kind = kind
    return extended.form(job, {1: "instant", 3: "curve", 4: "closings"}.get(kind, "facts"))
async def main():
    await form(1).instant([{"totals": [total] * 6, "time": tag}, {"powers": [power] * 4}, {"phases": [phase] * 3}])
    await form(3).period(11, 3600, tag, [(i, total) for i in range(1, 9)])
    await form(4).tariff(134, item)
    await form(5).events(52, [{"spa": 1, "spq": 2, "spi": 1, "time": tag}] * 20)
    await form(7).clock(tag, -3, True)
    await form(9).setup({"a": 1, "b": "x", "c": tag})
asyncio.run(main())
"""


def test_micropython_writes_the_same():
    outputs = [
        patience.run([*command, "-c", SCRIPT], 120, cwd=ROOT) for command in (micropython.command(), [sys.executable])
    ]
    assert outputs[0].returncode == 0, outputs[0].stderr
    assert outputs[0].stdout == outputs[1].stdout
    assert len(outputs[0].stdout.splitlines()) == 6
