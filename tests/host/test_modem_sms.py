"""Commands by SMS: who may, what they mean, what is answered."""

import asyncio

import pytest

from firmware.modem import sms
from tests.host.modem_world import World, run_virtual

_ME, _OTHER = "+34600123456", "+34699999999"


def _exchange(setting, number, text, cmux=True, when="online"):
    """Send one message to a board; (what ran, what was sent back, the world)."""

    async def main():
        world = World("ec25", settings={"sms": setting, "cmux": cmux})
        if when == "before":
            world.modem.start()
            world.modem.sms(number, text)
        await world.online(60)
        if when == "online":
            world.modem.sms(number, text)
            await asyncio.sleep(20)
        return world.ran, world.modem.sim.sent, world

    return run_virtual(main)


_ON = {"enabled": True, "numbers": ["600 123 456"], "reply": True}


@pytest.mark.parametrize("when", ["online", "before"])
def test_a_command_runs_and_is_answered(when):
    ran, sent, world = _exchange(_ON, _ME, "mtx at+csq", when=when)
    assert ran == [("at+csq", "sms")]
    assert sent == [(_ME, "at+csq  OK")]
    assert world.modem.sim.inbox == {}
    assert world.link.is_up()


def test_off_by_default():
    ran, sent, _ = _exchange({}, _ME, "mtx at+csq")
    assert ran == [] and sent == []


def test_a_stranger_is_refused_and_gets_no_answer():
    ran, sent, world = _exchange(_ON, _OTHER, "mtx at+csq")
    assert ran == [] and sent == []
    assert world.link.sms.refused == 1
    assert world.modem.sim.inbox == {}


def test_all_phones_may_if_that_is_wanted():
    ran, _, _ = _exchange(dict(_ON, all_phones=True), _OTHER, "MTX AT+CSQ")
    assert ran == [("AT+CSQ", "sms")]


def test_an_alias_stands_for_a_line():
    setting = dict(_ON, alias={"READ": "AT^MTXTUNNEL=SETIEC102,ID00000"}, reply=False)
    ran, sent, _ = _exchange(setting, _ME, " read ")
    assert ran == [("AT^MTXTUNNEL=SETIEC102,ID00000", "sms")]
    assert sent == []


def test_status_on_demand():
    _, sent, _ = _exchange(dict(_ON, reply=False), _ME, "mtx status")
    ((number, text),) = sent
    assert number == _ME
    for word in ("860000000000001", "LOOPBACK TELECOM", "4G", "-75 dBm", "10.0.2.15"):
        assert word in text


@pytest.mark.parametrize("text", ["hello", "mtx", "mtx rm -rf", "", "MTXat+csq", "at+csq"])
def test_other_texts_are_not_for_us(text):
    ran, sent, world = _exchange(_ON, _ME, text)
    assert ran == [] and sent == []
    assert world.modem.sim.inbox == {}


@pytest.mark.parametrize(
    "trap", ["OK", "ERROR", "+CMS ERROR: 500", "a\nOK\nb", "x\nERROR\ny", "+CMGL: 9", "OK\nOK\nOK"]
)
@pytest.mark.parametrize("cmux", [True, False])
def test_a_stranger_s_text_that_looks_like_an_answer_blocks_nothing(trap, cmux):
    async def main():
        world = World("ec25", settings={"sms": _ON, "cmux": cmux})
        world.modem.start()
        for number, text in ((_OTHER, trap), (_OTHER, trap), (_ME, "mtx at+csq"), (_OTHER, trap)):
            world.modem.sms(number, text)
        await world.online(90)
        assert world.ran == [("at+csq", "sms")]
        assert world.modem.sim.inbox == {}
        assert world.link.ladder.failures == 0

    run_virtual(main)


def test_long_answers_go_in_parts():
    async def main():
        world = World("ec25", settings={"sms": _ON})
        await world.online(60)
        assert await world.link.sms.send(_ME, "x" * 400)
        return [len(text) for _, text in world.modem.sim.sent]

    assert run_virtual(main) == [150, 150, 100]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("+34600123456", "600123456", True),
        ("0034600123456", "+34 600 123 456", True),
        ("+34600123456", "+35600123456", False),
        ("600123456", "600123457", False),
        ("123", "600123123", False),
        ("", "", False),
        ("+", "+34600123456", False),
    ],
)
def test_numbers(one, other, same):
    assert sms.same(one, other) is same


def test_lists_of_messages():
    lines = [
        '+CMGL: 1,"REC UNREAD","+34600",,"26/11/23,19:00:00+04"',
        "mtx at",
        "second line",
        '+CMGL: 7,"REC READ","5",,""',
        "x",
    ]
    assert sms.parse_list(lines) == [[1, "+34600", "mtx at\nsecond line"], [7, "5", "x"]]
    assert sms.parse_list(["noise", "+CMGL: x", "+CMGL:"]) == []
