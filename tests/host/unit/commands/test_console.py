"""The channels: the console as a person uses it, tags in arbitrary pieces, MQTT messages and answers."""

import asyncio
import re
import sys

import pytest
from hypothesis import given, settings, strategies

from firmware.commands.channels.console import Console
from firmware.commands.channels.mqtt import Remote
from firmware.commands.channels.tags import Scanner, Tagged
from firmware.commands.dispatcher import Channel, Processor, decode
from tests.host.support import virtual_time
from tests.host.support.fake_device import Device
from tests.host.support.fake_ports import MemoryPort
from tests.host.support.roles import GRANTED

OURS = "AT^MTXTUNNEL="


async def settle(service, port, chunks):
    """Run a service while the chunks arrive one by one; all it sent, as bytes."""
    task = asyncio.create_task(service.run())
    for chunk in chunks:
        port.deliver(chunk)
        quiet = 0
        while quiet < 5:
            before = len(port.sent)
            await asyncio.sleep(0)
            await asyncio.sleep(0.002)
            quiet = quiet + 1 if len(port.sent) == before and not port._received else 0
    failed = task.done()
    task.cancel()
    assert not failed, task.exception()
    return b"".join(port.sent)


def type_(*chunks, echo=True, device=None):
    """What the console shows when `chunks` (str or bytes) are typed."""

    async def session():
        port = MemoryPort()
        console = Console(port, Processor(device or Device()), echo)
        pieces = [chunk.encode() if isinstance(chunk, str) else chunk for chunk in chunks]
        return (await settle(console, port, pieces)).decode("utf-8", "replace")

    return virtual_time.run(session())


# --- the console


def test_what_is_typed_is_shown_and_answered():
    assert type_("AT\r") == "AT\r\n\r\nOK\r\n"
    assert type_("at^mtxtunnel=version\r") == "at^mtxtunnel=version\r\nlector102 9.9.9\r\n\r\nOK\r\n"


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_every_end_of_line_is_one_end_of_line(end):
    shown = type_("AT" + end + "ATI" + end + "AT" + end)
    assert shown.count("OK") == 3 and "ERROR" not in shown


def test_bytes_may_come_one_by_one():
    assert type_(*"AT\r\nAT\r\n") == type_("AT\r\nAT\r\n")


def test_an_empty_line_is_no_command():
    assert type_("\r\r\n\n") == "\r\n" * 3


def test_backspace_takes_back():
    assert type_("ATX\bI\x7f\r") == "ATX\b \bI\b \b\r\n\r\nOK\r\n"
    assert type_("\b\bAT\r") == "AT\r\n\r\nOK\r\n"


def test_ctrl_c_drops_the_line():
    assert type_("NONSENSE\x03AT\r") == "NONSENSE\r\nAT\r\n\r\nOK\r\n"


def test_echo_off_and_on():
    assert type_("ATE0\r", "AT\r", "ATE1\r", "AT\r") == (
        "ATE0\r\n\r\nOK\r\n" + "\r\nOK\r\n" + "\r\nOK\r\n" + "AT\r\n\r\nOK\r\n"
    )
    assert type_("AT\r", echo=False) == "\r\nOK\r\n"


def test_a_secret_shows_as_stars_while_it_is_typed():
    shown = type_(OURS + "SETPARAM,mqtt.password,sesame,1\r", OURS + "SETPARAM,mqtt.qos,0\r")
    assert shown == (
        OURS + "SETPARAM,mqtt.password,********\r\n\r\nOK\r\n" + OURS + "SETPARAM,mqtt.qos,0\r\n\r\nOK\r\n"
    )
    assert "sesame" not in type_(*(OURS + "LOGIN,sesame"))
    assert "1234" not in type_(*"AT+CPIN=1234")
    assert "abc" not in type_(OURS + "SETPARAM,mqtt.password,x\b\b,abc")


def test_a_line_that_is_too_long_is_refused_as_a_whole():
    shown = type_("AT" + "x" * 5000 + "\r", "AT\r")
    assert shown.endswith("\r\n\r\nERROR\r\nAT\r\n\r\nOK\r\n") and len(shown) < 700


def test_settings_are_typed_as_text_and_ctrl_c_ends_that():
    device = Device()
    shown = type_(OURS + "SAVECONFIG,TEXT\r\n", "GPRS_apn: a.b\r\n\r\n", "END\r\n", device=device)
    assert shown.endswith("END\r\n\r\nOK\r\n") and device.config.get("uplink.apn") == "a.b"
    shown = type_(OURS + "SAVECONFIG,TEXT\r", "GPRS_apn: c.d\r", "\x03AT\r", "END\r", device=device)
    assert "AT\r\n\r\nOK\r\nEND\r\n+MTXERR: 2," in shown and shown.endswith('"\r\n\r\nERROR\r\n')
    assert device.config.get("uplink.apn") == "a.b"


