"""The way out, tried from the wrong side: by who sends several commands at a time, does so while something else is on
trial, or sits at the broker that has yet to be confirmed.
"""

import asyncio
import re

import pytest

from firmware.commands.executor import Collector
from tests.host.support.fake_device import channel_of
from tests.host.support.roles import WITH_WAY
from tests.host.unit.app.test_trial import pass_time, reboot, start
from tests.host.unit.commands.test_commands import OURS


@pytest.fixture
def app(tmp_path):
    """A device that is online at tcp://old; the broker may change settings."""
    settings = {"mqtt.enabled": "on", "mqtt.broker": "tcp://old", "device.mtxerr": "on"}
    start(tmp_path).change({**settings, **WITH_WAY})
    return again(tmp_path)


def again(tmp_path):
    return start(tmp_path)


def say(app, text, name="mqtt"):
    """The answer to one message, and what is done once that is out."""
    collector = Collector()
    channel = channel_of(name)
    after = asyncio.run(app.processor.execute(text, channel, collector.write, collector))
    if after:
        after()
    return collector.take().decode()


def code(answer):
    return re.search(r"(?m)^confirm: (\S+)", answer).group(1)


@pytest.mark.parametrize("value", ["mqtt.enabled,off", "mqtt.password,wrong", "mqtt.at_topic,"])
def test_what_needs_no_code_is_confirmed_by_the_broker_alone(app, tmp_path, value):
    """CONFIRM in the same message would have made a change stay that cuts the device off."""
    answer = say(app, "%sSETPARAM,%s\n%sCONFIRM" % (OURS, value, OURS))
    assert "OK" in answer and "+MTXERR: 3" in answer and app.config.trying
    app.mqtt.connected = False
    pass_time(app, 601)
    assert start(tmp_path).config.get("mqtt.enabled") and not app.config.trying
    assert start(tmp_path).config.get("mqtt.password") == ""


def test_a_code_goes_the_old_way_whatever_else_is_on_trial(app):
    say(app, OURS + "SETPARAM,mqtt.keepalive,90")
    assert app.config.trying
    answer = say(app, OURS + "SETPARAM,mqtt.broker,tcp://new")
    assert "+MTXERR" in answer and "confirm:" not in answer
    assert app.mqtt.settings["host"] == "old"
    pass_time(app, 11)
    code(say(app, OURS + "SETPARAM,mqtt.broker,tcp://new"))
    assert app.mqtt.settings["host"] == "old"


def test_a_broker_that_is_not_confirmed_gives_itself_no_code(app, tmp_path):
    old = code(say(app, OURS + "SETPARAM,mqtt.broker,tcp://new"))
    app.watch_trial()
    app.mqtt.connections += 1
    answer = say(app, OURS + "SETPARAM,uplink.ping_host,8.8.8.8")
    assert "+MTXERR" in answer and "confirm:" not in answer
    assert app.mqtt.settings["window"] == 0
    pass_time(app, 601)
    assert app.confirm(old) == "nothing waits to be confirmed"
    assert start(tmp_path).mqtt.settings["host"] == "old"


def test_a_code_is_no_good_before_its_answer_is_out(app):
    answer = say(app, OURS + "SETPARAM,mqtt.broker,tcp://new")
    app.config.begin_trial()
    assert "over the new way" in app.confirm(code(answer))


def test_whoever_has_to_confirm_gets_no_more_time(app, tmp_path):
    """Neither by further changes nor by restarts: a stranger's broker that may do both would keep the device."""
    say(app, OURS + "SETPARAM,mqtt.broker,tcp://new")
    app.watch_trial()
    app.mqtt.connections += 1
    pass_time(app, 300)
    say(app, OURS + "SETPARAM,mqtt.keepalive,90")
    pass_time(app, 200)
    say(app, OURS + "REBOOT")
    app = reboot(app, tmp_path)
    assert app.mqtt.settings["host"] == "new" and app.config.trying <= 101
    app.mqtt.connected = True
    pass_time(app, 102)
    assert app.mqtt.settings["host"] == "old" and not app.config.staged


@pytest.mark.parametrize(
    "order",
    [("REBOOT", "SETPARAM,mqtt.broker,tcp://new"), ("SETPARAM,mqtt.broker,tcp://new", "REBOOT")],
)
def test_a_restart_in_the_same_message_is_carried_out_too(app, tmp_path, order):
    answer = say(app, "\n".join(OURS + line for line in order))
    assert app.restart_reason == "command on mqtt"
    app = reboot(app, tmp_path)
    assert app.mqtt.settings["host"] == "new" and app.mqtt.settings["window"] == 0
    assert app.confirm(code(answer)) == ""
