"""A broker that is killed may lose what it has confirmed: it shows as a gap, and what a meter keeps comes again."""

import time

import pytest

from tests.host.support import fleet_devices, fleet_lab, programs
from tools.fleet import __main__ as fleet
from tools.fleet import backfill, gaps
from tools.fleet.store import open_store

HOUR = 3600
DAY = 86400


@pytest.mark.services
def test_what_a_killed_broker_had_is_seen_as_a_gap_and_fetched_again(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(backfill, "_PAUSES", (0.1, 0.5))
    programs.need("mosquitto")
    with fleet_lab.Lab(tmp_path) as lab:
        end = int(time.time()) // HOUR * HOUR
        start = end - 4 * DAY

        def part(begin, until):
            # One device each time, as if its log went on.
            devices = fleet_lab.devices(3)
            for each in devices:
                for meter in each.meters:
                    meter.ledger.set_mark("lc11", begin - HOUR)
            lab.deliver(devices, begin, until)

        first = lab.ingester()
        lab.subscribed()
        part(start, start + DAY)
        lab.has(3 * 100)
        assert settled(lab, 3)
        first.stop()
        # The session with its subscription is on the disk; what comes from now on is not.
        lab.broker.stop()
        lab.broker.start()
        part(start + DAY, start + DAY + 12 * HOUR)
        lab.broker._process.kill()
        lab.broker._process.wait()
        lab.broker.start()
        lab.ingester()
        lab.subscribed()
        part(start + DAY + 12 * HOUR, end)
        assert settled(lab, 3)
        store = open_store(lab.database)
        found = gaps.find(store, fleet_lab.ZONE, end)
        missing = [gap for series in found.values() for each in series for gap in each.gaps]
        assert len(missing) == 3 and all(gap.missing == 12 for gap in missing), missing
        counted = [each for series in found.values() for each in series if each.what == "instant"]
        assert all(each.expected - each.present == 12 * 4 for each in counted)
        some = {each.imei: fleet_devices.Device(each, end) for each in fleet_lab.devices(3)}
        answers = fleet_devices.Desk(lab.broker.port, some)
        try:
            assert fleet.main(["backfill", "--database", lab.database, "--broker", lab.url]) == 0
        finally:
            answers.close()
        assert capsys.readouterr().out.count(": closed, 12") == 3
        found = gaps.find(store, fleet_lab.ZONE, end)
        assert not [gap for series in found.values() for each in series for gap in each.gaps]


def settled(lab, seconds):
    """Wait until nothing more comes."""
    before = -1
    while True:
        now = lab.has(0)
        if now == before:
            return now > 0
        before = now
        time.sleep(seconds / 3)
