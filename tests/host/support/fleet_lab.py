"""A broker, a database, ingesters as processes of their own, and simulated devices that deliver to them."""

import json
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

from firmware.core.zone import Zone
from tests.host.support import brokers
from tools import patience
from tools.fleet import records, sending, simulate
from tools.fleet.store import open_store
from tools.twin.device import finish

ROOT = Path(__file__).resolve().parents[3]
ZONE = Zone("Europe/Madrid")
# 2026-03-28, the day before summer time begins: long ago for the clock that judges the records.
START = 1774656000


class Ingester:
    """`tools.fleet ingest` in a process; with `crash` (point, turn) it is killed there (fleet_crash.py)."""

    def __init__(self, lab, ident="ingest-1", crash=None, more=()):
        words = ["ingest", "--database", lab.database, "--broker", lab.url, "--id", ident, *more]
        start = ["tests.host.support.fleet_crash", crash[0], str(crash[1])] if crash else ["tools.fleet"]
        self.log = lab.folder / ("%s.log" % ident)
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *start, *words],
                cwd=ROOT,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        """End it in good order; what it said."""
        finish(self.process)
        return self.log.read_text()


class Lab:
    """`database`: a URL, by default a file of SQLite in `folder`."""

    def __init__(self, folder, database="", broker=None):
        self.folder = folder
        self.database = database or str(folder / "fleet.db")
        self.broker = broker or brokers.start_broker()
        self.url = "mqtt://127.0.0.1:%d" % self.broker.port
        self.ingesters = []
        self.errors = []
        open_store(self.database).close()

    def ingester(self, *arguments, **named):
        made = Ingester(self, *arguments, **named)
        self.ingesters.append(made)
        return made

    def subscribed(self, seconds=30):
        """Wait until the broker keeps what comes for the ingester: a message that it takes proves it."""
        probe = sending.Sender(simulate.Device(999999), self.url, [])
        probe.device.topic = "lector102/%s/LOGGER" % probe.device.imei
        payload = json.dumps(
            {
                "IMEI": probe.device.imei,
                "TYPE": "PROBE",
                "TS": "2026-03-01T00:00:00Z",
                "P": "",
                "ID": "P",
            }
        ).encode()

        def seen():
            # Sent until it has come: what is sent before there is a session goes nowhere.
            one = sending.Sender(probe.device, self.url, [(0, probe.device.topic, payload)])
            sending.Senders([one]).run(20)
            return bool(self.rows("select 1 from record where type = 'PROBE'"))

        assert patience.until(seen, seconds, 0.3), self.logs()

    def rows(self, sql, values=()):
        """The answer of the database; [] while it is busy or away."""
        try:
            store = open_store(self.database, create=False)
        except Exception:  # whatever the driver raises while the server is away
            return []
        try:
            return store.all(sql, values)
        finally:
            store.close()

    def sending(self, devices, start, end, seconds=600):
        """Senders in a thread of their own: (Senders, Thread)."""
        senders = sending.Senders([sending.Sender(each, self.url, each.records(start, end)) for each in devices])

        def deliver():
            try:
                senders.run(seconds)
            except Exception as error:  # told by whoever waits for the thread
                self.errors.append(error)

        thread = threading.Thread(target=deliver, daemon=True)
        thread.start()
        return senders, thread

    def deliver(self, devices, start, end):
        senders, thread = self.sending(devices, start, end)
        thread.join()
        assert not self.errors, self.errors
        return senders

    def has(self, count, seconds=120):
        """Wait until the table has so many rows; how many it has."""
        found = [0]

        def there():
            rows = self.rows("select count(*) from record where type <> 'PROBE'")
            found[0] = rows[0][0] if rows else 0
            return found[0] >= count

        patience.until(there, seconds, 0.2)
        return found[0]

    def check(self, expected, seconds=120):
        """Every record exactly once, with the values it had; nothing aside."""
        count = self.has(len(expected), seconds)
        store = open_store(self.database, create=False)
        names = ", ".join((*records.KEY, "digest"))
        there = {tuple(row[:7]): row[7] for row in store.all("select %s from record where type <> 'PROBE'" % names)}
        aside = store.all("select reason, detail from aside limit 5")
        store.close()
        lost = [key for key in expected if key not in there]
        invented = [key for key in there if key not in expected]
        assert not lost and not invented, (
            count,
            len(lost),
            lost[:3],
            len(invented),
            invented[:3],
            self.logs(),
        )
        assert there == expected and count == len(expected)
        assert not aside, aside

    def logs(self):
        return "\n".join(
            "%s: %s" % (each.name, each.read_text()[-1500:]) for each in sorted(self.folder.glob("*.log"))
        )

    def close(self):
        for each in self.ingesters:
            if each.process.poll() is None:
                each.kill()
        self.broker.stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def devices(count, **options):
    return [simulate.Device(number, **options) for number in range(1, count + 1)]


def expected(some, start, end):
    return simulate.expected(some, start, end, ZONE, int(time.time()))


def busy(path):
    """Another connection that holds SQLite's write lock until it is closed."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("begin immediate")
    return other
