"""What the log costs the flash and the heap: beside it, in the same run, a file that is opened, appended and closed.

Real littlefs (4 KiB blocks, programs of 32 bytes) over a flash in RAM that counts; records of 220 bytes, each durable
when its append returns. Then a year of the device's life, and what it means for a flash of 2 MiB.
"""

import json
import subprocess
from pathlib import Path

from tools import micropython

ROOT = Path(__file__).resolve().parents[1]
# Erases a block of a usual NOR flash endures.
ENDURANCE = 100_000


def measure(script, *arguments, heap=micropython.HARNESS):
    command = micropython.command("bench/device/" + script, *arguments, heap=heap)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError("%s failed:\n%s%s" % (arguments, done.stdout, done.stderr))
    return json.loads(done.stdout.strip().splitlines()[-1])


def row(name, value, unit, reference, reference_value, target=None, met=None):
    found = {
        "name": name,
        "value": value,
        "unit": unit,
        "reference": reference,
        "reference_value": reference_value,
        "ratio": value / reference_value if reference_value else None,
    }
    if target:
        found.update(target=target, met=met)
    return found


def run():
    naive = measure("log.py", "naive")
    rows = wear(naive)
    few, many = measure("log.py", "100"), measure("log.py", "100000")
    for key, name, unit in (
        ("ram", "heap after mount, 100,000 records", "bytes"),
        ("ram_reading", "heap while reading, 100,000 records", "bytes"),
        ("operations", "programs and erases of a mount, 100,000", ""),
    ):
        met = many[key] <= few[key] + 512
        rows.append(row(name, many[key], unit, "100 records", few[key], "the same", met))
    all_bytes = 100_000 * 220
    met = many["read"] < all_bytes / 10
    text = "< 1/10"
    name = "bytes read by a mount, 100,000 records"
    rows.append(row(name, many["read"], "bytes", "bytes of all records", all_bytes, text, met))
    for order in ("fifo", "lifo"):
        name = "bytes read per byte delivered, %s, 100,000" % order
        rows.append(row(name, many[order], "", "100 records", few[order]))
    return rows + year()


def wear(naive):
    single, acks, burst = (measure("log.py", what) for what in ("single", "acks", "burst"))
    rows = []
    for name, found, limit in (
        ("append", single, 5),
        ("append and its delivery", acks, None),
        ("append in bursts of 100", burst, 1.3),
    ):
        value = found["per_byte"]
        target = limit and "<= %g" % limit
        met = limit and value <= limit
        rows.append(
            row(
                "bytes programmed per byte, " + name,
                value,
                "",
                "naive",
                naive["per_byte"],
                target,
                met,
            )
        )
        value = found["erases"]
        met = value <= naive["erases"]
        rows.append(
            row("erases per 1000, " + name, value, "", "naive", naive["erases"], "<= naive", met)
        )
    rows.append(row("worst append", single["worst"], "flash operations", "naive", naive["worst"]))
    return rows


def year():
    found = measure("year.py", "102", "365")
    lost = found["lost"] + found["unordered"] + found["invented"]
    rows = [
        row(
            "a year: lost, invented or disordered",
            lost,
            "",
            "records",
            found["records"],
            "0",
            not lost,
        ),
        row("a year: delivered twice", found["duplicates"], "", "records", found["records"]),
        row(
            "a year: power cuts within a write",
            found["cuts"],
            "",
            "outages",
            sum(found["outages"].values()),
        ),
    ]
    worst = ENDURANCE / found["most_erases"]
    even = ENDURANCE / found["mean_erases"]
    name = "2 MiB: years until its first block is worn"
    rows.append(row(name, worst, "years", "worn evenly", even, ">= 10 years", worst >= 10))
    return rows
