"""Between two sessions of a line the others have their turns."""

import asyncio
from types import SimpleNamespace

from firmware.core import log, overlay
from firmware.meters import readings
from firmware.meters.ledger import Ledger
from firmware.meters.meter import Meter
from firmware.meters.schedule import Schedule
from tests.host.support import memory_meters, virtual_time

NOW = 1792891800
# Once the clock has been set there is the plan of the line, too.
_MOST = 7


def test_the_end_of_one_session_and_the_begin_of_the_next_are_no_single_turn(monkeypatch, tmp_path):
    """Each look at the heap walks through all of it, 11 ms on a Pico W with 440,000 bytes: ten in a row, between two
    of four meters, were a turn of 170 ms without a collection, and of 220 ms with it."""
    looks, turns = [], [0]
    monkeypatch.setattr(overlay, "_free", lambda: looks.append(1) or 10**9)
    monkeypatch.setattr(overlay, "gc", SimpleNamespace(mem_alloc=lambda: looks.append(1) or 0))
    monkeypatch.setattr(overlay, "_users", {})

    def turned():
        turns.append(len(looks) - sum(turns))

    async def main():
        found = memory_meters.stations(2, asyncio.get_running_loop().utc)
        meters = [
            Meter(
                "M%d" % link,
                (link, 1, link),
                [Schedule(readings.INSTANT, 60)],
                ledger=Ledger("%s/m%d_ledger" % (tmp_path, link)),
            )
            for link in (1, 2)
        ]
        kept = []
        line = memory_meters.line_of(memory_meters.port_of(found), meters, kept.extend)
        looks.clear()
        task = asyncio.ensure_future(_await(log.Marked(line.run(), "port 1", turned)))
        await asyncio.sleep(130)
        task.cancel()
        return kept

    assert len(virtual_time.run(main(), NOW)) >= 4
    assert max(turns) <= _MOST, [each for each in turns if each]


async def _await(marked):
    await marked
