"""An hour of what the small class promises (docs/boards.md), in the heap of whatever image is given: the stock one of
RPI_PICO_W has 192,384 bytes. One meter with all that the application note reads, and the longest answers meanwhile.
"""

import collections

import pytest

from tests.pico.conftest import ONLINE_S, overrun, told_turn

_MINUTES = 60
# Each of them every ten minutes: an answer every two and a half.
_ASKED = ("GETSTATUS", "HELP", "GETCONFIG", "DOCTOR")
_PAUSE_S = 150
_ANSWER_S = 90
# What a reading may be late, beside an answer.
_LATE_S = 120
_VALUES = {
    "meter.0.closing": True,
    "meter.0.closing_days": 31,
    "meter.0.curve": 15,
    "meter.0.curve_days": 2,
    "mqtt.commands": "view,meter,setup",
}


# Whoever makes room beside a session, for the multiplexer and for a minute of closings (docs/development.md says how
# much), takes the marks away.
_CMUX = pytest.mark.xfail(strict=True, reason="5,000 bytes are missing: docs/development.md")
_CLOSINGS = pytest.mark.xfail(strict=True, reason="8,900 bytes are missing for closings: docs/development.md")


@pytest.mark.parametrize(
    "cmux", [pytest.param(True, id="cmux", marks=_CMUX), pytest.param(False, id="no_cmux", marks=_CLOSINGS)]
)
def test_an_hour_with_everything(bench, figures, cmux):
    """No MemoryError, every reading that was due is delivered, every question is answered."""
    rig = bench(modem=["--running"], meter=["--daily"], values={"uplink.cmux": cmux, **_VALUES})
    board = rig.board
    board.on()
    rig.online(2 * ONLINE_S)
    start = board.now
    peaks = []
    for number in range(_MINUTES * 60 // _PAUSE_S):
        board.until(lambda until=start + number * _PAUSE_S: board.now >= until, _PAUSE_S + _ANSWER_S, "its time")
        answer = rig.at("AT^MTXTUNNEL=" + _ASKED[number % len(_ASKED)], _ANSWER_S)
        assert answer.endswith("OK\r\n"), answer
        if answer.startswith("AT^MTXTUNNEL=GETSTATUS") or "peak" in answer:
            peaks.append(answer.partition("peak")[2][:20].strip(": \r\n").split()[0])
    board.sleep(_LATE_S)
    records = rig.records()
    kinds = collections.Counter(record["TYPE"] for record in records)
    instants = sorted(record["TS"][:16] for record in records if record["TYPE"] == "IEC102")
    figures("records", dict(kinds))
    figures("peaks", peaks)
    figures("turn_ms", told_turn(rig))
    figures("overrun", overrun(rig))
    assert not board.said("MemoryError|not enough memory|RuntimeError|Traceback|starts again"), board.trouble()
    assert len(instants) == len(set(instants)) >= _MINUTES - 1, instants
    days = {item["DEND"] for record in records for item in record.get("CTAVM2", ())}
    # Two days of curve, hour by hour.
    assert len(days) >= 31 and kinds["IEC102_LC"] >= 47, (kinds, len(days))
