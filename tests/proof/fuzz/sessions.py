"""Whole sessions with a meter whose frames are mutated on their way: an error of the protocol or records of JSON, in
time. COUNT is that of the mutated frames.
"""

import json
import tempfile
from pathlib import Path

from firmware.core import log
from firmware.meters import reading, readings
from firmware.meters.ledger import Ledger
from firmware.meters.meter import Meter
from firmware.meters.result import Result
from tests.host.support import memory_meters
from tests.host.support.fake_ports import StationMeter, fixed, variable
from tests.host.support.virtual_time import VirtualLoop
from tests.proof.fuzz.mutator import Mutator

COUNT, SAMPLE, HEAP = 100_000, 60, 1_500_000
_START = 1795000000
_KINDS = (
    readings.INSTANT, readings.CLOSINGS, readings.CURVE, readings.TARIFF, readings.EVENTS, readings.IDENTITY,
    readings.CLOCK, readings.POWER, readings.SETUP,
)  # fmt: skip
# Codes of what nobody has thought of, of a flash that takes nothing, of a heap that is full.
_OURS = (131, 132, 133)
# Milliseconds: a session's own deadline, and the goodbye behind it.
_SESSION_MS = 30000
_FRAMES = 3000
_LONGEST = 4096


class Target:
    """An input is (kind, form of the records, on demand, how often of a hundred a frame is mutated, what by)."""

    def __init__(self, generator):
        self.count = 0
        self._mutator = Mutator(generator, (b"\x10\x0b\x01\x00\x0c\x16",), (b"\x68", b"\x16"), 400)
        self._folder = tempfile.TemporaryDirectory()
        self._loop = VirtualLoop(_START)
        self._sink, log.sink = log.sink, lambda text: None
        self._number = 0
        self._station = memory_meters.stations(1, self._loop.utc)[0]
        # Modules are loaded before anybody counts.
        for kind in _KINDS:
            assert self.run((kind, "both", False, 0, False)) == "read"
        self.count = 0

    def close(self):
        log.sink = self._sink
        self._loop.close()
        self._folder.cleanup()

    def make(self):
        self._number += 1
        below = self._mutator.below
        kind = self._mutator.one_of(_KINDS)
        form = self._mutator.one_of(("titan", "extended", "both"))
        return kind, form, below(3) == 0, self._mutator.one_of((4, 15, 50)), below(4) == 0

    def run(self, given):
        self._loop._limit_us = self._loop._us + 4 * _SESSION_MS * 1000
        return self._loop.run_until_complete(self._session(*given))

    async def _session(self, kind, form, asked, often, everything):
        frames = [0]

        def noisy(data):
            frames[0] += 1
            assert frames[0] < _FRAMES
            head = len(data) > 12 and data[7] not in (183, 187)
            if not (head or everything) or self._mutator.below(100) >= often:
                return [(0, data)]
            self.count += 1
            if head and self._mutator.below(4):
                body = self._mutator.make(data[7:-2], long=self._mutator.below(3) > 0)[:249]
                return [(0, variable(data[4], body) if len(body) >= 6 else fixed(9))]
            return [(0, self._mutator.make(data))]

        port = StationMeter(self._station.receive, to_master=noisy).port
        kept = []
        place = "%s/%d" % (self._folder.name, self._number % 8)
        Path(place).unlink(missing_ok=True)
        options = {"days": 40, "curve_days": 1, "times": {"session_ms": _SESSION_MS, "busy_ms": 3000}}
        meter = Meter("M0", (1, 1, 1), [], True, options, Ledger(place), place)
        line = memory_meters.line_of(port, [meter], kept.extend, form)
        result = args = None
        if asked:
            result = Result(place + ".r")
            now = self._loop.utc()
            args = (now - 7200, now) if kind in (readings.CLOSINGS, readings.CURVE, readings.EVENTS) else None
        began = self._loop.time()
        await reading.session(line, meter, kind, args, result)
        assert self._loop.time() - began < _SESSION_MS / 1000 + 10
        why = result.why if asked else None if not meter.failing else meter.why
        assert not why or why[0] not in _OURS, why
        for _, utc, payload in kept:
            assert 0 < len(payload) <= _LONGEST and abs(utc - self._loop.utc()) < 3600
            assert isinstance(json.loads(payload), dict)
        for number, size in enumerate(result.sizes if asked else ()):
            view = bytearray(size)
            result.read_into(number, view)
            assert isinstance(json.loads(view), dict)
        Ledger(place)
        return "error %d" % why[0] if why else "read"
