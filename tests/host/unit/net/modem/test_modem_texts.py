"""Texts in lines to the modem: what stands between quotes ends nothing, and a command that waits for more text is
taken back."""

import asyncio

import pytest

from tests.host.support.virtual_modem import World, run_virtual

# Settings took it, and it switched the radio off.
_EVIL = 'u";+CFUN=0;+X="'


def test_a_user_of_the_access_point_is_no_further_command():
    async def main():
        world = World("ec25", settings={"user": _EVIL, "password": 'p"', "auth": "chap"})
        await world.online(90)
        assert world.modem.radio == 1 and "+QICSGP" not in world.modem.settings
        assert any("PPP" in line for line in world.log)
        return world

    run_virtual(main)


def test_a_user_without_quotes_goes_to_the_modem_whatever_else_is_in_it():
    async def main():
        world = World("ec25", settings={"user": "a;b,c", "password": "p\\{apn}", "auth": "chap"})
        await world.online(90)
        assert world.modem.radio == 1 and '"a;b,c"' in world.modem.settings["+QICSGP"]

    run_virtual(main)


@pytest.mark.parametrize(
    "settings, reason", [({"apn": _EVIL}, "APN"), ({"pin": '1234";+CFUN=0;+X="'}, "PIN"), ({"pin": "12 34"}, "PIN")]
)
def test_an_apn_or_a_pin_that_no_modem_takes_is_told_and_not_sent(settings, reason):
    async def main():
        world = World("ec25", settings=dict(settings), pin="1234")
        if "pin" not in settings:
            world.modem.sim.locked, world.modem.sim.pin = False, ""
        await world.until(lambda: world.link.state == "blocked", 90)
        assert reason in world.link.status()["problem"]
        assert world.modem.radio == 1 and world.modem.sim.pin_attempts == 0

    run_virtual(main)


@pytest.mark.parametrize("cmux", [True, False])
@pytest.mark.parametrize("line", ["AT+CMGS=20", "AT+CMGW"])
def test_a_command_that_waits_for_a_text_costs_neither_the_channel_nor_the_call(line, cmux):
    """It held the channel up for 20 s, then the multiplexer counted as dead and the call was dialled again."""

    async def main():
        world = World("ec25", settings={"cmux": cmux})
        await world.online(90)
        before = world.modem.dials
        (answer,) = await world.link.command(line, 20000)
        assert "waits for a text" in answer
        assert (await world.link.command("AT+CSQ", 5000))[-1] == "OK"
        assert world.link.is_up() and world.modem.dials == before and world.link.ladder.failures == 0
        assert world.modem.sim.sent == []

    run_virtual(main)


@pytest.mark.parametrize("host", ["8.8.8.8:dns", "2001:db8::1", "8.8.8.8:70000"])
def test_a_host_nobody_can_ask_costs_the_question_only(host):
    """Stored by a version that took it: the link service must not die a second after each dial."""

    async def main():
        world = World("ec25", settings={"keep_online_host": host, "keep_online_period": 60})
        await world.online(90)
        before = world.modem.dials
        await world.until(lambda: any("ping_host" in line for line in world.log), 10)
        await asyncio.sleep(600)
        assert world.link.is_up() and world.modem.dials == before

    run_virtual(main)
