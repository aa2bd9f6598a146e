"""What devices tell of themselves: only what they say now counts as heard; what is not theirs is kept aside."""

import argparse
import json
import time
from collections import namedtuple

import pytest

from firmware.core.zone import Zone
from tools.fleet import ingest, watch
from tools.fleet.store import open_store

IMEI = "860000000000001"
ONLINE = "lector102/%s/ONLINE" % IMEI
STATUS = "lector102/%s/STATUS" % IMEI
Told = namedtuple("Told", "topic payload retain qos", defaults=(False, 0))


@pytest.fixture
def taker(tmp_path):
    parser = argparse.ArgumentParser()
    ingest.add_arguments(parser)
    made = ingest.Ingest(parser.parse_args([]), print)
    made.store = open_store(str(tmp_path / "fleet.db"))
    made.client = None
    yield made
    made.store.close()


def take(taker, *messages):
    """Commit the messages, each in a batch of its own and its states at once; {device: what `watch` says}."""
    for each in messages:
        taker._pending = [each]
        taker._seen_at = time.monotonic() - 3600
        taker.commit()
    return {each["device"]: each for each in watch.look(taker.store, Zone("UTC"), int(time.time()))}


def told(**more):
    return json.dumps(more).encode()


def aside(taker):
    return [row[0] for row in taker.store.all("select reason from aside order by reason")]


def test_what_the_broker_has_kept_of_a_device_is_known_but_the_device_is_not_heard(taker):
    (one,) = take(
        taker,
        Told(ONLINE, told(IMEI=IMEI, STATE="online", VERSION="1.0.0"), True),
        Told(STATUS, told(VERSION="1.0.1", SIGNAL=-70), True),
    ).values()
    assert (one["state"], one["version"], one["signal"]) == ("online", "1.0.1", -70)
    assert one["last_seen"] is one["state_at"] is one["status_at"] is None
    assert "never" in watch.table([one], Zone("UTC"))
    (one,) = take(taker, Told(STATUS, told(VERSION="1.0.2"))).values()
    assert one["silent_s"] < 60 and one["status_at"] and one["version"] == "1.0.2"


def test_that_a_device_has_gone_is_said_by_the_broker(taker):
    (one,) = take(taker, Told(ONLINE, told(IMEI=IMEI, STATE="offline", VERSION="1.0.0"))).values()
    assert one["state"] == "offline" and one["state_at"] and one["last_seen"] is None


def test_a_retained_message_that_is_taken_back_is_nothing(taker):
    assert take(taker, Told(ONLINE, b""), Told(STATUS, b"", True)) == {} and aside(taker) == []


def test_a_state_that_is_not_the_devices_own_is_aside(taker):
    (one,) = take(
        taker,
        Told(ONLINE, told(IMEI="860000000000002", STATE="online")),
        Told(STATUS, told(IMEI=7)),
        Told(STATUS, b"{"),
        Told(STATUS, b"[1]"),
    ).values()
    assert one["device"] == IMEI and one["state"] is None and one["last_seen"] is None
    assert aside(taker) == ["device", "form", "json", "json"]


@pytest.mark.parametrize("name", ["+", "#", "a/b", ""])
def test_a_name_that_no_command_could_be_sent_to_is_none(taker, name):
    taker.filters = [ingest.link.Filter("plant/[P]/LOGGER")]
    record = told(IMEI=name, TYPE="IEC102", TS="2026-03-28T00:00:00Z", ID="A")
    assert not take(taker, Told("plant/here/LOGGER", record)) and aside(taker) == ["form"]


@pytest.mark.parametrize("topic", [ONLINE, STATUS])
def test_a_record_where_devices_tell_of_themselves_is_one_of_that_device(taker, topic):
    """Readings that failed come there, and whoever may write there must not write records of others."""
    record = {"TYPE": "IEC102_ERR", "TS": "2026-03-28T00:00:00Z", "ID": "A", "ERR": "x"}
    take(taker, Told(topic, told(IMEI=IMEI, **record)), Told(topic, told(IMEI="860000000000002", **record)))
    assert taker.store.all("select device, type from record") == [(IMEI, "IEC102_ERR")]
    assert aside(taker) == ["device"]


class NoText(Told):
    """As paho has it where the broker did not look: asking for the topic raises."""

    @property
    def topic(self):
        raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")


def test_a_topic_that_is_no_text_does_not_end_the_ingester(taker):
    record = told(IMEI=IMEI, TYPE="IEC102", TS="2026-03-28T00:00:00Z", ID="A")
    take(taker, NoText("", record))
    assert aside(taker) == ["form"] and not taker.store.all("select 1 from record")


def test_a_device_of_which_all_is_aside_is_seen(taker):
    record = told(IMEI=IMEI, TYPE="IEC102", TS="2070-01-01T00:00:00Z", ID="A")
    (one,) = take(taker, Told("lector102/%s/LOGGER" % IMEI, record)).values()
    assert (one["device"], one["aside"], one["missing"], one["last_seen"]) == (IMEI, 1, 0, None)


def test_what_a_device_tells_does_not_steer_the_terminal(taker):
    (one,) = take(taker, Told(ONLINE, told(STATE="online", VERSION="\x1b[2J\u202e", RESET="é"))).values()
    text = watch.table([one], Zone("UTC"))
    assert "\x1b" not in text and "\u202e" not in text and "?[2J?" in text and "é" in text
