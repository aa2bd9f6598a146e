"""A change that could cut the device off: in force at once or with the restart, kept when the broker is reached.

The App with a broker that the test connects; the files of the settings are real.
"""

import asyncio

import pytest

from firmware.app import apply_settings, device
from firmware.commands.dispatcher import Processor
from firmware.config import password
from firmware.core.clock import Clock
from firmware.recordlog.ring import Ring
from tests.host.support import virtual_time
from tests.host.support.record_format import record_format


class Board:
    name = "test"

    def __init__(self, root):
        self.root = root
        self.fed = 0

    def feed(self):
        self.fed += 1

    def reset_cause(self):
        return "power on"


class Mqtt:
    """What the App needs of the uplink."""

    name = "mqtt"
    state = "online"
    connections = 1
    connected = True
    answering = False  # an answer has yet to go out

    def __init__(self, app):
        self.settings = apply_settings.mqtt_settings(app)
        self.left = False

    def replies_wait(self):
        return self.answering

    def reconfigure(self, settings):
        self.settings = settings

    async def leave(self):
        await asyncio.sleep(0.3)
        self.left = True


class Rtc:
    """It is right."""

    def get(self):
        return 1795000000

    def set(self, utc):
        """It is right."""


def start(tmp_path, online=True):
    """The device as after a restart."""
    app = device.App(Board(str(tmp_path)))
    app.config.load()
    app.imei = "1"
    app.clock = Clock(Rtc(), "Europe/Madrid")
    app.ring = Ring(str(tmp_path / "log"))
    app.ring.mount()
    app.format = record_format("1", "P")
    app.lines = []
    app.mqtt = None
    if app.config.get("mqtt.enabled"):
        app.mqtt = Mqtt(app)
        app.mqtt.connections = int(online)
        app.deliveries.append(app.mqtt)
    app.unsealed = password.typed(app.config)
    app.processor = Processor(app)
    app.look_up_topics()
    return app


@pytest.fixture
def app(tmp_path):
    """A device that is online at tcp://old."""
    start(tmp_path).change({"mqtt.enabled": "on", "mqtt.broker": "tcp://old"})
    return start(tmp_path)


def reboot(app, tmp_path, reason="command on mqtt", online=True):
    app.restart(reason)
    virtual_time.run(app.before_restart())
    return start(tmp_path, online)


def pass_time(app, seconds):
    app.trial_since -= seconds
    app.watch_trial()


def test_a_new_device_keeps_what_it_is_told(tmp_path):
    app = start(tmp_path)
    app.change({"uplink.apn": "internet", "mqtt.enabled": "on", "mqtt.broker": "tcp://first"})
    assert not app.config.trying
    pass_time(app, 3600)
    app = reboot(app, tmp_path, "watchdog", online=False)
    assert app.config.get("uplink.apn") == "internet" and app.mqtt.settings["host"] == "first"
    # The broker's name was wrong: it is corrected, and nobody takes that back.
    app.change({"mqtt.broker": "tcp://second"})
    pass_time(app, 3600)
    assert reboot(app, tmp_path).mqtt.settings["host"] == "second"


def test_another_broker_is_tried_at_once_and_taken_back(app, tmp_path):
    app.change({"mqtt.broker": "tcp://new"})
    assert app.mqtt.settings["host"] == "new"
    app.mqtt.connected = False
    pass_time(app, 601)
    assert app.mqtt.settings["host"] == "old" and not app.restart_reason
    assert start(tmp_path).mqtt.settings["host"] == "old"


def test_another_broker_that_is_reached_stays(app, tmp_path):
    app.change({"mqtt.broker": "tcp://new"})
    pass_time(app, 11)
    assert start(tmp_path).mqtt.settings["host"] == "new"


def test_a_power_cut_takes_it_back(app, tmp_path):
    app.change({"mqtt.broker": "tcp://new"})
    assert start(tmp_path).mqtt.settings["host"] == "old"


def test_a_reboot_behind_the_change_goes_on_with_the_trial(app, tmp_path):
    app.change({"mqtt.broker": "tcp://new"})
    app = reboot(app, tmp_path)
    assert app.mqtt.settings["host"] == "new" and app.config.trying
    app.mqtt.connected = False
    pass_time(app, 601)
    assert app.mqtt.settings["host"] == "old"


def test_the_way_to_the_network_is_tried_from_the_restart_on(app, tmp_path):
    app.change({"uplink.apn": "new"})
    # The old way still works: that proves nothing.
    pass_time(app, 11)
    assert app.config.get("uplink.apn") == "" and app.config.text("uplink.apn") == "new"
    app = reboot(app, tmp_path)
    assert app.config.get("uplink.apn") == "new" and app.config.trying
    app.mqtt.connected = False
    pass_time(app, 601)
    assert app.config.get("uplink.apn") == "" and app.restart_reason
    assert reboot(app, tmp_path, app.restart_reason).config.get("uplink.apn") == ""


def test_the_way_to_the_network_that_works_stays(app, tmp_path):
    app.change({"mqtt.qos": 0})
    app.change({"uplink.apn": "new"})
    app = reboot(app, tmp_path)
    pass_time(app, 11)
    app = start(tmp_path)
    assert (app.config.get("uplink.apn"), app.config.get("mqtt.qos")) == ("new", 0)
    assert not app.config.trying


def test_before_a_restart_the_broker_is_told_and_the_watchdog_fed(app):
    virtual_time.run(app.before_restart())
    assert app.mqtt.left and app.board.fed > 1
