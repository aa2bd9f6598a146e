"""The uplink's parts against brokers."""

import asyncio

from tests.host.support import brokers
from tests.host.support.fake_log import FakeRing
from tests.host.support.uplink_peers import play, service
from tests.host.unit.delivery.test_uplink_parts import umqtt  # noqa: F401


def test_new_settings_end_the_wait_at_once_and_the_goodbye_is_said(umqtt):
    made_broker = brokers.start_broker()
    try:
        made = service(umqtt, brokers.free_port(), FakeRing([b"x"]), online_topic="on")
        made.settings.update(online="1", offline="0")
        made._backoff = 60000
        step = []

        def done():
            if made.status()["last_error"] and not step:
                step.append(1)
                made.reconfigure(dict(made.settings, port=made_broker.port))
            if made.connected and len(step) == 1:
                step.append(asyncio.ensure_future(made.leave()))
            return len(step) == 2 and step[1].done() and made.state == "off"

        play(made, done, 20)
        assert made.connections == 1
    finally:
        made_broker.stop()


def test_a_refused_or_too_long_subscription_costs_no_record(umqtt):
    made_broker = brokers.AckingBroker()
    ring = FakeRing([b"x"])
    made = service(umqtt, made_broker.port, ring, subscribe=["x" * 123, "ok"])
    play(made, lambda: ring.acked == [1], 20)
    made_broker.close()


def test_an_online_topic_that_is_too_long_costs_itself_only(umqtt):
    """With what stands in it, it may be longer than its setting; the session comes about and ends without it."""
    made_broker = brokers.AckingBroker()
    ring = FakeRing([b"x"])
    made = service(umqtt, made_broker.port, ring, online_topic="x" * 251, online="1", offline="0")
    step = []

    def done():
        if ring.acked == [1] and not step:
            step.append(asyncio.ensure_future(made.leave()))
        return step and step[0].done() and made.state == "off"

    play(made, done, 20)
    assert made.connections == 1
    made_broker.close()


def test_qos_0_is_acknowledged_when_the_socket_has_it(umqtt):
    made_broker = brokers.AckingBroker()
    ring = FakeRing([bytes(16000)] * 5)
    made = service(umqtt, made_broker.port, ring, qos=0)
    play(made, lambda: len(ring.acked) == 5 and len(made_broker.records) == 5, 20)
    made_broker.close()


def test_a_link_that_goes_down_ends_the_session(umqtt):
    made_broker = brokers.AckingBroker()
    made = service(umqtt, made_broker.port, FakeRing())
    link = made._link
    states = []
    made._on_state = states.append

    def done():
        if made.connected:
            link.is_up = lambda: False
        if "the network is gone" in made.status()["last_error"]:
            link.is_up = lambda: True
        return made.connections == 2

    play(made, done, 20)
    made_broker.close()
    assert states[:3] == ["connecting", "online", "waiting"]
