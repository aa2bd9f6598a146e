"""Years of bench/device/year.py: the real log and publisher, with outages and power cuts inside writes."""

import json
from pathlib import Path

from tools import micropython, patience

ROOT = Path(__file__).resolve().parents[2]
SEEDS = (3, 44, 90)


def lived(seed, days):
    """`days` from `seed` on: what year.py found. Raises AssertionError."""
    command = micropython.command("bench/device/year.py", seed, days, heap=micropython.HARNESS)
    done = patience.run(command, 60 + 30 * days, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["lost"] == found["invented"] == found["unordered"] == found["counted_lost"] == 0, found
    # One window, at most, for each power cut or broken connection.
    assert found["duplicates"] <= 8 * (found["cuts"] + sum(found["outages"].values())), found
    assert found["per_byte"] < 5, found
    return found


def proof():
    sums = {"records": 0, "cuts": 0, "duplicates": 0}
    for seed in SEEDS:
        found = lived(seed, 365)
        print("      a year from seed %d: %d records, %d cuts" % (seed, found["records"], found["cuts"]), flush=True)
        for key in sums:
            sums[key] += found[key]
    return sums
