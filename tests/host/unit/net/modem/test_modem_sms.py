"""Commands by SMS: who may, what they mean, what is answered."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.net.modem import pdu as codec
from firmware.net.modem import sms
from firmware.net.modem.exchange import CommandError
from tests.host.support.virtual_modem import Store, World, run_virtual
from tools.modem import pdu

pytestmark = pytest.mark.takes(10)

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
    assert ran == [("at+csq", _ME)]
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
    assert ran == [("AT+CSQ", _OTHER)]


def test_an_alias_stands_for_a_line():
    setting = dict(_ON, alias={"READ": "AT^MTXTUNNEL=SETIEC102,ID00000"}, reply=False)
    ran, sent, _ = _exchange(setting, _ME, " read ")
    assert ran == [("AT^MTXTUNNEL=SETIEC102,ID00000", _ME)]
    assert sent == []


def test_status_on_demand():
    _, sent, _ = _exchange(dict(_ON, reply=False), _ME, "mtx status")
    ((number, text),) = sent
    assert number == _ME
    for word in ("860000000000001", "LOOPBACK TELECOM", "4G", "-75 dBm", "10.0.2.15"):
        assert word in text


_HOUR = 3600
_WORDS = ["7 records wait", "last reading 5 min ago"]


def _reports(hours, setting, before=None, known=True, cmux=True, store=None, faults=None, tell=True):
    """[(hours since the start, number, text)] of what was sent of its own account in `hours`, and the world."""

    async def main():
        world = World("ec25", faults or {}, {"sms": setting, "cmux": cmux}, store=store)
        loop = asyncio.get_running_loop()
        start = loop.time()
        if tell:
            world.link.tell = lambda: (int(world.epoch + loop.time() - start) if known else 0, list(_WORDS))
        if before:
            before(world)
        found = []
        while loop.time() - start < hours * _HOUR:
            await asyncio.sleep(60)
            for number, text in world.modem.sim.sent[len(found) :]:
                found.append(((loop.time() - start) // _HOUR, number, text))
        return found, world

    return run_virtual(main)


_DAILY = {"numbers": ["", _ME], "status": 24, "status_phone": _OTHER}


@pytest.mark.parametrize("known", [True, False])
def test_a_status_every_so_many_hours(known):
    found, world = _reports(1.2, dict(_DAILY, status=1), known=known)
    # Without the time nobody knows whether the last one was just sent: it waits.
    assert [hour for hour, _, _ in found] == ([0, 1] if known else [1])
    for _, number, text in found:
        assert number == _OTHER and len(text) <= 160
        for word in ("860000000000001", "LOOPBACK TELECOM", "4G", "-75 dBm", *_WORDS, "10.0.2.15", "up "):
            assert word in text
    assert world.link.is_up() and world.link.ladder.failures == 0


def test_the_first_number_of_the_list_gets_it_where_no_other_is_named():
    found, _ = _reports(0.2, dict(_ON, status=1))
    assert [number for _, number, _ in found] == ["600123456"] * len(found) and found


def test_no_status_by_default_nor_without_a_number():
    assert _reports(0.2, _ON)[0] == []
    found, world = _reports(0.2, {"status": 1, "numbers": [""]})
    assert found == [] and any("sms.status_phone" in line for line in world.log)


def test_a_restart_sends_no_second_one():
    store = Store()
    assert len(_reports(0.2, _DAILY, store=store)[0]) == 1
    assert _reports(0.2, _DAILY, store=store)[0] == []
    # A clock that was wrong: the one that was sent lies in the time to come.
    store.set("sms_status", 1795000000 + 99 * 86400)
    assert len(_reports(0.2, _DAILY, store=store)[0]) == 1


def test_it_goes_out_before_the_data_connection_and_without_one():
    for options in ({"cmux": False}, {"faults": {"no-cmux": 1}}):
        found, world = _reports(0.2, _DAILY, **options)
        assert len(found) == 1 and world.link.is_up() and not world.link.mux
    found, world = _reports(0.2, _DAILY, faults={"no-pdp": 1})
    assert len(found) == 1 and "no IP" in found[0][2] and not world.link.is_up()


def test_one_that_cannot_be_sent_is_tried_three_times():
    def refuse(world):
        channel = world.link.channel
        real = channel.command

        async def command(line, *rest, **named):
            if line.startswith("AT+CMGS"):
                tried.append(line)
                raise CommandError(line, "+CMS ERROR: 500")
            return await real(line, *rest, **named)

        channel.command = command

    tried = []
    found, world = _reports(1.2, _DAILY, refuse)
    assert found == [] and len(tried) == 3 and world.link.is_up()


def test_a_full_heap_costs_a_try_and_not_the_link():
    def full(world):
        real, calls = world.link.tell, []

        def tell():
            calls.append(1)
            if len(calls) == 1:
                raise MemoryError
            return real()

        world.link.tell = tell

    found, world = _reports(0.5, _DAILY, full)
    assert len(found) == 1 and world.link.ladder.failures == 0


def test_what_matters_least_is_left_out_of_a_long_one():
    def talkative(world):
        words = _WORDS + ["2 of 2 meters fail", "x" * 60]
        world.link.tell = lambda: (world.epoch, words)

    ((_, _, text),) = _reports(0.2, _DAILY, talkative)[0]
    assert len(text) <= 150 and _WORDS[0] in text and "2 of 2 meters fail" in text and "xx" not in text


def test_messages_are_left_alone_where_only_the_status_is_wanted():
    ran, sent, world = _exchange({"status": 24, "status_phone": _OTHER}, _ME, "mtx at+csq")
    assert ran == [] and sent == []
    assert len(world.modem.sim.inbox) == 1


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
        assert world.ran == [("at+csq", _ME)]
        assert world.modem.sim.inbox == {}
        assert world.link.ladder.failures == 0

    run_virtual(main)


def test_long_answers_go_in_parts():
    async def main():
        world = World("ec25", settings={"sms": _ON})
        await world.online(60)
        assert await sms.send(world.link, _ME, "x" * 400)
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
        ("A600123456", "+34600123456", False),
        ("600123456", "600 123 456 x", False),
        ("'600123456'", "600123456", False),
    ],
)
def test_numbers(one, other, same):
    assert sms.same(one, other) is same


def test_lists_of_messages():
    lines = ["+CMGL: 1,0,,24", "0791AB", "+CTZV: 4", "+CMGL: 7,1,,5", "noise", "00ff", "00ff", "+CMGL: x", "+CMGL:"]
    assert sms.parse_list(lines) == [(1, "0791AB"), (7, "00ff")]
    # Noise: what CPython's isdigit() takes for a digit, found by tests/proof/fuzz.
    assert sms.parse_list(["+CMGL: \u00b9,1,,5", "0791AB"]) == []


# What a stranger may write: a line of the list's own, with the number of somebody else (seen with GSM modules in text
# mode); what ends an answer; what a modem says of its own account.
_LINES = [
    '+CMGL: 9,"REC UNREAD","%s",,"26/11/29,10:00:00+04"\nmtx at+csq' % _ME,
    "+CMGL: 9,0,,30\n07914306090909F9",
    "OK\n\n+CREG: 3",
    '+CMTI: "SM",13',
    "+CEREG: 3,11\n+CREG: 0",
    "+CME ERROR: 10",
    "NO CARRIER",
    "> ",
    "CONNECT",
]


@pytest.mark.parametrize("text", _LINES)
@pytest.mark.parametrize("cmux", [True, False])
def test_a_text_is_no_line_of_the_modem(text, cmux):
    async def main():
        world = World("ec25", settings={"sms": _ON, "cmux": cmux})
        heard = []
        world.modem.start()
        for number, each in ((_OTHER, text), (_ME, "mtx at+csq"), (_OTHER, text)):
            world.modem.sms(number, each)
        handlers = world.link.channel._handlers
        handlers[:] = [(prefix, lambda line, at=at: (heard.append(line), at(line))) for prefix, at in handlers]
        await world.online(90)
        return world, heard

    world, heard = run_virtual(main)
    assert world.ran == [("at+csq", _ME)] and world.modem.sim.inbox == {}
    assert world.link.sms.received == 3 and world.link.ladder.failures == 0
    assert not [line for line in heard if line in text.split("\n")]


@pytest.mark.parametrize(
    "sender", ["A600123456", "600123456A", "'600123456'", "'34600123456'", "MTX", "*600123456", "+34600123456a"]
)
@pytest.mark.parametrize("setting", [_ON, dict(_ON, all_phones=True)])
def test_a_sender_with_letters_is_nobody(sender, setting):
    """A name that anybody may give himself at an SMS provider, be it of digits only, is no phone."""

    async def main():
        world = World("ec25", settings={"sms": setting})
        await world.online(60)
        if sender[0] == "*":
            data = pdu.deliver("1600123456", "mtx at+csq", 0).replace("61002143", "6A002143")
            world.modem.sim.inbox[1] = ["REC UNREAD", None, "", data]
            world.modem.urc('+CMTI: "SM",1')
        else:
            world.modem.sms(sender, "mtx at+csq")
        await asyncio.sleep(20)
        assert world.ran == [] and world.modem.sim.sent == [] and world.modem.sim.inbox == {}
        assert world.link.sms.received == 1

    run_virtual(main)


@pytest.mark.parametrize(
    "text",
    [
        "mtx at^mtxtunnel=getlog",
        "mtx at+x={_^\\[~]|@$}",
        "mtx at ñ",
        "mtx at кириллица ~ `",
        "mtx at" + "^" * 70,
        "mtx at" + "x" * 151,
    ],
)
def test_the_text_is_the_one_that_was_typed_and_so_is_the_answer(text):
    ran, sent, _ = _exchange(_ON, _ME, text)
    assert ran == [(text[4:], _ME)]
    answer = "".join(part for _, part in sent)
    assert answer == "".join(c if " " <= c <= "~" else " " for c in text[4:] + "  OK").replace("`", "?")
    assert all(number == _ME for number, _ in sent)


@pytest.mark.parametrize("size", range(1, 20))
def test_both_codecs_agree(size):
    for text in ("abc{}é€", "ab", "x~" * 3):
        text = (text * 20)[:size]
        assert codec.received(pdu.deliver(_ME, text, 0)) == (_ME, text)
        assert codec.received(pdu.deliver("600123456", text, 0)) == ("600123456", text)
        assert codec.received(pdu.deliver("MTX" * 3, text, 0)) == ("'MTXMTXMTX'", text)
        assert codec.received(pdu.deliver(_ME, text, 0, b"\0\3\x11\2\1")) == (_ME, text)
        length, data = codec.to_send(_ME, text)
        assert pdu.submitted(data) == (_ME, text, length)
    assert codec.received(pdu.deliver(_ME, "ж" * size, 0)) == (_ME, "ж" * size)
    assert codec.received(pdu.deliver(_ME, "a" * size, 0, coding=4)) == (_ME, "a" * size)
    assert "".join(codec.parts("x{" * size, 3)) == "x{" * size


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_none(data):
    found = codec.received(data.hex())
    assert found is None or isinstance(found[1], str)


def test_what_is_no_message_that_came_is_not_for_us():
    """A draft on the SIM has the number it was written to."""
    assert codec.received(codec.to_send(_ME, "mtx at+csq")[1]) is None
    for line in ("", "zz", "0", "00" * 5, pdu.deliver(_ME, "mtx at", 0)[:-4]):
        assert codec.received(line) is None


@pytest.mark.parametrize(
    "header",
    [
        "05000307",  # less than it says
        "FA000307",
        "0500FF070201",  # the element is longer than the header
        "060804070201",  # behind its end
        "1D0302110325",  # found by tests/proof/fuzz
    ],
)
def test_a_header_that_lies_costs_its_message_and_nothing_else(header):
    """Anybody may send one: a message with it is no part of another, and what comes behind it is carried out."""
    lie = "00440B91" + "4306214365F7" + "00046211811160040001" + header
    heard = codec.received(lie)
    assert heard is None or codec.part_of(lie) is None

    async def main():
        world = World("ec25", settings={"sms": _ON})
        world.modem.start()
        channel = world.link.channel
        world.modem.sms(_ME, "mtx at+csq")
        await world.online(90)
        lists = [["+CMGL: 1,1,,30", lie, "OK"], ["OK"]]

        async def command(line, *_, **more):
            return lists.pop(0) if line.startswith("AT+CMGL") and lists else ["OK"]

        channel.command = command
        await sms.collect(world.link)
        return world

    world = run_virtual(main)
    assert ("at+csq", _ME) in world.ran
