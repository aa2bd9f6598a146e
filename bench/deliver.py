"""Records a second over HTTP and HTTPS through a line with 100 ms round trip: our delivery's requests of many records
over one connection, against a request and a connection for each record.

One server (http.server) and one line serve both, in MicroPython with the small boards' heap, with TLS that of the
middle ones; the line makes a connection cost its handshake. Ours come out of the real log on littlefs and are noted
there as delivered.
"""

import json
import shutil
import subprocess
import tempfile
from pathlib import Path

from bench._rows import none, row
from tests.host.support import brokers, tls_lab
from tests.host.support.delivery_lab import Web
from tools import micropython

ROOT = Path(__file__).resolve().parents[1]
ROUND_TRIP_MS = 100
BATCH = 20
# Times what the round trips alone take; times the reference.
MOST, LEAST = 1.5, 20
_STUCK_S = 300


def drain(web, port, who, count, secure=False):
    """One drain of `count` records by `who`; a dict with ms, longest_ms, per_second, and the records that came."""
    del web.got[:]
    web.requests.clear()
    folder = tempfile.mkdtemp()
    # TLS is for boards with a larger heap.
    heap = micropython.MIDDLE if secure else micropython.SMALL
    command = micropython.command("bench/device/deliver.py", heap=heap)
    command += [who, str(port), str(count), str(BATCH), folder + "/flash.img", "tls" if secure else "plain"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=_STUCK_S)
    finally:
        shutil.rmtree(folder)
    if done.returncode:
        raise RuntimeError("%s failed:\n%s%s" % (who, done.stdout, done.stderr))
    found = json.loads(done.stdout.strip().splitlines()[-1])
    found["per_second"] = count * 1000 / found["ms"]
    found["disorder"] = sum(web.got[at : at + 1] != [at + 1] for at in range(count)) + max(len(web.got) - count, 0)
    found["requests"] = len(web.requests)
    return found


def run(quick=False):
    return [row for secure in (False, True) for row in compared(quick, secure)]


def compared(quick, secure):
    """The rows over HTTP, or over HTTPS."""
    few, count = (5, 200) if quick else (50, 1000)
    with Web(context=tls_lab.Authority().show().context() if secure else None) as web:
        line = brokers.Proxy(web.port, ROUND_TRIP_MS / 2000, shakes=True)
        try:
            reference = drain(web, line.port, "single", few, secure)
            ours = drain(web, line.port, "firmware", count, secure)
        finally:
            line.close()
    way = "HTTPS" if secure else "HTTP"
    least = count / BATCH * ROUND_TRIP_MS
    ratio = ours["per_second"] / reference["per_second"]
    against = ("one request a connection, %d records" % few, reference["per_second"])
    name = "%s, a full log, %d records, %d ms" % (way, count, ROUND_TRIP_MS)
    return [
        row(name, ours["per_second"], "1/s", against, target="at least %d times" % LEAST, met=ratio >= LEAST,
            timed=True, longest_ms=ours["longest_ms"]),
        row(name + ": its time", ours["ms"] / 1000, "s", ("its %d round trips" % (count // BATCH), least / 1000),
            target="<= %g times" % MOST, met=ours["ms"] <= MOST * least, timed=True),
        none(way + ": records lost, twice or out of order", ours["disorder"], of=count),
    ]  # fmt: skip
