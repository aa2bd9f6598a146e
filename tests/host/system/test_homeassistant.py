"""Home Assistant's discovery from the twin to the broker."""

import json
import threading
import time

import pytest

from tests.host.support.roles import GRANTED
from tests.host.support.together import together
from tests.host.support.twin_lab import IDENT, LOGGER, Lab
from tests.host.unit.delivery.test_homeassistant import check, told, value
from tools import micropython, patience

pytestmark = pytest.mark.takes(25)


def entities(lab, count, seconds=90, prefix="homeassistant"):
    """The next `count` announcements, topic -> payload (bytes)."""
    found = {}
    deadline = patience.Limit(seconds)
    while len(found) < count:
        topic, payload = lab.next(max(deadline.left(), 1))
        if topic.startswith(prefix + "/"):
            found[topic] = payload
        elif topic == LOGGER:
            lab.records.append(json.loads(payload))
    return found


def retained(lab, prefix="homeassistant"):
    """What the broker keeps under `prefix`: topic -> payload."""
    import paho.mqtt.client as mqtt

    found = {}
    last = "retained/%d" % time.monotonic_ns()
    over = threading.Event()

    def take(_client, _, message):
        if message.topic == last:
            over.set()
        # amqtt sends other topics, too.
        elif message.retain and message.topic.startswith(prefix + "/"):
            found[message.topic] = message.payload

    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.on_connect = lambda c, *_: c.subscribe([(prefix + "/#", 1), (last, 1)])
    # What is kept comes before what is published now.
    client.on_subscribe = lambda c, *_: c.publish(last, b"x", 1)
    client.on_message = take
    client.connect("127.0.0.1", lab.port)
    client.loop_start()
    assert patience.until(over.is_set, 30)
    size = -1
    while size != len(found):
        size = len(found)
        time.sleep(0.5)
    client.loop_stop()
    client.disconnect()
    return found


ALL = 1 + 2 * 21


@together
def test_the_twin_announces_its_meters_after_each_connection_and_takes_them_back(tmp_path):
    with Lab(tmp_path, meters=2, interval=4, settings={"ha.enabled": True, **GRANTED}) as lab:
        lab.twin.start()
        first = entities(lab, ALL)
        options = [check(topic, json.loads(payload)) for topic, payload in first.items()]
        online = "lector102/%s/ONLINE" % IDENT
        lives = [{part["t"] for part in each["availability"]} for each in options if "availability" in each]
        assert len(lives) == 42
        assert set.union(*lives) == {online, online + "/ID00000", online + "/ID00001"}
        lab.twin.wait_line("ha: %d entities announced under homeassistant" % ALL, 30)
        assert set(retained(lab)) == set(first)
        # The records go on, and each is what the templates of its meter take.
        record = lab.record()
        said = [value(each["value_template"], record) for each in options if each["state_topic"] == LOGGER]
        assert len(said) == 42 and sum(bool(text) for text in said) == 21
        # A broker that was away hears it again.
        lab.broker.stop()
        lab.collect(0.2)
        lab.twin.wait_line("mqtt.*(lost|again|refused|down)", 30)
        lab.start_broker()
        told(lab, 2)
        assert entities(lab, ALL) == first
        lab.collect(1)
        # Another topic for the records: said again, without a new connection.
        assert "OK" in lab.at("AT^MTXTUNNEL=SETPARAM,logger.topic,lector102/[IMEI]/OTHER")
        changed = entities(lab, ALL)
        moved = [json.loads(each)["stat_t"] for each in changed.values()]
        assert moved.count("lector102/%s/OTHER" % IDENT) == 42
        # Switched off: everything is taken back.
        assert "OK" in lab.at("AT^MTXTUNNEL=SETPARAM,ha.enabled,off")
        gone = entities(lab, ALL)
        assert set(gone) == set(first) and not any(gone.values())
        assert retained(lab) == {}
        assert not [line for line in lab.twin.lines if "no memory" in line or "Traceback" in line]


@together
def test_nothing_is_announced_unless_wanted(tmp_path):
    with Lab(tmp_path, interval=2) as lab:
        lab.twin.start()
        for _ in range(3):
            lab.record()
        lab.collect(2)
        assert retained(lab) == {}


@pytest.mark.timeout(480)
@together
def test_eight_meters_are_announced_and_no_reading_is_given_up(tmp_path):
    """169 announcements, readings every 15 s in both forms, on the smallest board that has Home Assistant."""
    settings = {"ha.enabled": True, "logger.profile": "both"}
    with Lab(tmp_path, meters=8, interval=15, settings=settings, heap=micropython.MIDDLE) as lab:
        lab.twin.start()
        told(lab, 1, 180)
        found = entities(lab, 1 + 8 * 21)
        for topic, payload in found.items():
            check(topic, json.loads(payload))
        deadline = patience.Limit(180)
        while len({record["ID"] for record in lab.records}) < 8:
            assert not deadline.passed()
            lab.collect(1)
        words = ("given up", "starts again")
        assert not [line for line in lab.twin.lines if any(word in line for word in words)]
