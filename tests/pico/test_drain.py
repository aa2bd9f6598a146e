"""A backlog goes out as fast as the line to the modem lets it."""

import json
import re
from pathlib import Path

import pytest

from firmware.meters import readings
from firmware.recordlog.ring import Ring
from tests.pico.conftest import healthy, overrun, slow_turns, told_turn
from tests.pico.readout import arrived, read_log
from tools.pico.rig import IDENT

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "json.md"
_RECORDS = 300
# 115200 baud, 10 bits a byte.
_LINE_BYTES_S = 11520
# At least 0.7 are promised; what carries less than this has become slower.
_SHARE = 0.75
_SEGMENT = 16384
# Settings of the log on a Pico W: as many segments as its flash has room for (firmware/app/build.py).
_SEGMENTS = 18


# A reading as docs/json.md shows it.
_EXAMPLE = re.search(r"<!-- example IEC102 titan -->\n```json\n(.*?)\n```", DOCUMENT.read_text(), re.DOTALL).group(1)


def record(number):
    """The reading of a minute, in as many bytes as the firmware makes of it and its number."""
    row = dict(json.loads(_EXAMPLE), IMEI=IDENT, ID="ID00000", N=number)
    row["TS"] = "2026-11-28T%02d:%02d:00Z" % divmod(number, 60)
    return json.dumps(row, separators=(",", ":")).encode()


def fill(folder):
    """A log in which all of them wait."""
    ring = Ring(str(folder) + "/log", _SEGMENT, _SEGMENTS)
    ring.mount()
    for number in range(_RECORDS):
        ring.append(readings.INSTANT, 1795824000 + 60 * number, record(number))


@pytest.mark.parametrize("cmux", (True, False), ids=("cmux", "no cmux"))
def test_three_hundred_records(bench, figures, cmux):
    # No reading comes in between: this is about the way out.
    values = {"uplink.cmux": cmux, "meter.0.interval": 0}
    rig = bench(modem=["--running"], values=values, records=fill)
    rig.board.on()
    rig.online(60)
    # What a login loads and lets go takes a turn of its own.
    steady = rig.board.now + 0.5
    rig.record(600, _RECORDS)
    rig.board.sleep(3)
    times = [at for at, topic, _ in rig.listener.messages if topic == rig.topic("LOGGER")]
    first, last = times[0], times[-1]
    before = [sent for at, sent, _ in rig.board.history if at <= first][-1]
    sent = [sent for at, sent, _ in rig.board.history if at >= last][0] - before
    seconds = last - first
    figures("records_s", round(len(times) / seconds, 2))
    figures("bytes_a_record", round(sent / len(times)))
    figures("share_of_the_line", round(sent / seconds / _LINE_BYTES_S, 2))
    slow = slow_turns(rig, steady)
    figures("slow_turns", slow)
    figures("slow_with_flash", slow_turns(rig, steady, flash=True))
    figures("turn_ms", told_turn(rig))
    figures("overrun", overrun(rig))
    assert arrived(rig) == {("ID00000", json.loads(record(n))["TS"], n) for n in range(_RECORDS)}
    healthy(rig)
    rig.board.sleep(20)
    assert all(done for _, done in read_log(rig).values())
    # What is lost while the chip writes to its flash comes again after a time-out of TCP.
    assert not overrun(rig)
    assert sent / seconds >= _SHARE * _LINE_BYTES_S
    assert not slow
