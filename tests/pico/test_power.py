"""The plug is pulled at any moment: what was read is delivered, and what the broker confirmed does not come back."""

import random
import time

import pytest

from tests.pico.readout import arrived, key, read_log

_METERS = 4
# The loop runs 18 s after the start, and the broker is reached after 24; readings are due at the full minute.
_SHORTEST_S, _LONGEST_S = 20, 95
# When every meter's time is known; and from the full minute until its four records are delivered and noted.
_READY_S, _BUSY_S = 25, 10
_SEED = 7


def _while_it_reads(board, chance):
    """Wait for a moment at which records are made, kept, sent or noted as delivered."""
    board.sleep(_READY_S)
    due = (time.time() // 60 + 1) * 60 + chance.uniform(0, _BUSY_S)
    board.until(lambda: time.time() >= due, 60 + _BUSY_S + 1, "a full minute")


@pytest.mark.parametrize(("cmux", "cuts"), ((False, 20), (True, 10)), ids=("no cmux", "cmux"))
def test_power_cuts(bench, figures, cmux, cuts):
    chance = random.Random(_SEED)
    rig = bench(modem=["--running"], meters=_METERS, values={"uplink.cmux": cmux})
    known, confirmed = {}, set()
    counts = []
    for number in range(cuts):
        since = len(rig.listener.messages)
        rig.board.on()
        if number % 2:
            _while_it_reads(rig.board, chance)
        else:
            rig.board.sleep(chance.uniform(_SHORTEST_S, _LONGEST_S))
        rig.board.cut()
        found = read_log(rig)
        # Every record that was there is there, as it was.
        assert {seq: found[seq][0] for seq in known} == known
        known = {seq: record for seq, (record, _) in found.items()}
        # What the log had as delivered before did not go out again, and stays delivered.
        assert not confirmed & arrived(rig, since)
        done = {key(record) for record, delivered in found.values() if delivered}
        assert confirmed <= done
        confirmed = done
        assert done <= arrived(rig)
        counts.append(len(found))
    figures("records_after_each_cut", counts)
    # A reading that the device told of was in its log by then.
    assert len(known) >= len(rig.board.said("instant read in"))
    rig.board.on()
    rig.online(60, len(rig.listener.messages))
    waiting = {key(record) for record in known.values()}
    rig.board.until(lambda: waiting <= arrived(rig), 120, "all records of before")
    assert len(known) > cuts