@pytest.mark.parametrize(
    "typed, wanted",
    [
        ("HELPP", "is it AT^MTXTUNNEL=HELP,[command or setting]?"),
        ("GETSTAUS,log", "is it AT^MTXTUNNEL=GETSTATUS"),
        ("GETSTATUS log", "is it AT^MTXTUNNEL=GETSTATUS"),
        ("hello", "HELP lists the commands"),
        ("AT^MTXTUNNEL=GETSTAUS", "is it AT^MTXTUNNEL=GETSTATUS"),
        ("at^mtxtunnel=rebot", "is it AT^MTXTUNNEL=REBOOT?"),
        ("AT^MTXTUNNEL GETSTATUS", "is it AT^MTXTUNNEL=GETSTATUS"),
        ("AT+MTXTUNEL=VERSION", "no modem is attached"),
        ("ATH", "HELP lists the commands"),
        ("AT^MTXTUNNEL=FORCE,ID00000", "is it AT^MTXTUNNEL=FORCEREAD"),
        ("AT^MTXTUNNEL=GETPARAM,mqtt.brokr", "there is no setting mqtt.brokr"),
        ("AT^MTXTUNNEL=SETPARAM,meter.1.lnk,3", "there is no setting meter.1.lnk"),
        ("help,uplink.apm", "there is no command and no setting uplink.apm"),
        ("AT^MTXTUNNEL=GETPARAM,qqqq", "there is no setting qqqq"),
        ("AT^MTXTUNNEL=SETPARAM,mqtt.qos,7", "mqtt.qos"),
        ("AT^MTXTUNNEL=GETPARAM", "AT^MTXTUNNEL=GETPARAM,name is wanted"),
        ("\u00e9\u00e9", "HELP lists the commands"),
    ],
)
def test_a_typing_mistake_gets_words_and_the_nearest_command(typed, wanted):
    """On the console without device.mtxerr, which is off here."""
    said = re.search(r'\+MTXERR: \d+,"(.*)"\r\n\r\nERROR\r\n$', type_(typed + "\r"))
    assert wanted in said[1], said[1]
    assert said[1].count("is it") <= 1 and not said[1].endswith("is it ?")


def test_what_each_command_begins_with_may_be_left_out():
    """What the doctor says to do is typed as it stands: SETPARAM,uplink.pin,1234."""
    device = Device()
    assert type_("version\r", device=device) == "version\r\nlector102 9.9.9\r\n\r\nOK\r\n"
    assert type_("SETPARAM,uplink.apn,a b\r", " getparam , uplink.apn\r", device=device).endswith("a b\r\n\r\nOK\r\n")
    assert device.config.get("uplink.apn") == "a b"
    # A secret is hidden all the same, as it is with all of it typed.
    for before in ("", " ", OURS):
        shown = type_(before + "SETPARAM,mqtt.password,hush\r", device=device)
        assert shown == before + "SETPARAM,mqtt.password,****\r\n\r\nOK\r\n"
        assert device.config.get("mqtt.password") == "hush"
    assert "hush" not in type_("login,hush\r", device=device)


def test_where_a_setting_cannot_be_looked_up_for_want_of_memory_its_value_is_hidden_and_the_line_goes_on(monkeypatch):
    device = Device()

    def full(name):
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(device.config, "row", full)
        shown = type_("SETPARAM,mqtt.qos,1", device=device)
    assert shown == "SETPARAM,mqtt.qos,*"
    # Nor is the code for all commands loaded beside a session for a line that has no secret.
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "firmware.commands.grammar", None)
        assert type_("AT^MTXTUNNEL=GETPARAM,mqtt.qos", device=device) == "AT^MTXTUNNEL=GETPARAM,mqtt.qos"


def test_no_other_channel_is_told_more_than_its_setting_says():
    async def session():
        _, collector = await Processor(Device()).collect("AT^MTXTUNNEL=GETSTAUS", Channel("x", "mqtt.commands"))
        return bytes(collector.take())

    assert asyncio.run(session()) == b"AT^MTXTUNNEL=GETSTAUS\r\n\r\nERROR\r\n"


@pytest.mark.parametrize("typed", ["HELP", "help", "?", " Help ", "AT^MTXTUNNEL=HELP"])
def test_help_is_a_word_of_its_own(typed):
    shown = type_(typed + "\r")
    assert "AT^MTXTUNNEL=GETSTATUS,[section] - " in shown
    assert shown.endswith("\r\n\r\nOK\r\n")


def test_help_for_one_command_and_while_settings_are_typed():
    assert "value of a setting" in type_("help,getparam\r")
    # A line of settings is no command.
    assert "END\r\n\r\nOK" in type_(OURS + "SAVECONFIG,TEXT\r", "HELP: x\r", "END\r").replace("unknown: HELP\r\n", "")


