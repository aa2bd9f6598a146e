"""What public reports of brokers and platforms told of: every command gets its answer, records go out all the same."""

import asyncio

import pytest

from firmware.commands.channels.mqtt import Remote
from firmware.commands.dispatcher import Channel, Processor
from tests.host.support import brokers, odd_broker
from tests.host.support.fake_log import FakeRing
from tests.host.support.uplink_peers import play, service
from tests.host.system.test_uplink import umqtt  # noqa: F401
from tests.host.unit.commands.test_commands import OURS, Desk

PATIENT = {"puback_ms": 10000, "answer_ms": 10000}
AT, ATR, RECORDS = "d/AT", "d/ATR", "t/é"


def test_each_manner_has_a_name_on_the_command_line():
    words = "--retained a=b --hang-up c --forbidden d --flood e=f --times 3 --early --twice --late 4 --drip"
    broker = odd_broker.start(odd_broker.arguments(words.split()))
    broker.close()
    assert (broker.retained, broker.hang_up, broker.forbidden) == ({"a": b"b"}, ("c",), ("d",))
    assert broker.flood == [("e", b"f")] * 3
    assert broker.early and broker.twice and broker.late == 4 and broker.drip


def run(umqtt, broker, done, records=3, topics=(AT,), rights="*", seconds=8):  # noqa: F811
    """The service with the real commands behind it; returns (service, processor)."""
    desk = Desk(rights={"mqtt.commands": rights, "device.confirm": "off"})
    ring = FakeRing([b"record %d" % number for number in range(records)])
    made = service(umqtt, broker.port, ring, subscribe=list(topics), client_id="d", **PATIENT)
    processor = Processor(desk.device)
    remote = Remote(made, processor, lambda: ATR)
    made.paused = remote.paused
    whole = made.run

    async def both():
        task = asyncio.create_task(remote.run())
        try:
            await whole()
        finally:
            task.cancel()

    made.run = both
    met = []

    def latched(made):
        # The service is stopped before it is looked at for the last time.
        if done(made):
            met.append(True)
        return met

    try:
        play(made, lambda: latched(made), seconds)
    finally:
        broker.close()
    return made, desk


def commands(count):
    return [(AT, b"AT^MTXTUNNEL=GETPARAM,meter.%d.id" % (number % 8)) for number in range(count)]


@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("more", [{}, {"drip": True}, {"late": 3}])
def test_twenty_commands_at_once_get_twenty_answers_in_order(umqtt, early, more):  # noqa: F811
    sent = commands(20)
    broker = brokers.OddBroker(flood=sent, early=early, **more)
    made, _ = run(umqtt, broker, lambda made: len(broker.payloads(ATR)) >= 20 and len(broker.acked) >= 20, 9)
    answers = broker.payloads(ATR)
    assert [answer.split(b"\r\n")[0] for answer in answers] == [payload for _, payload in sent]
    assert made.overrun == 0


def test_commands_of_both_topics_while_the_second_is_subscribed_to(umqtt):  # noqa: F811
    sent = commands(20)
    broker = brokers.OddBroker(flood=sent + [("d/AT2", b"AT")])
    run(umqtt, broker, lambda made: len(broker.payloads(ATR)) >= 21, topics=(AT, "d/AT2"))
    assert len(broker.payloads(ATR)) == 21


@pytest.mark.parametrize("length, drip", [(1100, False), (1503, False), (1503, True), (2688, False), (4000, False)])
def test_a_long_text_of_settings_is_taken(umqtt, length, drip):  # noqa: F811
    text = "AT^MTXTUNNEL=SAVECONFIG\r\nGPRS_apn: long.example\r\n"
    while len(text) < length - 40:
        text += "# remark %s\r\n" % ("r" * min(150, length - len(text) - 13))
    broker = brokers.OddBroker(flood=[(AT, text.encode()), (AT, b"AT")], drip=drip)
    made, desk = run(umqtt, broker, lambda made: len(broker.payloads(ATR)) >= 2)
    first, second = broker.payloads(ATR)
    assert first.split()[-1] == second.split()[-1] == b"OK"
    assert desk.device.config.get("uplink.apn") == "long.example"
    assert len(broker.acked) == 2


def test_the_device_s_own_settings_come_back_to_it(umqtt):  # noqa: F811
    desk = Desk(rights={"mqtt.commands": "*"})
    text = "AT^MTXTUNNEL=SAVECONFIG\r\n" + "\r\n".join(desk.ok(OURS + "GETCONFIG")) + "\r\n"
    assert len(text) > 2000
    broker = brokers.OddBroker(flood=[(AT, text.encode())])
    run(umqtt, broker, lambda made: broker.payloads(ATR))
    assert broker.payloads(ATR)[0].split()[-1] == b"OK"


