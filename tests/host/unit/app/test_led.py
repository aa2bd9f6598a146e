"""The LED tells how things stand: the flashes of docs/boards.md, counted on the pin while the app's watch runs."""

import asyncio
import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from firmware.app import main as root
from firmware.app import starting
from firmware.meters import reading, readings
from firmware.meters.meter import Meter
from tests.host.support import memory_meters, virtual_time
from tests.host.support.fake_machine import Chip, board_of

PAGE = (Path(__file__).resolve().parents[4] / "docs" / "boards.md").read_text()
_EPOCH = 1795000000


@pytest.fixture
def app(monkeypatch, tmp_path):
    """The app on a Pico W, whose LED is `app.pin`, with one meter and a broker that is there."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"meter.0.enabled": True}))
    chip = Chip("rp2").install(monkeypatch)
    kind = board_of("pico_w", monkeypatch, tmp_path)
    monkeypatch.setattr(kind, "console", lambda self: None)
    board = kind()
    found = starting.make(board)
    found.delivery = SimpleNamespace(connected=True, state="online")
    found.deliveries = [found.delivery]
    found.pin = chip.pins[board.led_pin]
    return found


def flashes(app):
    """How often the LED flashes between two pauses."""

    async def main():
        watch = asyncio.ensure_future(root._watch(app, None))
        await asyncio.sleep(1)
        seen = []
        for _ in range(1000):
            seen.append("#" if app.pin.level else ".")
            await asyncio.sleep(0.01)
        watch.cancel()
        return "".join(seen)

    # From one long pause to the next.
    groups = re.findall(r"\.{120,}(#[#.]*?)(?=\.{120,}#)", virtual_time.run(main(), _EPOCH))
    counts = {len(re.findall("#+", group)) for group in groups}
    assert len(counts) == 1, counts
    return counts.pop()


def test_all_is_well(app):
    assert flashes(app) == 1


def test_no_broker(app):
    app.delivery.connected = False
    app.lines[0].meters[0].failing = True
    assert flashes(app) == 2


def test_a_meter_does_not_answer(app):
    app.lines[0].meters[0].failing = True
    assert flashes(app) == 3


@pytest.mark.parametrize("what", ["meter", "broker", "switched off"])
def test_not_configured(app, what):
    if what == "meter":
        app.lines = []
    elif what == "broker":
        app.deliveries = []
    else:
        app.deliveries = [SimpleNamespace(connected=False, state="off")]
    assert flashes(app) == 4


def test_one_delivery_of_several_is_enough(app):
    app.deliveries.insert(0, SimpleNamespace(connected=False, state="waiting"))
    app.deliveries.append(SimpleNamespace(connected=False, state="off"))
    assert flashes(app) == 1
    app.delivery.connected = False
    assert flashes(app) == 2


def test_safe_mode(app):
    app.safe = True
    app.deliveries = []
    assert flashes(app) == 5


def test_the_page_has_these_codes():
    table = re.findall(r"(?m)^\| (\d) \| (.*) \|$", PAGE)
    words = ("readings arrive", "no broker", "does not answer", "not configured", "safe mode")
    assert [number for number, _ in table] == list("12345")
    for word, (_, text) in zip(words, table):
        assert word in text


def test_a_meter_fails_until_it_answers_again():
    async def main():
        (station,) = memory_meters.stations(1, asyncio.get_running_loop().utc)
        port = memory_meters.port_of([station])
        deaf = memory_meters.port_of([])
        meter = Meter("A", (1, 1, 1), [])
        line = memory_meters.line_of(port, [meter], lambda batch: None)
        told = []
        for number, kind in ((0, readings.INSTANT), (1, readings.INSTANT), (0, readings.INSTANT)):
            line.port = (port, deaf)[number]
            await reading.session(line, meter, kind)
            told.append(meter.failing)
        return told

    assert virtual_time.run(main(), _EPOCH) == [False, True, False]


def test_a_meter_that_lacks_a_reading_answers():
    async def main():
        (station,) = memory_meters.stations(1, asyncio.get_running_loop().utc)
        station.answers.no_types = {162}
        meter = Meter("A", (1, 1, 1), [])
        line = memory_meters.line_of(memory_meters.port_of([station]), [meter], lambda batch: None)
        await reading.session(line, meter, readings.INSTANT)
        return meter.last_error, meter.failing

    error, failing = virtual_time.run(main(), _EPOCH)
    assert error.startswith("NotAvailableError") and not failing