def test_a_reboot_comes_after_its_answer():
    device = Device()

    async def session():
        port = MemoryPort()
        seen = []
        device.restart = lambda reason: seen.append((reason, b"".join(port.sent)))
        task = asyncio.create_task(Console(port, Processor(device)).run())
        port.deliver((OURS + "REBOOT\r").encode())
        while not seen:
            await asyncio.sleep(0.01)
        task.cancel()
        return seen

    ((reason, sent),) = virtual_time.run(asyncio.wait_for(session(), 20))
    assert reason == "command on console" and sent.endswith(b"OK\r\n")


def test_nobody_listening_does_no_harm():
    async def session():
        port = MemoryPort()
        port.stuck = True
        device = Device()
        task = asyncio.create_task(Console(port, Processor(device), echo=False).run())
        port.deliver((OURS + "SETPARAM,mqtt.qos,0\r").encode())
        while device.config.get("mqtt.qos"):
            await asyncio.sleep(0.01)
        task.cancel()

    virtual_time.run(asyncio.wait_for(session(), 30))


@settings(max_examples=60)
@given(strategies.lists(strategies.binary(max_size=200), max_size=4))
def test_whatever_is_typed_the_console_lives_on(chunks):
    shown = type_(*chunks, b"\x03\r", b"AT\r")
    assert shown.endswith("OK\r\n")


# --- tags


def pieces_of(data, cuts):
    """`data` cut at the given places."""
    places = sorted({min(cut, len(data)) for cut in cuts})
    return [data[a:b] for a, b in zip([0] + places, places + [len(data)])]


def scan(data, cuts=()):
    scanner = Scanner()
    return [found for piece in pieces_of(data, cuts) for found in scanner.feed(piece)]


@pytest.mark.parametrize(
    "data, found",
    [
        (b"<mtxtunnel>AT</mtxtunnel>", [(b"mtxtunnel", b"AT")]),
        (b"<MTXTunnel>AT</MTXTUNNEL>", [(b"MTXTunnel", b"AT")]),
        (b"x<y><mtxtunnelr>AT</mtxtunnelr>z", [(b"mtxtunnelr", b"AT")]),
        (b"<mtxtunnel>AT</mtxtunnelr></mtxtunnel>", [(b"mtxtunnel", b"AT</mtxtunnelr>")]),
        (b"<<mtxtunnel>a<b>c</mtxtunnel>", [(b"mtxtunnel", b"a<b>c")]),
        (b"<mtxtunnel>one<mtxtunnel>two</mtxtunnel>", [(b"mtxtunnel", b"two")]),
        (b"<mtxtunnel></mtxtunnel>", [(b"mtxtunnel", b"")]),
        (b"<mtxtunnel >AT</mtxtunnel>", []),
        (b"AT</mtxtunnel>", []),
        (b"<mtxtunnel>" + b"x" * 600 + b"</mtxtunnel>", [(b"mtxtunnel", None)]),
        (
            b"<mtxtunnel>a</mtxtunnel>\x00<mtxtunnel>b</mtxtunnel>",
            [(b"mtxtunnel", b"a"), (b"mtxtunnel", b"b")],
        ),
    ],
)
def test_tags_are_found(data, found):
    assert scan(data) == found
    assert scan(data, range(len(data))) == found


TAGGED = strategies.lists(
    strategies.sampled_from([b"<mtxtunnel>", b"</mtxtunnel>", b"<MTXTUNNELR>", b"</mtxtunnelr>", b"<", b">", b"/"])
    | strategies.binary(max_size=40),
    max_size=12,
).map(b"".join)


@settings(max_examples=300)
@given(TAGGED, strategies.lists(strategies.integers(0, 300), max_size=6))
def test_the_pieces_data_comes_in_do_not_matter(data, cuts):
    scanner = Scanner()
    found = [item for piece in pieces_of(data, cuts) for item in scanner.feed(piece)]
    assert found == scan(data)
    assert len(scanner._held) <= 520 and len(scanner._tag) <= 13
    end = b"</mtxtunnel></mtxtunnelr><mtxtunnel>AT</mtxtunnel>"
    assert list(scanner.feed(end))[-1] == (b"mtxtunnel", b"AT")


def through_tags(*chunks, device=None, **tags):
    async def session():
        port = MemoryPort()
        service = Tagged(port, Processor(device or Device()), **tags)
        return await settle(service, port, chunks)

    return virtual_time.run(session())


def test_the_answer_comes_inside_the_same_tags():
    assert through_tags(b"noise<MTXTUNNEL>AT</MTXTUNNEL>") == b"<MTXTUNNEL>AT\r\n\r\nOK\r\n</MTXTUNNEL>"
    assert through_tags(b"<mtxtunnel>A", b"T</mtx", b"tunnel>") == b"<mtxtunnel>AT\r\n\r\nOK\r\n</mtxtunnel>"