@pytest.mark.parametrize("length", [5000, 20000])
def test_what_is_too_long_is_refused_in_an_answer(umqtt, length):  # noqa: F811
    broker = brokers.OddBroker(flood=[(AT, b"AT^MTXTUNNEL=SAVECONFIG\r\n" + b"#" * length), (AT, b"AT")])
    run(umqtt, broker, lambda made: len(broker.payloads(ATR)) >= 2)
    first, second = broker.payloads(ATR)
    assert first.startswith(b"AT^MTXTUNNEL=SAVECONFIG\r\n") and first.split()[-1] == b"ERROR"
    assert second.split()[-1] == b"OK" and len(broker.acked) == 2


def test_a_command_that_comes_twice_is_carried_out_and_both_are_confirmed(umqtt):  # noqa: F811
    broker = brokers.OddBroker(flood=commands(3), twice=True)
    run(umqtt, broker, lambda made: len(broker.acked) >= 6)


def test_a_retained_command_is_not_carried_out(umqtt):  # noqa: F811
    broker = brokers.OddBroker(retained={AT: b"AT^MTXTUNNEL=REBOOT"}, flood=[(AT, b"AT")])
    made, desk = run(umqtt, broker, lambda made: broker.payloads(ATR))
    assert len(broker.payloads(ATR)) == 1 and made.session.rejected == 1


@pytest.mark.parametrize("topics", [(AT,), (AT, "d/AT2"), ("d/AT2", AT)])
def test_a_broker_that_hangs_up_on_a_topic_costs_its_commands_only(umqtt, topics):  # noqa: F811
    broker = brokers.OddBroker(hang_up=[AT])
    made, _ = run(umqtt, broker, lambda made: len(broker.payloads(RECORDS)) == 5 and made.connected, 5, topics)
    assert broker.connections <= 3
    assert AT in made.status()["refused"] and AT in made.status()["last_error"]
    assert set(broker.subscribed) == set(topics) - {AT}


ONLINE = "d/ONLINE"


@pytest.mark.parametrize("topic", [ONLINE, ATR])
def test_a_broker_that_hangs_up_on_a_message_costs_that_topic_only(umqtt, topic, monkeypatch):  # noqa: F811
    monkeypatch.setitem(PATIENT, "online_topic", ONLINE)
    monkeypatch.setitem(PATIENT, "online", "on")
    monkeypatch.setitem(PATIENT, "offline", "off")
    broker = brokers.OddBroker(forbidden=[topic], flood=[(AT, b"AT")])

    def done(made):
        return len(broker.payloads(RECORDS)) >= 5 and made.connected and topic in made.status()["last_error"]

    made, _ = run(umqtt, broker, done, 5)
    assert broker.connections <= 5 and not broker.payloads(topic)
    other = ATR if topic == ONLINE else ONLINE
    assert broker.payloads(other)


def test_a_broker_that_hangs_up_on_records_is_told_with_their_topic_and_they_wait(umqtt):  # noqa: F811
    broker = brokers.OddBroker(forbidden=[RECORDS])
    made, _ = run(umqtt, broker, lambda made: RECORDS in made.status()["last_error"], 5)
    assert made.publisher.delivered == made.publisher.dropped == 0


def test_a_connection_that_was_lost_once_while_subscribing_costs_nothing(umqtt):  # noqa: F811
    broker = brokers.OddBroker(hang_up=[AT])

    def done(made):
        if broker.connections == 1:
            broker.hang_up = ()
        return made.connected and broker.subscribed

    run(umqtt, broker, done)
    assert broker.subscribed == [AT]


@pytest.mark.parametrize("payload", [b"", b"\0", b"\xef\xbb\xbf", b" \r\n", b"\xef\xbb\xbf\0\r\n"])
def test_an_empty_message_is_no_command(umqtt, payload):  # noqa: F811
    broker = brokers.OddBroker(flood=[(AT, payload), (AT, b"AT")])
    made, desk = run(umqtt, broker, lambda made: len(broker.payloads(ATR)) and len(broker.acked) == 2)
    assert [answer.split()[-1] for answer in broker.payloads(ATR)] == [b"OK"]


@pytest.mark.parametrize(
    "payload", [b"\xef\xbb\xbfAT", b"AT\0", b"\0AT\0\0", b"\xef\xbb\xbfAT\r\n\0", b"AT\r\n\xef\xbb\xbfAT"]
)
def test_what_surrounds_a_command_is_cut_off(umqtt, payload):  # noqa: F811
    broker = brokers.OddBroker(flood=[(AT, payload)])
    run(umqtt, broker, lambda made: broker.payloads(ATR))
    assert b"ERROR" not in broker.payloads(ATR)[0] and b"\0" not in broker.payloads(ATR)[0]


def test_other_channels_cut_it_off_too():
    desk = Desk(rights={"sms.commands": "*", "console.commands": "*"})
    answer = asyncio.run(Processor(desk.device).answer("\ufeffAT\0", "sms"))
    assert answer.split()[-1] == "OK"
    assert Channel("sms", "sms.commands").name == "sms"
