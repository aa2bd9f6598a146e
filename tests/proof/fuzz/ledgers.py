"""Files of ledgers: a damaged one costs a repetition, never a reading; its meter starts all the same."""

import tempfile
from pathlib import Path

from firmware.meters import readings
from firmware.meters.ledger import Ledger
from firmware.meters.meter import Meter
from firmware.meters.schedule import Schedule
from tests.proof.fuzz.mutator import Mutator

COUNT, SAMPLE, HEAP = 100_000, 300, 300_000
_MOST_KEYS = 420


def seeds(folder):
    """Files that the ledger itself has written: none, some and all of the keys."""
    found = []
    for count in (0, 3, 40, _MOST_KEYS + 9):
        ledger = Ledger(folder + "/seed%d" % count)
        for number in range(count):
            ledger.add(number * 9999991 & 0xFFFFFFFF)
        ledger.set_mark("lc11", 1795000000 + count)
        ledger.set_mark("done3", 1795003600)
        ledger.save()
        found.append(Path(ledger.path).read_bytes())
    return found


class Target:
    """An input is (content of the file, of its .new or None)."""

    def __init__(self, generator):
        self._folder = tempfile.TemporaryDirectory()
        words = (b"[", b"{", b"null", b"1e999", b'"', b"-", b"NaN", b"\xff", b"true", b"[" * 3000, b'{"a":' * 1500)
        self._mutator = Mutator(generator, seeds(self._folder.name), words, 12000)
        self._path = Path(self._folder.name) / "ledger"
        self._new = Path(self._folder.name) / "ledger.new"

    def close(self):
        self._folder.cleanup()

    def make(self):
        other = self._mutator.below(4)
        return self._mutator.make(), None if other > 1 else self._mutator.make() if other else self._mutator.seeds[1]

    def run(self, given):
        for path, content in zip((self._path, self._new), given, strict=True):
            if content is None:
                path.unlink(missing_ok=True)
            else:
                path.write_bytes(content)
        ledger = Ledger(str(self._path))
        damaged = ledger.damaged
        schedules = [Schedule(readings.CURVE, 3600, True), Schedule(readings.CLOSINGS, 86400, True)]
        Meter("M0", (1, 1, 1), schedules, ledger=ledger)
        assert 0 <= ledger.mark("lc11") < 1 << 32
        for key in (1, 0xFFFFFFFF):
            ledger.add(key)
            assert ledger.seen(key)
        ledger.set_mark("lc11", 1795000007)
        ledger.save()
        again = Ledger(str(self._path))
        assert not again.damaged and again.mark("lc11") == 1795000007 and again.seen(0xFFFFFFFF)
        assert len(self._path.read_bytes()) < 16384
        return "damaged" if damaged else "taken"
