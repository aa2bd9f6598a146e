"""The network drops the call, ten times, with CMUX and without: the link comes back each time."""

import pytest

from tests.pico.conftest import LOGIN_S, healthy, lost_and_back
from tests.pico.readout import caught_up

# docs/modems.md, "How long a fault lasts": seconds until the link stands. Without CMUX nothing says NO CARRIER.
_NO_CARRIER_S, _SILENCE_S = 10, 150
_LOSSES = 10
# Good service after which the next loss is the first one again (docs/modems.md, `stable`).
_STABLE_S = 62


@pytest.mark.parametrize("cmux", (True, False), ids=("cmux", "no cmux"))
def test_ten_lost_carriers(online, figures, cmux):
    rig = online(cmux)
    limit = (_NO_CARRIER_S if cmux else _SILENCE_S) + LOGIN_S
    back = []
    for _ in range(_LOSSES):
        back.append(lost_and_back(rig, limit, lambda: rig.modem.tell("drop-carrier")))
        rig.board.sleep(_STABLE_S)
    figures("back_s", back)
    assert rig.modem.state()["dials"] == 1 + _LOSSES
    caught_up(rig)
    healthy(rig)
