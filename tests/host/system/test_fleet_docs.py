"""docs/fleet.md: its configuration of Mosquitto starts, its access list lets each do its own work and no more."""

import re
import time
from pathlib import Path

import pytest

from tests.host.support import fleet_lab
from tests.host.support.configured import Configured, session
from tools.fleet import __main__ as fleet
from tools.fleet import faults

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "fleet.md").read_text()
USERS = ("ingest", "desk", "860000000000001", "860000000000002")


@pytest.mark.services
def test_the_access_list_lets_each_do_its_own_work_and_no_more():
    broker = Configured(PAGE, USERS)
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
    broker = Configured(PAGE)
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
