"""What modems have been seen to say (tests/corpus/at/*.json), each file a test: the whole way up of a board whose
modem answers so. A new file there is a new test.

A file has
- `source`: where it was seen, `about`: what is special,
- `script`: command line -> answer in place of the simulator's own: lines, null (none at all), "*" (its own), or a
  list of answers, one after the other, the last one again and again,
- `faults`: words of `python -m tools.modem --fault`; `modem`: options of tools.modem.engine.Modem (`pin` …),
- `settings`: those of a link that are not the usual ones (prepare.py, link()),
- `then`: [[seconds after it is online, a control line of tools/modem/control.py], …],
- `expect`: what is right. `online`: whether, `within` so many seconds (120); `reason`: words of the last one; `lost`:
  noticed within so many seconds after the last line of `then`; `time`: whether the network's time is believed, or
  the UTC seconds; `ran`: lines that were run; `sent`: beginnings of commands that the modem got, `never`: those it did
  not; `pins`, `boots`: how often a PIN was entered, the modem started, at most; else a key of the link's status.
"""

import asyncio
import json
from pathlib import Path

import pytest

from firmware.core.clock import Clock
from tests.host.support.virtual_modem import World, run_virtual
from tools.modem.control import control
from tools.modem.faults import Faults

FILES = sorted((Path(__file__).resolve().parents[4] / "corpus" / "at").glob("*.json"))


class Rtc:
    def get(self):
        return 0

    def set(self, utc):
        """Nothing runs here."""


def test_there_are_some():
    assert FILES


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_dialogue(path):
    case = json.loads(path.read_text())
    assert case["source"] and case["about"]
    expect = dict(case["expect"])
    within, lost = expect.pop("within", 120), expect.pop("lost", None)
    commands = []

    async def main():
        world = World(
            faults=Faults.parse(case.get("faults", ())),
            settings={"model": "auto", **case.get("settings", {})},
            script=case.get("script", {}),
            log=lambda *words: commands.append(words[-1]) if "<" in words else None,
            **case.get("modem", {}),
        )
        if expect.pop("online", True):
            await world.online(within)
        else:
            await asyncio.sleep(within)
            assert not world.link.is_up()
        begun = 0
        for seconds, line in case.get("then", ()):
            await asyncio.sleep(seconds - begun)
            begun = seconds
            assert control(world.modem, line) == "ok"
        if lost:
            await world.until(lambda: not world.link.is_up(), lost)
            expect.setdefault("last_reason", expect.pop("reason", "no carrier"))
        await asyncio.sleep(20 if case.get("then") else 1)
        return world, world.link.status()

    world, status = run_virtual(main)
    time, ran = expect.pop("time", None), expect.pop("ran", None)
    if time is not None:
        believed = [utc for utc in world.times if Clock(Rtc(), "").set(utc)]
        assert (believed == [time]) if time > 1 else (bool(believed) == time)
    if ran is not None:
        assert [line for line, _ in world.ran] == ran
    for beginning in expect.pop("sent", ()):
        assert any(command.startswith(beginning) for command in commands), commands
    for beginning in expect.pop("never", ()):
        assert not any(command.startswith(beginning) for command in commands), commands
    assert world.modem.sim.pin_attempts <= expect.pop("pins", 1)
    assert world.modem.boots <= expect.pop("boots", 99)
    assert expect.pop("reason", "") in status["last_reason"]
    assert {key: status[key] for key in expect} == expect
