"""Frames of IEC 60870-5-102 through the parser, the codec of ASDUs, the words of a frame and zones."""

import itertools
import json
from pathlib import Path

from firmware.core.zone import Zone
from firmware.iec102 import asdu, errors, frame_text, ft12, timetag
from tests.host.support.fake_ports import fixed, variable
from tests.proof.fuzz.mutator import Mutator
from tools.meter.model import Meter
from tools.meter.station import Station

COUNT, SAMPLE, HEAP = 1_000_000, 3000, 120_000
ROOT = Path(__file__).resolve().parents[3]
_VECTORS = ROOT / "tests" / "host" / "support" / "data" / "vectors.json"
_LONGEST_OBJECTS = 127
# Of the simulated meter: UTC, polls for one answer, requests that are answered by any number of ASDUs.
_NOW = 1795000000
_MOST_POLLS = 60
_STREAMS = (102, 122, 123, 133, 134, 189, 190)


def seeds():
    """Frames that others have published, and one of each type that answers a reading."""
    found = [bytes.fromhex(each["hex"]) for each in json.loads(_VECTORS.read_text())["frames"]]
    for path in sorted((ROOT / "tests" / "corpus" / "frames").glob("*.json")):
        found.append(bytes.fromhex(json.loads(path.read_text())["hex"]))
    return [frame for frame in found + answered() if frame]


class Target:
    def __init__(self, generator):
        whole = seeds()
        self._frames = Mutator(generator, whole, (b"\x68", b"\x16", b"\x10\x0b\x01\x00\x0c\x16"), 700)
        bodies = [frame[7:-2] for frame in whole if frame[0] == 0x68 and len(frame) > 14]
        self._bodies = Mutator(generator, bodies, (bytes(5), b"\xff" * 5), 249)
        self._parser = ft12.Parser()
        self._zone = Zone("Europe/Madrid")
        # Modules are loaded before anybody counts.
        for frame in whole:
            self.run(frame)

    def make(self):
        way = self._frames.below(10)
        if way < 5:
            # What passes the checksum, so that the codec sees it.
            body = self._bodies.make(long=way > 1)
            if way == 0:
                body = bytes((self._frames.one_of(tuple(asdu.TYPES)),)) + body[1:]
            return variable(8, body) if len(body) >= 6 else fixed(self._frames.below(256))
        return self._frames.make()

    def run(self, given):
        parser = self._parser
        before, frames, good = parser.dropped, 0, 0
        cut = self._frames.below(len(given) + 1)
        for piece in (given[:cut], given[cut:]):
            parser.feed(piece)
            for found in self._found(parser, len(given)):
                frames += found[0]
                good += found[1]
        parser.flush()
        for found in self._found(parser, len(given)):
            frames += found[0]
            good += found[1]
        # Each byte is part of a frame or was counted.
        assert frames + parser.dropped - before == len(given) and parser.pending == 0
        for text in frame_text.lines(given, self._frames.below(2) == 0):
            assert len(text) <= 2 * len(given) + 200
        if len(given) <= ft12.LONGEST and frames != len(given):
            self._decode(given)
        return "decoded" if good else "framed" if frames else "refused"

    def _found(self, parser, most):
        for _ in range(most // 6 + 1):
            if not parser.next():
                return
            if parser.asdu is None:
                yield 6, 0
            else:
                yield len(parser.asdu) + 9, self._decode(parser.asdu)
        raise AssertionError("more frames than bytes")

    def _decode(self, raw):
        """1 for a whole ASDU, all of it looked at."""
        try:
            found = asdu.decode(raw)
        except errors.AsduError:
            return 0
        assert len(found.objects) <= _LONGEST_OBJECTS
        self._walk([found.objects[number] for number in range(len(found.objects))])
        self._walk(found.time)
        return 1

    def _walk(self, value):
        if isinstance(value, timetag.TimeTag):
            assert len(value.text()) == 18
            try:
                assert 0 < value.to_utc(self._zone) < 1 << 33
            except errors.AsduError:
                pass
        elif isinstance(value, dict):
            for each in value.values():
                self._walk(each)
        elif isinstance(value, list):
            for each in value:
                self._walk(each)


def answered():
    """What a simulated meter answers to each request, frame by frame."""
    station = Station(Meter(seed=1, now=lambda: _NOW))
    count = itertools.count()

    def say(control, body=b""):
        frame = variable(control, body) if body else fixed(control)
        return [bytes(each) for each in station.receive(frame)]

    def poll():
        return say(0x5B | (next(count) & 1) << 5)

    def ask(kind, cause, record, objects):
        raw = bytearray(100)
        length = asdu.encode(asdu.Asdu(kind, cause, 1, record, objects), raw)
        say(0x53 | (next(count) & 1) << 5, raw[:length])
        frames = []
        for _ in range(_MOST_POLLS):
            frames += poll()
            if not frames or frames[-1][0] != 0x68 or frames[-1][9] & 63 in (7, 10) and len(frames) > 1:
                break
        return frames

    found = say(0x49) + say(0x40)
    next(count)
    found += ask(183, 6, 0, ({"password": 1},))
    zone = Zone("Europe/Madrid")
    begin, end = (timetag.from_utc(at, zone) for at in (_NOW - 40 * 86400, _NOW))
    day = {"start": timetag.from_utc(_NOW - 7200, zone), "end": end}
    for kind, record, objects in (
        (100, 0, ()), (103, 0, ()), (141, 0, ()), (144, 134, ()), (147, 0, ()), (182, 0, ()), (133, 134, ()),
        (162, 0, tuple({"address": number} for number in (192, 193, 194))),
        (150, 0, ({"address": 193},)), (156, 0, tuple({"address": number} for number in range(192, 202))),
        (102, 52, ({"start": begin, "end": end},)), (134, 134, ({"start": begin, "end": end},)),
        (122, 11, (dict(day, first=1, last=8),)), (123, 11, (dict(day, first=1, last=8),)),
        (189, 11, (dict(day, address=9),)), (190, 11, (dict(day, address=9),)),
    ):  # fmt: skip
        found += ask(kind, 6 if kind in _STREAMS else 5, record, objects)
    return found
