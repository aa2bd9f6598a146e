"""Where nothing else is to be sent, pings keep the connection: a broker ends one that is silent for long."""

import pytest

from tests.pico.conftest import healthy, slow_turns

_KEEPALIVE_S = 30
_QUIET_S = 600


@pytest.mark.parametrize("cmux", (True, False), ids=("cmux", "no cmux"))
def test_ten_quiet_minutes_with_home_assistant(online, figures, cmux):
    """Once pings were not seen at the broker any more after 345 s, with the announcements of Home Assistant on."""
    values = {"ha.enabled": True, "mqtt.keepalive": _KEEPALIVE_S, "meter.0.interval": 0}
    rig = online(cmux, values=values, full=True)  # the base version has no Home Assistant
    rig.board.until(
        lambda: any(topic.startswith("homeassistant/") for _, topic, _ in rig.listener.messages),
        120,
        "an announcement",
    )
    rig.board.sleep(60)
    steady = rig.board.now
    rig.board.sleep(_QUIET_S)
    # A broker that misses a ping for one and a half of the keep-alive says the will in the device's name.
    assert [state["STATE"] for state in rig.states()] == ["online"]
    assert rig.modem.state()["dials"] == 1
    figures("slow_turns", slow_turns(rig, steady))
    assert "OK" in rig.at("AT^MTXTUNNEL=GETSTATUS")
    healthy(rig)
