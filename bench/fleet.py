"""The ingester: records a second into SQLite and PostgreSQL, from 100 to 10,000 devices, and its memory.

The reference is what 10,000 meters send: instantaneous values each quarter of an hour and an hourly curve, 120 records
a day. PostgreSQL is measured where it and psycopg are installed (`make fleet-postgres`, Debian's package postgresql).
"""

import importlib.util
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from bench._rows import at_most, none, row

ROOT = Path(__file__).resolve().parent.parent
DEVICES = (100, 1000, 10000)
_NEEDED = 10000 * 120 / 86400
_TIMES = 50  # as fast as it has to be: an outage of a day is caught up within half an hour
_MORE = 1.25  # of memory, for a hundred times the devices


def measured(database, devices, count):
    command = [sys.executable, "-m", "bench._fleet", database, str(devices), str(count)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    return json.loads(done.stdout)


def _server():
    """A PostgreSQL of our own, or None."""
    if not importlib.util.find_spec("psycopg") or not list(Path("/usr/lib/postgresql").glob("*/bin")):
        return None
    from tests.host.support import servers

    return servers.Postgres()


def run(quick=False):
    count = 3000 if quick else 60000
    sizes = DEVICES[::2] if quick else DEVICES
    rows, found = [], []
    with tempfile.TemporaryDirectory() as folder:
        for devices in sizes:
            one = measured(str(Path(folder) / ("%d.db" % devices)), devices, count)
            found.append(one)
            rows.append(_rate("SQLite", one))
    rows.append(_memory(found))
    server = _server()
    if server:
        try:
            other = []
            for devices in sizes:
                _fresh(server.url)
                other.append(measured(server.url, devices, count))
                rows.append(_rate("PostgreSQL", other[-1]))
            rows.append(_memory(other))
            found += other
        finally:
            server.close()
    wrong = sum(
        abs(one["new"] - one["rows"]) + abs(one["messages"] - one["new"] - one["repeated"])
        + abs(one["messages"] - one["acknowledged"]) for one in found
    )  # fmt: skip
    rows.append(
        none(
            "records lost, twice or not acknowledged",
            wrong,
            of=sum(one["messages"] for one in found),
        )
    )
    return rows


def _fresh(url):
    from tools.fleet.store import open_store

    store = open_store(url)
    store.do("truncate record, aside, device")
    store.close()


def _rate(name, one):
    rate = one["messages"] / one["seconds"]
    return row(
        "%s, %d devices, a tenth repeats" % (name, one["devices"]), rate, "records/s",
        ("10,000 meters send", _NEEDED), target=">= %d times" % _TIMES, met=rate >= _TIMES * _NEEDED, timed=True,
    )  # fmt: skip


def _memory(found):
    first, last = found[0], found[-1]
    return at_most(
        "memory with %d devices" % last["devices"], last["rss"] / 1e6, "MB",
        "%g x that with %d" % (_MORE, first["devices"]), _MORE * first["rss"] / 1e6,
    )  # fmt: skip