def test_only_the_tags_that_are_switched_on_are_obeyed():
    both = b"<mtxtunnel>AT</mtxtunnel><mtxtunnelr>AT</mtxtunnelr>"
    assert through_tags(both, local=True).count(b"OK") == 1
    assert through_tags(both, local=False, remote=True).startswith(b"<mtxtunnelr>")
    assert through_tags(both, local=True, remote=True).count(b"OK") == 2
    assert through_tags(both, local=False) == b""


def test_what_is_too_long_or_not_allowed_in_tags_is_answered_too():
    answer = through_tags(b"<mtxtunnel>" + b"x" * 900 + b"</mtxtunnel>")
    assert answer.endswith(b"\r\nERROR\r\n</mtxtunnel>") and len(answer) < 600
    device = Device()
    answer = through_tags(b"<mtxtunnel>AT^MTXTUNNEL=REBOOT</mtxtunnel>", device=device)
    assert b"ERROR" in answer and device.restarts == []


# --- MQTT


class Broker:
    """What Remote needs of the uplink."""

    def __init__(self, *payloads):
        self.messages = [("topic", payload) for payload in payloads]
        self.replies = []
        self.waiting = 0

    def next_message(self):
        return self.messages.pop(0) if self.messages else None

    async def reply(self, topic, payload):
        await asyncio.sleep(0)
        self.replies.append((topic, bytes(payload)))

    def replies_wait(self):
        return bool(self.waiting)


def over_mqtt(device, *payloads, topic="t/ATR", wait=None):
    broker = Broker(*payloads)

    async def session():
        task = asyncio.create_task(Remote(broker, Processor(device), lambda: topic).run())
        while not (wait() if wait else len(broker.replies) == len(payloads)):
            assert not task.done(), task.exception()
            await asyncio.sleep(0.005)
        task.cancel()

    virtual_time.run(asyncio.wait_for(session(), 30))
    return broker.replies


def test_one_answer_a_message_in_the_order_of_the_messages():
    replies = over_mqtt(Device(), b"AT", b"ATI\r\nNOPE\r\n", b"NOPE", b"\xff\xfe", b"AT^MTXTUNNEL=VERSION")
    assert [topic for topic, _ in replies] == ["t/ATR"] * 5
    texts = [payload.decode() for _, payload in replies]
    assert texts[0] == "AT\r\n\r\nOK\r\n"
    assert re.findall("OK|ERROR", texts[1]) == ["OK", "ERROR"]
    assert texts[2].endswith("ERROR\r\n") and texts[3] == "??\r\n\r\nERROR\r\n"
    assert texts[4].startswith(OURS + "VERSION\r\nlector102")


def test_echo_is_a_setting_and_ate_counts_for_its_message_only():
    device = Device()
    texts = [payload.decode() for _, payload in over_mqtt(device, b"ATE0\nAT", b"AT")]
    assert texts == ["ATE0\r\n\r\nOK\r\n\r\nOK\r\n", "AT\r\n\r\nOK\r\n"]
    device.config.set_many({"mqtt.echo": "off"})
    assert over_mqtt(device, b"AT")[0][1] == b"\r\nOK\r\n"


def test_settings_cannot_be_typed_over_several_messages():
    device = Device()
    texts = [p.decode() for _, p in over_mqtt(device, b"AT^MTXTUNNEL=SAVECONFIG,TEXT", b"AT")]
    assert texts[0].endswith("ERROR\r\n") and texts[1] == "AT\r\n\r\nOK\r\n"


def test_without_a_topic_for_answers_commands_still_work():
    device = Device()
    replies = over_mqtt(device, b"AT^MTXTUNNEL=SYNC", topic="", wait=lambda: device.synced)
    assert replies == []


def test_a_restart_waits_for_the_answer_to_be_out():
    device = Device()
    device.config.set_many(GRANTED)
    replies = over_mqtt(device, b"AT^MTXTUNNEL=REBOOT", wait=lambda: device.restarts)
    assert replies[0][1].endswith(b"OK\r\n") and device.restarts == ["command on mqtt"]


@settings(max_examples=60)
@given(strategies.binary(max_size=1000).filter(lambda payload: decode(payload).strip()))
def test_whatever_a_message_holds_it_is_answered(payload):
    """An empty one aside: somebody clears a retained message."""
    answer = over_mqtt(Device(), payload)[0][1]
    assert len(answer) <= 20480
    assert re.search(rb"\r\n(OK|ERROR)\r\n$", answer)


@given(strategies.binary(max_size=50))
def test_bytes_always_become_text(data):
    assert isinstance(decode(data), str)
