"""docs/fleet.md: its configuration of Mosquitto starts, its access list lets each do its own work and no more."""

import re
import subprocess
import tempfile
import time
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest

from tests.host.support import brokers, fleet_lab, programs
from tools import patience
from tools.fleet import __main__ as fleet
from tools.fleet import faults

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "fleet.md").read_text()
USERS = ("ingest", "desk", "860000000000001", "860000000000002")


def fence(language):
    return re.search(r"```%s\n(.*?)\n```" % language, PAGE, re.DOTALL)[1]


class Configured(brokers.Mosquitto):
    """Mosquitto as the page has it, but for TLS; `acl`: with users and their access list."""

    def __init__(self, acl=True):
        programs.need("mosquitto")
        self.port = brokers.free_port()
        self._folder = tempfile.TemporaryDirectory()
        folder = Path(self._folder.name)
        lines = []
        for line in fence("conf").splitlines():
            name = line.split()[0]
            if name in ("cafile", "certfile", "keyfile") or (not acl and name in ("password_file", "acl_file")):
                continue
            line = {
                "listener": "listener %d 127.0.0.1" % self.port,
                "password_file": "password_file %s/passwords" % folder,
                "acl_file": "acl_file %s/acl" % folder,
                "persistence_location": "persistence_location %s/" % folder,
                "allow_anonymous": "allow_anonymous %s" % ("false" if acl else "true"),
            }.get(name, line)
            lines.append(line)
        self._config = folder / "mosquitto.conf"
        self._config.write_text("user root\n" + "\n".join(lines) + "\n")
        (folder / "acl").write_text(fence("acl") + "\n")
        (folder / "passwords").write_text("")
        for user in USERS if acl else ():
            command = [
                programs.need("mosquitto_passwd"),
                "-b",
                str(folder / "passwords"),
                user,
                "word-" + user,
            ]
            subprocess.run(command, check=True, capture_output=True)
        self._process = None
        self.start()


def session(broker, user, *topics):
    """A client of `user` that has subscribed to `topics`; (client, what has come)."""
    came, ready = [], []
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.username_pw_set(user, "word-" + user)
    client.on_message = lambda _c, _u, message: came.append(message.topic)
    client.on_subscribe = lambda *_: ready.append(True)
    client.on_connect = lambda *_: ready.append(True)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    if topics:
        client.subscribe([(topic, 1) for topic in topics])
    assert patience.until(lambda: len(ready) >= 1 + bool(topics), 15)
    return client, came


@pytest.mark.services
def test_the_access_list_lets_each_do_its_own_work_and_no_more():
    broker = Configured()
    clients = []
    try:
        taker, taken = session(broker, "ingest", "lector102/+/LOGGER", "lector102/+/ONLINE", "#")
        asker, answers = session(broker, "desk", "lector102/+/ATR")
        one, ones = session(broker, USERS[2], "lector102/860000000000001/AT", "lector102/860000000000002/AT", "#")
        clients = [taker, asker, one]
        for who, topic in (
            (USERS[3], "lector102/860000000000001/LOGGER"), (USERS[3], "lector102/860000000000001/AT"),
            (USERS[2], "lector102/860000000000001/AT"), ("ingest", "lector102/860000000000001/AT"),
            (USERS[3], "lector102/860000000000003/ONLINE"), ("desk", "lector102/860000000000001/LOGGER"),
        ):  # fmt: skip
            # Mosquitto ends a connection that writes what it may not.
            other, _ = session(broker, who)
            other.publish(topic, "forbidden", 1)
            time.sleep(0.3)
            other.loop_stop()
        assert not taken and not ones and not answers
        one.publish("lector102/860000000000001/LOGGER", "x", 1).wait_for_publish(15)
        one.publish("lector102/860000000000001/ATR", "x", 1).wait_for_publish(15)
        asker.publish("lector102/860000000000001/AT", "x", 1).wait_for_publish(15)
        asker.publish("lector102/860000000000002/AT", "x", 1).wait_for_publish(15)
        time.sleep(0.5)
        assert set(taken) == {"lector102/860000000000001/LOGGER"}
        assert set(answers) == {"lector102/860000000000001/ATR"}
        assert ones.count("lector102/860000000000001/AT") == 1, "the desk's, and nobody else's"
        assert "lector102/860000000000002/AT" not in ones
    finally:
        for client in clients:
            client.loop_stop()
        broker.stop()


@pytest.mark.services
def test_with_the_pages_settings_a_killed_mosquitto_has_nearly_all_that_it_confirmed(tmp_path):
    broker = Configured(acl=False)
    with fleet_lab.Lab(tmp_path, broker=broker) as lab:
        first = lab.ingester()
        lab.subscribed()
        first.stop()
        lab.deliver(fleet_lab.devices(3), fleet_lab.START, fleet_lab.START + 43200)
        broker._process.kill()
        broker._process.wait()
        broker.start()
        lab.ingester()
        expected = fleet_lab.expected(fleet_lab.devices(3), fleet_lab.START, fleet_lab.START + 43200)
        # What came within its last turn is all that it may not have written.
        assert lab.has(len(expected), 10) >= len(expected) - 8


def test_every_reason_stands_on_the_page():
    table = PAGE[PAGE.index("| reason | what |") :].split("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", table)) >= set(faults.REASONS)
    for name, *_ in fleet._COMMANDS:
        assert "%s" % name in PAGE
    for option in re.findall(r"`(--[a-z-]+)", PAGE):
        made = fleet.parser()
        known = {
            text
            for each in made._subparsers._group_actions[0].choices.values()
            for text in each._option_string_actions
        }
        assert option in known, option
