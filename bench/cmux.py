"""What CMUX costs: bytes on the wire and time, against the same data over the raw UART, on MicroPython.

The line is in memory and paced by nothing: the time is the interpreter's. Packets of 600 bytes go both ways between
PPP and the UART through the firmware's own parts, moved as its link moves them (bench/sources/cmux.py); the difference
is the multiplexer. What comes out is fed back in, over a line that takes 64 bytes at a time and then none: all must be
there again, also when the loop was held up for 200 ms.
"""

import json
import subprocess
from pathlib import Path

from bench._rows import none, row
from tools import micropython

ROOT = Path(__file__).resolve().parents[1]
PACKET = 600
LINE_BYTES_S = 11520  # 115200 baud, 10 bits a byte
# A frame of 127 bytes carries 6 of its own; with the modems that want 31 it is 6 in 31.
TARGETS = {"127": 1.06, "31": 1.22}


def run(quick=False):
    packets, times = (20, 1) if quick else (400, 3)
    command = micropython.command("bench/sources/cmux.py", packets, times)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    measured = json.loads(done.stdout)
    payload = packets * PACKET
    rows = []
    for n1, target in TARGETS.items():
        found = measured[n1]
        ratio = found["wire"] / payload
        speed = LINE_BYTES_S / ratio
        rows += [
            row("bytes on the wire, frames of " + n1, speed, "B/s", ("raw UART", LINE_BYTES_S), ratio=ratio,
                target="at most %.2f" % target, met=ratio <= target),
            none("bytes lost or changed, frames of " + n1, found["wrong"], of=40 * PACKET),
        ]  # fmt: skip
        for way in ("up", "down"):
            ours, raw = (each[way] / payload * 1000 for each in (found, measured["0"]))
            rows.append(row("interpreter's time %s, frames of %s" % (way, n1), ours, "us/kB", ("raw UART", raw)))
    return rows
