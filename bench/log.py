"""What the log costs the flash and the heap: beside it, in the same run, a file that is opened, appended and closed.

Real littlefs (4 KiB blocks, programs of 32 bytes) over a flash in RAM that counts; records of 220 bytes, each durable
when its append returns. Then a year of the device's life, and what it means for a flash of 2 MiB.
"""

import json
import subprocess
from pathlib import Path

from bench._rows import none, row
from tools import micropython

ROOT = Path(__file__).resolve().parents[1]
RECORD = 220
# Erases a block of a usual NOR flash endures.
ENDURANCE = 100_000


def measure(script, *arguments):
    command = micropython.command("bench/device/" + script, *arguments, heap=micropython.HARNESS)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError("%s failed:\n%s%s" % (arguments, done.stdout, done.stderr))
    return json.loads(done.stdout.strip().splitlines()[-1])


def run(quick=False):
    rows = wear(300 if quick else 2000)
    print("  mounting ...", flush=True)
    # Of few records what littlefs reads to find its files is no small part.
    rows += mounting(5_000, 2) if quick else mounting(100_000, 10, (1_000, 10_000))
    days = 10 if quick else 365
    print("  %d days of a device's life ..." % days, flush=True)
    return rows + life(days)


def wear(count):
    """What each record costs the flash, `count` of them."""
    naive = measure("log.py", "naive", count)
    single, acks, burst = (measure("log.py", what, count) for what in ("single", "acks", "burst"))
    rows = []
    for name, found, limit in (
        ("append", single, 5),
        ("append and its delivery", acks, None),
        ("append in bursts of 100", burst, 1.3),
    ):
        value = found["per_byte"]
        target = {"target": "<= %g" % limit, "met": value <= limit} if limit else {}
        reference = ("naive", naive["per_byte"])
        rows.append(row("bytes programmed per byte, " + name, value, "", reference, **target))
        value, reference = found["erases"], ("naive", naive["erases"])
        met = value <= naive["erases"]
        rows.append(row("erases per 1000, " + name, value, "", reference, target="<= naive", met=met))
    rows.append(row("worst append", single["worst"], "flash operations", ("naive", naive["worst"])))
    return rows


def mounting(count, part, between=()):
    """What `count` records in the log cost who mounts and reads it, against 100; he reads less than 1/part of them.
    Who reads has as many records as each of `between` says, too."""
    few, many = measure("log.py", "depth", 100), measure("log.py", "depth", count)
    full = "{:,} records".format(count)
    rows = []
    for key, name, unit in (
        ("ram", "heap after mount", "bytes"),
        ("ram_reading", "heap while reading", "bytes"),
        ("operations", "programs and erases of a mount", ""),
    ):
        met = many[key] <= few[key] + 512
        reference = ("100 records", few[key])
        rows.append(row("%s, %s" % (name, full), many[key], unit, reference, target="the same", met=met))
    every = count * RECORD
    met = many["read"] < every / part
    reference = ("bytes of all records", every)
    target = "< 1/%d" % part
    rows.append(row("bytes read by a mount, " + full, many["read"], "bytes", reference, target=target, met=met))
    for depth in (*between, count):
        found = many if depth == count else measure("log.py", "depth", depth)
        for order in ("fifo", "lifo", "http fifo", "http lifo"):
            name = "bytes read per byte delivered, {}, {:,} records".format(order, depth)
            reference = ("100 records", few[order])
            rows.append(row(name, found[order], "", reference, target="<= 4", met=found[order] <= 4))
    return rows


def life(days):
    found = measure("year.py", 102, days)
    span = "a year" if days == 365 else "%d days" % days
    records = ("records", found["records"])
    worst, even = (ENDURANCE / found[key] * days / 365 for key in ("most_erases", "mean_erases"))
    return [
        none(span + ": lost, invented or disordered", found["lost"] + found["unordered"] + found["invented"],
             records=found["records"]),
        row(span + ": delivered twice", found["duplicates"], "", records),
        row(span + ": power cuts within a write", found["cuts"], "", ("outages", sum(found["outages"].values()))),
        row("2 MiB: years until its first block is worn", worst, "years", ("worn evenly", even),
            target=">= 10 years", met=worst >= 10),
    ]  # fmt: skip
