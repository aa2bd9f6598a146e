"""More than a small board can hold is refused with the figure; what it has from before is kept, and told."""

import re

import pytest

from firmware.config import needs
from firmware.config.config import Config
from firmware.core.errors import ConfigError
from tests.host.unit.commands.test_commands import OURS, Desk
from tests.host.unit.commands.test_rights import doctor

READINGS = ("closing", "curve", "tariff", "events", "clock", "identity", "power", "setup")
SMALL, MIDDLE = 192384, 440000


@pytest.fixture
def heap(monkeypatch):
    """A function that sets how large the heap is, in bytes."""

    def make(size=SMALL):
        monkeypatch.setattr(needs, "heap", lambda: size)

    make()
    return make


def meters(count, readings=(), **more):
    """An order of so many meters, with these readings."""
    values = {"meter.%d.enabled" % index: "on" for index in range(count)}
    for index in range(count):
        values["meter.%d.id" % index] = "ID%05d" % index
        values.update({"meter.%d.%s" % (index, name): "1" for name in readings})
    values.update({name.replace("__", "."): value for name, value in more.items()})
    return values


def figure(error):
    found = re.search(r"this takes (\d+) bytes of memory more than this board has", str(error))
    assert found and "take less" in str(error), error
    return int(found[1])


FIT = (
    meters(1, READINGS, logger__profile="both"),
    meters(3, ("closing", "curve")),
    meters(8, logger__profile="both", ha__enabled="on"),
    meters(2, ("closing",), ha__enabled="on"),
)


@pytest.mark.parametrize("order", FIT)
def test_what_the_tests_and_the_benches_of_the_class_run_is_accepted(heap, order):
    config = Config()
    config.change(order)
    assert needs.advice(config) is None


def test_what_is_too_much_is_refused_with_the_figure_and_nothing_changes(heap):
    config = Config()
    config.change(meters(1))
    with pytest.raises(ConfigError) as caught:
        config.change(meters(8, READINGS, logger__profile="both"))
    much = figure(caught.value)
    assert config.get("logger.profile") == "titan" and not config.get("meter.1.enabled")
    with pytest.raises(ConfigError) as caught:
        config.change(meters(8, READINGS))
    assert 0 < figure(caught.value) < much


def test_one_by_one_it_comes_to_the_same(heap):
    config = Config()
    config.change(meters(1, READINGS))
    with pytest.raises(ConfigError) as caught:
        for index in range(1, 8):
            config.change({"meter.%d.id" % index: "X%d" % index})
            for name in READINGS:
                config.change({"meter.%d.%s" % (index, name): "1"})
            config.change({"meter.%d.enabled" % index: "on"})
    assert figure(caught.value) <= 970 + 8 * 52 and 1 < index < 8


@pytest.mark.parametrize("size", (MIDDLE, 4 << 20))
def test_larger_boards_take_all_there_is(heap, size):
    heap(size)
    config = Config()
    config.change(meters(8, READINGS, logger__profile="both", ha__enabled="on", iec102__trace="topic"))
    assert needs.advice(config) is None


def test_a_host_is_no_small_board():
    assert needs.heap() > SMALL


def test_what_a_device_has_from_before_is_kept_and_may_become_less(heap, tmp_path):
    config = Config(str(tmp_path / "config.json"))
    config.load()
    config.set_many(meters(8, READINGS, logger__profile="both"))
    config.save()
    config = Config(str(tmp_path / "config.json"))
    config.load()
    config.release()
    assert not config.problems and config.get("meter.7.setup") == 1
    what, todo = needs.advice(config)
    assert re.match(r"FAULT the settings take \d+ bytes more than this board has", what) and "take less" in todo
    assert config._values is None, "to look at them takes no room"
    config.change({"meter.7.enabled": "off"})
    config.change({"mqtt.qos": "1"})
    config.change(meters(7, READINGS))
    with pytest.raises(ConfigError):
        config.change({"meter.7.enabled": "on"})
    config.change({"meter.%d.enabled" % index: "off" for index in range(1, 8)})
    assert needs.advice(config) is None


def test_what_waits_for_its_trial_counts_and_comes_into_force_all_the_same(heap, tmp_path):
    config = Config(str(tmp_path / "config.json"))
    config.load()
    config.own = {"uplink.cmux": False}
    config.change(meters(3, READINGS))
    before = needs.taken(config)
    with pytest.raises(ConfigError) as caught:
        config.change({"uplink.cmux": "on"}, 60)
    assert figure(caught.value) == needs.over(config, {"uplink.cmux": True})
    heap(MIDDLE)
    config.change({"uplink.cmux": "on"}, 60)
    heap()
    assert needs.taken(config) == before + 8900
    again = Config(config.path)
    again.load()
    assert again.trying and again.get("uplink.cmux")


def test_an_order_over_a_channel_is_answered_with_the_figure_and_doctor_tells_it(heap):
    desk = Desk()
    desk.ok(OURS + "SETPARAM,meter.0.enabled,on")
    assert not [line for line in doctor(desk) if line.startswith("memory")]
    desk.device.config.set_many(meters(8, READINGS))
    found = [line for line in doctor(desk) if line.startswith("memory")]
    assert len(found) == 1 and re.search("FAULT the settings take [0-9]+ bytes more", found[0])
