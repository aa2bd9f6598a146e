"""What PPP has for a line, and how a lost carrier is noticed: ten times in a row each, in docs/modems.md's time."""

import asyncio

import pytest

from firmware.core.compat import ticks_ms
from firmware.net.modem import aside
from firmware.net.modem.cmux import Channel
from tests.host.support.virtual_modem import World, run_virtual


@pytest.mark.parametrize("cmux", (True, False))
def test_ppp_has_its_line_itself_and_nothing_calls_it_from_there(cmux):
    """Python in between ran PPP.poll within lwIP's output, which made a ring of its list of segments."""

    async def main():
        world = World(settings={"cmux": cmux})
        handlers = []
        world.link.uart.irq = lambda handler=None, trigger=0: handlers.append(handler)
        await world.online(60)
        line = world.chip.owner.config("stream")
        assert isinstance(line, Channel) if cmux else line is world.link.uart
        if cmux:
            assert not handlers  # a Channel calls nobody
        else:
            assert handlers[-1] is None and len(handlers) > 1

    run_virtual(main)


@pytest.mark.parametrize("cmux", (True, False))
def test_while_the_modem_is_talked_to_ppp_has_a_line_that_leads_nowhere(cmux):
    """Without any it takes its own for broken, which ends the connection of whoever sends meanwhile."""

    async def main():
        world = World(settings={"cmux": cmux})
        await world.online(60)
        session = world.link.session
        aside.suspend(session, True)
        assert session.ppp.output(b"~a frame~")
        aside.suspend(session, False)
        assert session.ppp.output(b"~a frame~") and world.link.is_up()

    run_virtual(main)


@pytest.mark.parametrize("cmux", (True, False))
def test_what_comes_is_fetched_sooner_while_there_is_traffic(cmux):
    """With 20 ms to each turn of the line it was idle for 50 ms between two windows of records."""

    async def main():
        world = World(settings={"cmux": cmux, "timing": {"turn": 20}})
        await world.online(60)
        link, turns = world.link, []
        poll = link.poll
        link.poll = lambda: (turns.append(1), poll())
        await asyncio.sleep(1)
        turns.clear()
        await asyncio.sleep(1)
        assert len(turns) <= 51
        for _ in range(10):
            turns.clear()
            link.session.last_rx = ticks_ms()
            await asyncio.sleep(0.1)
            assert len(turns) >= 15
        await asyncio.sleep(0.2)
        turns.clear()
        await asyncio.sleep(1)
        assert len(turns) <= 51

    run_virtual(main)


@pytest.mark.parametrize("cut", (1, 3, 4, 20, 100, 130))
def test_a_board_that_lost_its_power_within_a_frame_finds_the_modem_as_it_is(cut):
    """What was sent next was the rest of that frame to the modem; the power key, and a minute, had to help."""

    async def main():
        first = World(settings={"cmux": True})
        await first.online(60)
        first.task.cancel()
        first.modem.take(4096)
        first.modem.receive((b"\xf9\x07\xef\xff" + bytes(range(32, 159)))[:cut])
        second = World(settings={"cmux": True}, off=True)
        second.link.uart.modem = modem = first.modem
        second.link.power_key = modem.power_key
        boots = modem.boots
        assert await second.online(60) < 15
        assert modem.boots == boots and modem.powered

    run_virtual(main)


# Name -> (with CMUX, with DCD wired, what whoever uses the link does, words of the reason, seconds to be back as
# docs/modems.md has them; a probe is due within 60 s).
WAYS = {
    "NO CARRIER": (True, False, "", "no carrier", 10),
    "a complaint on a silent line": (True, False, "complains late", "no traffic", 12),
    "DCD": (False, True, "", "carrier detect", 12),
    "a complaint": (False, False, "complains", "no carrier", 25),
    "silence while an answer is due": (False, False, "asks", "no carrier", 60 + 25),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_lost_carrier_comes_back_ten_times_in_a_row(way):
    cmux, dcd, user, reason, seconds = WAYS[way]

    async def main():
        settings = {"cmux": cmux, "timing": {"turn": 20}}
        if user == "asks":
            settings.update(keep_online_host="192.0.2.1", keep_online_period=60)
        world = World(settings=settings, dcd=dcd)
        if user == "asks":
            world.link.socket = Deaf(world.link.socket)
        await world.online(60)
        for number in range(10):
            if user == "complains late":
                world.modem.faults.set("swallow")  # the modem does not know either
                await asyncio.sleep(31)
            else:
                world.modem.carrier_lost()
            if user.startswith("complains"):
                world.link.suspect()
            took = await world.until(lambda: not world.link.is_up(), seconds)
            assert reason in world.link.status()["last_reason"], number
            world.modem.faults.set("swallow", "off")
            took += await world.until(world.link.is_up, seconds)
            assert took <= seconds, number
            assert world.link.connects == number + 2
            await asyncio.sleep(61)  # `stable`: the next loss is the first one again
        assert world.modem.boots == 1 and not world.reboots

    run_virtual(main)


class Deaf:
    """Sockets whose datagrams are never answered."""

    def __init__(self, real):
        self._real = real

    def __getattr__(self, name):
        return getattr(self._real, name)

    def getaddrinfo(self, host, port):
        return [(2, 2, 0, "", (host, port))]

    def socket(self, *arguments):
        sock = self._real.socket(*arguments)
        sock.sendto = lambda data, address: len(data)
        return sock
