"""docs/security.md: its Mosquitto lets a device do its own work on its own topics, and nothing else."""

import json
import time
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest

from tests.host.support.configured import WATCHER, Configured, session, word
from tests.host.support.twin_lab import IDENT, Lab
from tools import patience

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "security.md").read_text()
OTHER = "860000000000002"
USERS = ("ingest", "desk", IDENT, OTHER)
OURS = ("ATR", "LOGGER", "READINGS", "ONLINE", "ONLINE/ID00000", "STATUS", "TRACE")
pytestmark = pytest.mark.services


@pytest.fixture
def broker():
    made = Configured(PAGE, USERS)
    yield made
    made.stop()


@pytest.fixture
def clients(broker):
    """A function that begins a session, which ends with the test."""
    begun = []

    def begin(*words, **more):
        begun.append(session(broker, *words, **more))
        return begun[-1]

    yield begin
    for client, _ in begun:
        client.loop_stop()


def topic(ident, name):
    return "lector102/%s/%s" % (ident, name)


@pytest.mark.parametrize("name", (*OURS, "AT", "ONLINE/a/b", "OTHER"))
def test_a_device_writes_its_own_topics_and_not_another_s(clients, name):
    """What the list forbids is confirmed and thrown away: docs/security.md warns of it."""
    _, seen = clients(WATCHER, "#")
    device, _ = clients(IDENT)
    for place in (topic(OTHER, name), "lector102/" + name, name, "homeassistant/sensor/x/config"):
        device.publish(place, "forbidden", 1).wait_for_publish(15)
    device.publish(topic(IDENT, name), "own", 1).wait_for_publish(15)
    if name in OURS:
        assert patience.until(lambda: seen, 15)
    time.sleep(0.3)
    assert set(seen) == ({topic(IDENT, name)} if name in OURS else set())


@pytest.mark.parametrize("user, reads", (("ingest", ("LOGGER", "READINGS", "ONLINE", "STATUS")), ("desk", ("ATR",))))
def test_the_platform_s_users_read_what_they_are_for(clients, user, reads):
    _, came = clients(user, "#")
    device, _ = clients(IDENT)
    for name in OURS:
        device.publish(topic(IDENT, name), "x", 1).wait_for_publish(15)
    assert patience.until(lambda: len(set(came)) >= len(reads), 15)
    time.sleep(0.3)
    assert set(came) == {topic(IDENT, name) for name in reads}


def test_commands_come_from_the_desk_alone(clients):
    _, seen = clients(WATCHER, "#")
    for user in ("ingest", IDENT, OTHER, "desk"):
        client, _ = clients(user)
        client.publish(topic(IDENT, "AT"), user, 1).wait_for_publish(15)
        assert user == "desk" or not seen
    assert patience.until(lambda: seen, 15)


def test_a_device_reads_its_own_commands_and_nothing_else(broker, clients):
    _, came = clients(IDENT, topic(IDENT, "AT"), topic(OTHER, "AT"), topic("+", "#"), "#", "$SYS/#")
    for user, name in ((OTHER, "LOGGER"), (OTHER, "ATR"), (OTHER, "ONLINE"), (OTHER, "TRACE")):
        clients(user)[0].publish(topic(OTHER, name), "x", 1).wait_for_publish(15)
    desk, _ = clients("desk")
    desk.publish(topic(OTHER, "AT"), "x", 1).wait_for_publish(15)
    desk.publish(topic(IDENT, "AT"), "x", 1).wait_for_publish(15)
    assert patience.until(lambda: came, 15)
    time.sleep(0.3)
    # Each of the subscriptions that fit brings it.
    assert set(came) == {topic(IDENT, "AT")}


def test_without_the_right_password_nobody_is_let_in(broker):
    codes = []
    wrong = ((IDENT, "guess"), (IDENT, None), ("", None), ("nobody", word("nobody")))
    for count, (user, password) in enumerate(wrong, 1):
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        if user:
            client.username_pw_set(user, password)
        client.on_connect = lambda _c, _u, _f, code, _p: codes.append(code.is_failure)
        client.connect("127.0.0.1", broker.port)
        client.loop_start()
        assert patience.until(lambda wanted=count: len(codes) >= wanted, 15)
        client.loop_stop()
    assert all(codes)


def test_a_device_cannot_take_another_one_s_connection(broker, clients):
    """By its client id, which the broker would end the older connection for."""
    client, _ = clients(OTHER, topic(OTHER, "AT"), ident=OTHER)
    ended = []
    client.on_disconnect = lambda *_: ended.append(True)
    clients(IDENT, topic(IDENT, "AT"), ident=OTHER)
    time.sleep(0.5)
    assert not ended and client.is_connected()


@pytest.mark.takes(30)
def test_the_real_firmware_does_all_its_work_within_the_list(broker, clients, tmp_path):
    settings = {
        "mqtt.broker": "tcp://127.0.0.1:%d" % broker.port,
        "mqtt.user": IDENT,
        "mqtt.password": word(IDENT),
        "logger.profile": "both",
    }
    _, taken = clients("ingest", *(topic("+", name) for name in ("LOGGER", "READINGS", "ONLINE")))
    desk, answers = clients("desk", topic("+", "ATR"))
    told = []
    desk.on_message = lambda _c, _u, message: (answers.append(message.topic), told.append(message.payload))
    with Lab(tmp_path, broker=False, settings=settings) as lab:
        lab.twin.start()
        wanted = {topic(IDENT, name) for name in ("LOGGER", "READINGS", "ONLINE")}
        assert patience.until(lambda: wanted <= set(taken), 60), taken
        desk.publish(topic(IDENT, "AT"), "AT^MTXTUNNEL=GETSTATUS,mqtt", 1)
        assert patience.until(lambda: told, 30)
        assert b"mqtt.state" in told[0] and told[0].endswith(b"OK\r\n"), json.dumps(told[0].decode())
        assert set(answers) == {topic(IDENT, "ATR")}
