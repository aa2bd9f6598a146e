"""WiFi and Ethernet: attempts that end, pauses that grow, a link made anew when nothing gets through."""

import asyncio

import pytest

from firmware.core import compat
from firmware.net import ethernet
from firmware.net import link as netlink
from tests.host.support import virtual_time
from tests.host.support.fake_machine import Chip


@pytest.fixture
def chip(monkeypatch):
    # Not installed: netlink is handed its modules.
    monkeypatch.setattr(netlink.random, "getrandbits", lambda bits: 0)
    return Chip("esp32", lan=True)


def spent(link, ms, *steps):
    """Run the link for `ms`; `steps` are (at ms, function)."""

    async def main():
        loop = asyncio.get_running_loop()
        for at, step in steps:
            loop.call_later(at / 1000, step)
        task = asyncio.ensure_future(link.run())
        await compat.sleep_ms(ms)
        task.cancel()

    virtual_time.run(main())


def wifi(chip, ssid="home"):
    return netlink.WifiLink(chip.network, object(), ssid, "key")


def test_connects_without_power_saving_and_without_quarrel(chip):
    link = wifi(chip)
    spent(link, 5000, (2500, lambda: setattr(chip.wlan, "connected", True)))
    assert link.is_up() and link.connects == 1
    assert chip.wlan.calls == [{"pm": 0}, {"reconnects": 0}, ("home", "key")]
    assert link.status()["ip"] == "10.0.0.7"
    assert link.status()["state"] == "online"


def test_attempts_end_and_pauses_grow_to_five_minutes(chip):
    link = wifi(chip)
    begun = []
    original = link._begin
    link._begin = lambda: (begun.append(compat.ticks_ms()), original())
    spent(link, 3600 * 1000)
    gaps = [b - a for a, b in zip(begun, begun[1:])]
    assert gaps[0] == pytest.approx(22000, abs=1100)
    assert gaps[1] == pytest.approx(24000, abs=1100)
    assert max(gaps) == pytest.approx(320000, abs=1100)
    assert gaps == sorted(gaps)
    assert "disconnect" in chip.wlan.calls


@pytest.mark.parametrize(("code", "words"), [(-3, "key of the WiFi"), (-2, "no WiFi of that name")])
def test_the_reason_is_told_in_words(chip, code, words):
    link = wifi(chip)
    spent(link, 21500, (100, lambda: setattr(chip.wlan, "code", code)))
    assert words in link.status()["problem"]


def test_a_lost_connection_is_made_again(chip):
    link = wifi(chip)
    told = {}
    spent(
        link,
        30000,
        (500, lambda: setattr(chip.wlan, "connected", True)),
        (5000, lambda: setattr(chip.wlan, "connected", False)),
        (9000, lambda: setattr(chip.wlan, "connected", True)),
        (29000, lambda: told.update(link.status())),
    )
    assert link.connects == 2
    # The reason outlives the trouble: it is told when somebody can hear it.
    assert told["problem"] == "" and told["last_reason"] == "connection lost"
    assert 17 <= told["uptime"] <= 21 and told["signal"] == -61


def test_complaints_make_it_anew_but_not_more_often_than_once_a_minute(chip):
    link = wifi(chip)

    def complain():
        for _ in range(3):
            link.suspect()

    calls = []
    spent(
        link,
        70000,
        (500, lambda: setattr(chip.wlan, "connected", True)),
        (5000, complain),
        (30000, lambda: calls.append("disconnect" in chip.wlan.calls)),
    )
    assert calls == [False]
    assert "disconnect" in chip.wlan.calls


def test_no_name_is_told_and_does_not_spin(chip):
    link = wifi(chip, "")
    spent(link, 1000)
    assert "uplink.ssid" in link.status()["problem"]
    assert link.status()["state"] == "waiting"


def test_ethernet_with_a_named_phy(chip, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "machine", chip.machine)
    link = ethernet.EthLink(chip.network, object(), {"mdc": 23, "mdio": 18, "phy_type": "lan8720", "phy_addr": 1})
    spent(link, 3000, (500, lambda: setattr(chip.lans[0], "connected", True)))
    assert link.is_up()
    options = chip.lans[0].options
    assert options["mdc"].number == 23 and options["phy_type"] == 7 and options["phy_addr"] == 1


def test_waiting_for_a_link_that_does_not_come_ends(chip):
    link = wifi(chip)

    async def main():
        return await link.up(3000), compat.ticks_ms()

    good, at = virtual_time.run(main())
    assert not good and 3000 <= at < 3200
