"""The PIN is never tried twice when wrong, also across restarts and power cuts."""

import asyncio

import pytest

from firmware.net.modem.setup import KEY
from tests.host.support.virtual_modem import Store, World, run_virtual


def _run(pin, store, settings_pin, faults=None, seconds=300, wanted="blocked"):
    """One power-up with this store; (PIN attempts, reason)."""

    async def main():
        world = World("sim7600", faults or {}, {"pin": settings_pin}, pin=pin, store=store)
        if wanted == "online":
            await world.online(60)
        else:
            await world.until(lambda: world.link.state == "blocked", 60)
            await asyncio.sleep(seconds)
        return world.modem.sim.pin_attempts, world.link.status()["last_reason"], world.modem.boots

    return run_virtual(main)


def test_a_wrong_pin_is_tried_once_and_never_again():
    store = Store()
    attempts, reason, boots = _run("1234", store, "9999")
    assert attempts == 1
    assert reason == "the PIN was refused before; it is not tried again"
    assert boots == 1
    assert "9999" not in str(store)
    attempts, reason, _ = _run("1234", store, "9999", {"no-pinr": 1})
    assert attempts == 0
    attempts, _, _ = _run("1234", store, "1234", wanted="online")
    assert attempts == 1
    assert not store.get(KEY)


def test_without_a_pin_set_none_is_tried():
    attempts, reason, _ = _run("1234", Store(), "")
    assert attempts == 0
    assert reason == "the SIM wants a PIN and none is set"


def test_a_puk_is_reported():
    attempts, reason, boots = _run("1234", Store(), "1234", {"puk": 1})
    assert attempts == 0
    assert reason == "the SIM is blocked and wants its PUK"
    assert boots == 1


@pytest.mark.parametrize(("faults", "wanted", "attempts"), [({}, "online", 1), ({"no-pinr": 1}, "blocked", 0)])
def test_a_power_cut_while_the_pin_was_tried(faults, wanted, attempts):
    """Whether it was right is not known: it is tried again only if the SIM says that all tries are
    left.
    """
    store = Store()
    _run("1234", store, "9999")
    mark = store.get(KEY)
    assert mark
    right = Store()
    # The mark that "1234" leaves while it is being tried.
    from firmware.net.modem.setup import _digest

    right.set(KEY, _digest("1234"))
    done, _, _ = _run("1234", right, "1234", faults, wanted=wanted, seconds=10)
    assert done == attempts


def test_no_sim_is_not_a_reason_to_restart_the_board():
    async def main():
        world = World("ec25", {"no-sim": 1}, {"timing": {"backoff_max": 3000, "turn": 200}})
        await world.until(lambda: world.link.ladder.failures >= 8, 3000)
        assert world.link.status()["last_reason"] == "no SIM card"
        assert not world.reboots
        assert world.link.ladder.counts[4] >= 1  # a power cycle can help a card with a bad contact
        world.modem.faults.set("no-sim", "off")
        await world.online(120)

    run_virtual(main)
