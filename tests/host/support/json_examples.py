"""The examples of docs/json.md, made by the firmware from what the simulated meter says.

`python -m tests.host.support.json_examples` writes them into the document; test_extended.py compares.
"""

import json
import re
from pathlib import Path

from firmware.iec102.errors import NoAnswerError
from firmware.meters import reading, readings
from firmware.meters.meter import Meter
from tests.host.support import memory_meters, virtual_time

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "json.md"
# 2026-10-25, the second 02:00 of the day: local time alone would not tell it from the first.
START = 1792891800
_KINDS = (
    readings.INSTANT,
    readings.CLOSINGS,
    readings.CURVE,
    readings.TARIFF,
    readings.EVENTS,
    readings.IDENTITY,
    readings.CLOCK,
    readings.POWER,
    readings.SETUP,
)
_FENCE = re.compile(r"<!-- example (\w+) (titan|extended) -->\n```json\n(.*?)\n```", re.DOTALL)


async def _read():
    now = virtual_time.asyncio.get_running_loop().utc
    meter = Meter("ID00000", (1, 1, 1), [], True, {"days": 31, "curve_days": 1, "event_days": 2})
    kept = []
    line = memory_meters.line_of(memory_meters.port_of(memory_meters.stations(1, now)), [meter], kept.extend, "both")
    for kind in _KINDS:
        assert await reading.session(line, meter, kind), meter.last_error
    meter.why = NoAnswerError().why()
    meter.missed = 1
    await reading.session(line, meter, readings.ERROR)
    return kept


def records():
    """Every record of every kind, [(kind, dict in the order of its keys)]."""
    kept = virtual_time.run(_read(), START, limit_s=86400)
    return [(kind, json.loads(payload)) for kind, _, payload in kept]


def examples():
    """(TYPE, profile) -> text of the first record of that kind."""
    found = {}
    for kind, record in records():
        profile = "extended" if kind & readings.EXTENDED else "titan"
        found.setdefault((record["TYPE"], profile), _show(record))
    return found


def _show(record):
    """One line a key; long lists cut to their first element, as the text of the document says."""
    lines = []
    for key, value in record.items():
        if isinstance(value, list) and value and isinstance(value[0], dict) and len(value) > 1:
            value = value[:1]
        lines.append("  %s: %s" % (json.dumps(key), json.dumps(value)))
    return "{\n" + ",\n".join(lines) + "\n}"


def in_document(text):
    """(TYPE, profile) -> example as it stands in the document."""
    return {(name, profile): body for name, profile, body in _FENCE.findall(text)}


def main():
    made = examples()

    def put(match):
        name, profile, _ = match.groups()
        return "<!-- example %s %s -->\n```json\n%s\n```" % (name, profile, made[name, profile])

    DOCUMENT.write_text(_FENCE.sub(put, DOCUMENT.read_text()))


if __name__ == "__main__":
    main()
