"""Topics with the record's own meter in them, for consumers that key by topic (prometheus-mqtt-exporter)."""

from json import dumps

import pytest

from firmware.config.config import Config
from firmware.core.errors import ConfigError
from firmware.delivery.publisher import Publisher
from tests.host.support.fake_log import FakeRing
from tests.host.unit.delivery.test_uplink_parts import Line


class Topics(Line):
    """A session that notes where each goes."""

    def __init__(self):
        super().__init__()
        self.topics = []

    def publish(self, topic, payload, cargo, qos, retain=False):
        self.topics.append(topic)
        super().publish(topic, payload, cargo, qos, retain)


def sent(topic, payloads):
    ring = FakeRing(payloads)
    line = Topics()
    publisher = Publisher(line, ring, lambda kind: topic)
    while publisher._send_one(8, 1):
        pass
    return line, ring


@pytest.mark.parametrize("p", ["ID-1", 'odd "ID":"X" text', "x" * 250])
def test_each_record_goes_to_its_meter_s_topic(p):
    payloads = [
        dumps({"IMEI": "1", "TYPE": "IEC102", "TS": "t", "P": p, "ID": ident, "A": 1}, separators=(",", ":")).encode()
        for ident in ("A", "B", "A")
    ]
    line, _ = sent("x/[ID]/LOGGER", payloads)
    assert [bytes(topic) for topic in line.topics] == [b"x/A/LOGGER", b"x/B/LOGGER", b"x/A/LOGGER"]


def test_a_record_without_a_meter_and_one_with_too_long_a_topic_hold_up_nobody():
    payloads = [b'{"x":1}', b'{"ID":"' + b"n" * 32 + b'"}', b'{"ID":"A"}']
    line, ring = sent("t" * 230 + "[ID]", payloads)
    assert [len(topic) for topic in line.topics] == [230, 231]
    assert len(ring.held) == 1


def test_the_check_of_the_settings_knows_the_longest_id():
    config = Config()
    config.set_many({"logger.topic": "[ID]" * 8, "meter.0.id": "A" * 31, "meter.0.enabled": True})
    with pytest.raises(ConfigError, match="logger.topic"):
        config.set_many({"meter.3.id": "B" * 32, "meter.3.enabled": True})
