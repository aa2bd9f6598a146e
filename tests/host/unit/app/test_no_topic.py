"""Records without a destination wait in the log: delivery off, a topic that is empty or too long, for any while."""

import pytest

from firmware.app import apply_settings
from firmware.config import usable
from firmware.config.config import LONGEST_TOPIC
from firmware.core import log
from firmware.delivery import homeassistant
from firmware.delivery.mqtt import options
from firmware.delivery.publisher import Publisher
from firmware.meters import readings
from firmware.recordlog.ring import Ring
from tests.host.support import virtual_time
from tests.host.unit.app import test_logger_settings
from tests.host.unit.delivery.test_uplink_parts import Line

app = test_logger_settings.app

_KINDS = (readings.INSTANT, readings.CURVE, readings.INSTANT | readings.EXTENDED, readings.ERROR)
_LONG = "é" * 126


def keep(app, count, first=0):
    for number in range(first, first + count):
        app.keep([(kind, 0, b"%d %d" % (kind, number)) for kind in _KINDS])


def deliver(app):
    """What goes out in one session, and is confirmed."""
    line = Line()
    publisher = Publisher(line, app.ring, app.topic_for)

    async def main():
        while await publisher.send({"window": 8}):
            line.confirm()
            await publisher.note_acks()

    virtual_time.run(main())
    publisher.lost()
    assert publisher.dropped == 0
    return line.out


def stored(app, values):
    """As an older version has stored them; today's check would refuse some."""
    app.config.values.update(values)
    app.look_up_topics()


@pytest.mark.parametrize("order", ("fifo", "lifo"))
@pytest.mark.parametrize(
    "values, waits",
    [
        ({"logger.enabled": False}, _KINDS),
        ({"logger.topic": ""}, _KINDS[:2]),
        ({"logger.topic": _LONG}, _KINDS[:2]),
        ({"logger.extended_topic": ""}, _KINDS[2:3]),
        ({"logger.extended_topic": _LONG}, _KINDS[2:3]),
        ({"mqtt.status_topic": _LONG}, _KINDS[3:]),
        ({"mqtt.status_topic": ""}, _KINDS[3:]),
    ],
)
def test_what_has_no_destination_waits_until_it_has_one(app, values, waits, order):
    app.ring.order = order
    keep(app, 15)
    stored(app, values)
    gone = deliver(app)
    assert len(gone) == 15 * (4 - len(waits)) and not any(int(each.split()[0]) in waits for each in gone)
    assert app.ring.stats()["depth"] == 15 * len(waits) and app.ring.stats()["lost"] == 0
    # What is made meanwhile waits, too; but nobody keeps readings that failed where nobody wants to hear of them.
    keep(app, 3, 15)
    assert deliver(app) and app.ring.stats()["depth"] >= 15 * len(waits) or len(waits) == 4
    # Neither a restart nor the topics' return loses or repeats any.
    app.ring = Ring(str(app.board.root) + "/log")
    app.ring.mount()
    app.ring.order = order
    app.config.values.clear()
    app.look_up_topics()
    late = 0 if values == {"mqtt.status_topic": ""} else 3
    found = deliver(app)
    assert len(found) == len(set(found)) == (15 + late) * len(waits) and app.ring.stats()["depth"] == 0


def test_the_topic_comes_back_while_connected(app):
    stored(app, {"logger.topic": ""})
    line = Line()
    publisher = Publisher(line, app.ring, app.topic_for)
    app.keep([(readings.INSTANT, 0, b"waits")])

    async def main():
        await publisher.send({})
        assert line.out == []
        app.change({"logger.topic": "here"})
        await publisher.send({})

    virtual_time.run(main())
    assert line.out == [b"waits"]


def test_thousands_that_wait_take_no_memory_and_hold_up_nobody(app):
    stored(app, {"logger.topic": ""})
    for number in range(1000):
        app.keep([(readings.INSTANT, 0, b"waits %d" % number), (readings.INSTANT | 128, 0, b"goes %d" % number)])
    assert len(deliver(app)) == 1000
    assert len(app.ring.acks.ranges) < 30 and len(app.ring._passed.ranges) < 4 and not app.ring._flying
    keep(app, 1, 2000)
    assert len(deliver(app)) == 2  # the extended one and the error, nothing twice
    app.config.values.clear()
    app.look_up_topics()
    assert len([each for each in deliver(app) if each.startswith(b"waits")]) == 1000


def test_a_topic_that_is_heard_and_spoken_on_is_not_subscribed_to(app, monkeypatch):
    """Stored by a version that took it: the device must not answer its own answers, 119 KB in half a minute."""
    said = []
    monkeypatch.setattr(log, "sink", said.append)
    app.imei = app.config.expansions["IMEI"] = "860000000000001"
    values = {"mqtt.enabled": True, "mqtt.broker": "tcp://h:1", "mqtt.at_topic": "lector102/[IMEI]/ATR"}
    stored(app, dict(values, **{"mqtt.at_topic2": "free", "mqtt.online_topic": _LONG}))
    settings = apply_settings.mqtt_settings(app)
    assert settings["subscribe"] == ["free"] and settings["online_topic"] == ""
    assert any("mqtt.at_topic" in line for line in said) and any("mqtt.online_topic" in line for line in said)


def test_an_answer_topic_that_is_too_long_takes_no_answers(app):
    stored(app, {"mqtt.atr_topic": _LONG})
    assert app.answers == ""


def test_the_check_of_the_settings_knows_the_topics_and_lengths_of_those_who_use_them():
    assert set(usable._SAID.split()) == {"mqtt.online_topic", *options._OURS}
    values = {"mqtt.id": "i", "logger.id": "l", "ha.prefix": "h" * homeassistant._LONGEST_PREFIX}
    values.update({name: "t" * LONGEST_TOPIC for name in usable._SAID.split()})

    def get(name):
        return values.get(name, "")

    usable.usable(get, values, {})
    for name in ("ha.prefix", "logger.topic"):
        values[name] += "x"
        with pytest.raises(usable.ConfigError, match=name):
            usable.usable(get, {name: values[name]}, {})
        values[name] = values[name][:-1]
