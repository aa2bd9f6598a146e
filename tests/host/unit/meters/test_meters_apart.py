"""What one meter does stays its own: assembly.py hands one dict of options to all meters that are set up alike."""

import asyncio
import collections
import json

from firmware.meters import reading, readings
from firmware.meters.ledger import Ledger
from firmware.meters.meter import Meter
from tests.host.support import memory_meters, virtual_time
from tests.host.support.fake_ports import StationMeter

NOW = 1792891800
# Where the type of the ASDU stands in a variable frame.
_TYPE = 7


class Pair:
    """Two stations on one line, and two meters with the same dict of options."""

    def __init__(self, root, **options):
        now = asyncio.get_running_loop().utc
        self.stations = memory_meters.stations(2, now)
        self.cut_after = {}  # link address -> closings objects that still come through
        self.asked = collections.Counter()
        self.kept = []
        shared = dict(options)
        self.meters = [
            Meter(
                "M%d" % link,
                (link, 1, link),
                [],
                True,
                shared,
                Ledger("%s/m%d_ledger" % (root, link)),
                "%s/m%d_" % (root, link),
            )
            for link in (1, 2)
        ]
        port = StationMeter(self._receive, to_master=self._cut).port
        self.line = memory_meters.line_of(port, self.meters, self.kept.extend, "extended")

    def _receive(self, data):
        if data[0] == 0x68:
            self.asked[data[_TYPE], data[5]] += 1
        return [frame for station in self.stations for frame in station.receive(data)]

    def _cut(self, data):
        if len(data) > _TYPE and data[_TYPE] == 136 and data[5] in self.cut_after:
            if not self.cut_after[data[5]]:
                return []
            self.cut_after[data[5]] -= 1
        return [(0, data)]

    def objects(self, ident):
        """(start, object address) of each closing that was kept of a meter."""
        records = [json.loads(payload) for _, _, payload in self.kept]
        return [(r["start"], r["object"]) for r in records if r["ID"] == ident]


def test_a_closing_that_broke_off_costs_no_other_meter_its_own(tmp_path):
    async def main():
        pair = Pair(tmp_path, days=31)
        one, two = pair.meters
        pair.cut_after[1] = 3
        assert not await reading.session(pair.line, one, readings.CLOSINGS)
        assert await reading.session(pair.line, two, readings.CLOSINGS)
        del pair.cut_after[1]
        assert await reading.session(pair.line, one, readings.CLOSINGS)
        return pair.objects("M1"), pair.objects("M2")

    broken, whole = virtual_time.run(main(), NOW, limit_s=3600)
    assert [address for _, address in whole] == list(range(20, 27))
    assert sorted(broken) == whole


def test_a_meter_without_blocks_does_not_take_them_from_another(tmp_path):
    async def main():
        pair = Pair(tmp_path, curve_days=1)
        pair.stations[0].answers.no_types = {190}
        for meter in pair.meters * 2:
            assert await reading.session(pair.line, meter, readings.CURVE)
            meter.ledger.set_mark("lc11", 0)
        return pair.asked

    asked = virtual_time.run(main(), NOW, limit_s=3600)
    # The one that lacks them is asked once, the other one each time.
    assert (asked[190, 1], asked[190, 2]) == (1, 2)
    assert asked[123, 1] == 2 and not asked[123, 2]
