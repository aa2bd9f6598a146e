"""What the settings of the log do to it: order, profile, the longest record, how many may wait. In force at once."""

import pytest

from firmware.app.device import App
from firmware.meters import readings
from firmware.recordlog.ring import Ring
from tests.host.support.record_format import record_format


class Board:
    name = "test"

    def __init__(self, root):
        self.root = root

    def reset_cause(self):
        return "test"


@pytest.fixture
def app(tmp_path):
    found = App(Board(str(tmp_path)))
    found.imei = "1"
    found.config.load()
    found.ring = Ring(str(tmp_path / "log"))
    found.ring.mount()
    found.format = record_format("1", "P")
    found.lines = []
    found.mqtt = None
    found.look_up_topics()
    return found


def taken(app):
    order = []
    while True:
        seq = app.ring.take()
        if seq is None:
            return order
        buffer = bytearray(app.ring.info(seq)[2])
        app.ring.read_into(seq, buffer)
        order.append(bytes(buffer))


def keep(app, *payloads):
    app.keep([(readings.INSTANT, 0, payload) for payload in payloads])


def test_the_order_is_changed_while_records_wait(app):
    keep(app, b"a", b"b", b"c")
    assert taken(app) == [b"a", b"b", b"c"]
    app.ring.release()
    app.change({"logger.order": "lifo"})
    assert taken(app) == [b"c", b"b", b"a"]
    app.ring.release()
    app.change({"logger.order": "fifo"})
    assert taken(app) == [b"a", b"b", b"c"]


def test_no_more_than_registers_wait_and_the_oldest_goes(app):
    app.change({"logger.registers": 3})
    keep(app, b"1", b"2")
    keep(app, b"3", b"4", b"5")
    assert app.ring.stats()["depth"] == 3
    assert app.ring.stats()["lost"] == 2
    assert taken(app) == [b"3", b"4", b"5"]


def test_registers_may_shrink_while_one_is_on_its_way(app):
    keep(app, b"1", b"2", b"3", b"4")
    seq = app.ring.take()
    app.change({"logger.registers": 2})
    keep(app, b"5")
    app.ring.ack(seq)
    assert app.ring.stats()["depth"] == 2
    assert taken(app) == [b"4", b"5"]


def test_a_record_longer_than_size_is_not_kept_and_told(app, capsys):
    app.change({"logger.size": 10})
    keep(app, b"0123456789", b"0123456789A", b"x")
    assert taken(app) == [b"0123456789", b"x"]
    assert "logger.size" in capsys.readouterr().out
    keep(app, b"0123456789A")
    assert app.ring.stats()["depth"] == 2
    assert app.too_long == 2


def test_the_profile_and_the_topics_of_both_forms(app):
    app.change({"logger.profile": "both", "logger.extended_topic": "deep"})
    assert app.format.profile == "both"
    assert app.topic_for(readings.CURVE | readings.EXTENDED) == "deep"
    assert app.topic_for(readings.CURVE).endswith("LOGGER")
