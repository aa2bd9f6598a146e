"""A thousand simulated devices for a month through Mosquitto into PostgreSQL, while each part is ended several times.

Broker restarted in good order, database and ingester killed: every record is there exactly once, with its values.
"""

import tempfile
import time
from pathlib import Path

from tests.host.support import fleet_lab, programs, servers
from tools import patience
from tools.fleet import records
from tools.fleet.store import open_store

DEVICES = 1000
DAYS = 30
# Instantaneous values once an hour, and the curve, closings and events.
INTERVAL = 3600
_START = fleet_lab.START - 40 * 86400
# Of all records that come.
_ENDS = (
    "ingester",
    "database",
    "broker",
    "ingester",
    "database",
    "broker",
    "ingester",
    "database",
)


def some(count):
    return fleet_lab.devices(count, interval=INTERVAL, events=True)


def lived(lab, server, count, days):
    end = _START + days * 86400
    about = count * days * (24 + 24 + 1)
    first = lab.ingester()
    lab.subscribed(60)
    began = time.monotonic()
    senders, thread = lab.sending(some(count), _START, end, 4 * 3600)
    for number, what in enumerate(_ENDS, 1):
        wanted = about * number // (len(_ENDS) + 1)
        patience.until(lambda wanted=wanted: senders.confirmed >= wanted or not thread.is_alive(), 3600, 0.5)
        assert thread.is_alive() or not lab.errors, lab.errors
        print("      %d confirmed: the %s is ended" % (senders.confirmed, what), flush=True)
        if what == "ingester":
            first.kill()
            first = lab.ingester()
        elif what == "database":
            server.kill()
            server.start()
        else:
            lab.broker.stop()
            lab.broker.start()
    thread.join()
    assert not lab.errors, lab.errors
    took = time.monotonic() - began
    found = compared(lab, some(count), _START, end)
    found.update(messages=senders.confirmed, repeats=senders.repeats, seconds="%d" % took)
    found["rate"] = "%d messages/s from device to database" % (senders.confirmed / took)
    return found


def compared(lab, devices, start, end):
    """Each record of each device against what the database has of it, one device after the other."""
    total = 0
    names = ", ".join((*records.KEY, "digest"))
    for device in devices:
        expected = fleet_lab.expected([device], start, end)

        def there(device=device, expected=expected):
            rows = lab.rows("select count(*) from record where device = ?", (device.imei,))
            return bool(rows) and rows[0][0] >= len(expected)

        patience.until(there, 600, 1)
        rows = lab.rows("select %s from record where device = ?" % names, (device.imei,))
        assert {tuple(row[:7]): row[7] for row in rows} == expected and len(rows) == len(expected), device.imei
        total += len(rows)
    store = open_store(lab.database)
    aside = store.all("select count(*) from aside")[0][0]
    every = store.all("select count(*) from record where type <> 'PROBE'")[0][0]
    store.close()
    assert not aside and every == total, (aside, every, total)
    return {"records": total}


def proof(count=DEVICES, days=DAYS):
    assert programs.find("mosquitto"), "Mosquitto is missing: apt-get install mosquitto"
    server = servers.Postgres()
    try:
        with tempfile.TemporaryDirectory() as folder, fleet_lab.Lab(Path(folder), server.url) as lab:
            return lived(lab, server, count, days)
    finally:
        server.close()
