"""From the plug to the first record, and half an hour's worth of readings."""

import pytest

from tests.pico.conftest import healthy, overrun, slow_turns, told_turn
from tools.pico.board import Board

# A Pico W starts in 13 s, a SIM7600 in 11 s, and they do so one after the other; PPP and MQTT want 10 s.
_ONLINE_S = 60
_RECORD_S = _ONLINE_S + 75
_METERS = 4


@pytest.mark.parametrize("cmux", (True, False), ids=("cmux", "no cmux"))
def test_a_start_with_a_modem_that_is_off(bench, figures, cmux):
    rig = bench(modem=["--off"], values={"uplink.cmux": cmux})
    rig.board.on()
    told = rig.online(_ONLINE_S)
    figures("online_s", round(rig.board.now, 1))
    assert told["UPLINK"] == "modem" and told["IP"] and told["CONNECTS"] == 1, told
    assert rig.modem.state()["mux"] is cmux
    rig.record(_RECORD_S)
    figures("first_record_s", round(rig.board.now, 1))
    assert rig.modem.state()["dials"] == 1
    figures("turn_ms", told_turn(rig))
    healthy(rig)


def test_two_starts_without_the_outside_are_the_same(tmp_path, image):
    """Of itself the emulator does the same again, instruction by instruction."""
    ends = []
    board = Board(tmp_path, image, "--speed", 0, "--seconds", 12)
    board.deploy({})
    content = board.flash.read_bytes()
    for _ in range(2):
        board = Board(tmp_path, image, "--speed", 0, "--seconds", 12)
        board.flash.write_bytes(content)
        board.on().until(lambda board=board: board.process.poll() is not None, 30, "the end")
        ends.append((board.lines, board.counted))
    assert ends[0] == ends[1] and ends[0][0] and ends[0][1]["flash"]


def test_thirty_readings(bench, figures):
    """Of four meters, one a minute each."""
    rig = bench(modem=["--running"], meters=_METERS)
    rig.board.on()
    rig.online(_ONLINE_S)
    steady = rig.board.now + 60
    rig.record(_RECORD_S + 60 * 30 / _METERS, 30)
    records = rig.records()
    for index in range(_METERS):
        times = [record["TS"] for record in records if record["ID"] == "ID%05d" % index]
        assert len(times) >= 30 // _METERS - 1 and len(set(times)) == len(times), times
    slow = slow_turns(rig, steady)
    figures("slow_turns", slow)
    figures("slow_with_flash", slow_turns(rig, steady, flash=True))
    figures("turn_ms", told_turn(rig))
    figures("overrun", overrun(rig))
    healthy(rig)
    assert not slow
