"""A row of the settings that says "now": changed on a running device, it is read again, by what it is for, at once.

The device is the App with all that has settings of that kind: console, MQTT topic, tags and SMS, the log, the client
of the broker, the time, Home Assistant, the trace. Each of them has something to do in the half minute after the
change, and one of them has to get the new value; who only looks whether the change is allowed gets the old one.
"""

import asyncio
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from firmware.app import device as services
from firmware.app import time_sync
from firmware.app.device import TimeKeeper
from firmware.commands.channels.mqtt import Remote
from firmware.commands.dispatcher import Processor
from firmware.config import settings
from firmware.config.config import Config
from firmware.core.clock import Clock
from firmware.delivery import homeassistant
from firmware.delivery.discovery import Discovery
from firmware.delivery.mqtt import options
from firmware.recordlog.ring import Ring
from firmware.security import trust
from firmware.web.server import Page
from tests.host.support import virtual_time
from tests.host.support.fake_device import Line, Link, Meter, channel_of
from tests.host.support.record_format import record_format
from tests.host.unit.app.test_flash_gate import Board
from tests.host.unit.app.test_trial import Mqtt

NOW = 1795000000
OURS = "AT^MTXTUNNEL="
# What has to be set for the others to have something to do.
BASE = {
    "mqtt.enabled": "on", "mqtt.broker": "tcp://one", "mqtt.at_topic": "at", "mqtt.commands": "*", "ha.enabled": "on",
    "http.enabled": "on", "http.server": "http://one/", "ftp.enabled": "on", "ftp.server": "ftp://one",
    "iec102.trace": "topic", "sms.commands": "view,setup", "port.1.commands": "*", "ntp.hours": "168",
}  # fmt: skip
# A value that is neither the default nor in BASE, by type; numbers and choices have one of their own.
OTHERS = {"list": "view,setup,way,danger", "broker": "tcp://another", "code": "7"}
# These are about the next change, which would make the App look at all the others, too.
OF_CHANGES = ("device.trial", "device.confirm")


def other(row):
    """A value for a setting that it has not here."""
    if row[2] == "bool":
        return "off" if row[4] == "on" else "on"
    if row[2] == "int":
        return row[3].split(",")[row[3].startswith(row[4] + ",")]
    if row[2] == "choice":
        return next(word for word in row[3].split(",") if word not in (row[4], "topic"))
    return "X-Another: one" if "header" in row[0] else OTHERS.get(row[2], "another")


class Rtc:
    def get(self):
        return virtual_time.utc()

    def set(self, utc):
        """It is right."""


class Network(Link):
    socket = None

    def is_up(self):
        return True


class Topics(Mqtt):
    """Messages for the AT topic, and what the App says at the broker."""

    def __init__(self, app):
        super().__init__(app)
        self.messages = []

    def next_message(self):
        return ("at", self.messages.pop(0)) if self.messages else None

    session = SimpleNamespace(pause=60000)

    async def reply(self, topic, payload, retain=False):
        """It has arrived."""

    send_trace = reply


class Sent:
    """A delivery beside MQTT, whose settings are read anew."""

    state = "idle"
    connected = True
    connections = 1

    def __init__(self, name):
        self.name = name
        self.settings = {}

    def reconfigure(self, settings):
        self.settings = settings


def device(folder):
    app = services.App(Board(str(folder)))
    app.config.set_many(BASE)
    app.imei = "1"
    app.gate = None
    app.clock = Clock(Rtc(), "Europe/Madrid")
    app.ring = Ring(str(folder) + "/log")
    app.ring.mount()
    app.format = record_format("1", "P")
    app.deliveries = [Sent("http"), Sent("ftp")]
    app.lines = [Line("port 1", [Meter("ID00000")])]
    app.link = Network()
    app.mqtt = Topics(app)
    app.look_up_topics()
    app.processor = Processor(app)
    app.discovery = Discovery(app)
    app.keeper = TimeKeeper(app)
    return app


async def reporting(app):
    """What the watch does beside other things (app/main.py)."""
    while True:
        await asyncio.sleep(10)
        await app.report()


async def say(app, channel, *lines):
    for line in lines:
        await app.processor.collect(line, channel)
        await asyncio.sleep(1)


class Reads(set):
    """Values that were got of one setting by others than who checks a change of it."""

    def __init__(self, name, monkeypatch):
        super().__init__()
        get = Config.get

        def watched(config, asked, index=None):
            value = get(config, asked, index)
            by = sys._getframe(1).f_code
            key = asked if index is None else asked.replace(".", ".%d." % index, 1)
            # The client of the broker only looks that no topic of ours is one of its commands.
            compared = name in options._OURS and by.co_name in ("options", "<listcomp>")
            if key == name and Path(by.co_filename).parent.name != "config" and not compared:
                self.add(str(value))
            return value

        monkeypatch.setattr(Config, "get", watched)


NAMES = {
    row[0].replace("port.", "port.1."): row for row in settings.rows() if not row[5]
}  # no row of the meters says "now"


def test_there_are_such_rows():
    assert len(NAMES) > 30 and not any(name.startswith("meter.") for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_what_says_now_acts_now(name, tmp_path, monkeypatch):
    async def answer(sockets, host):
        return virtual_time.utc()

    async def announced(service):
        return True

    monkeypatch.setattr(time_sync, "ask", answer)
    monkeypatch.setattr(homeassistant, "go_on", announced)
    value = other(NAMES[name])

    async def main():
        app = device(tmp_path)
        console, tags = channel_of("console"), channel_of("serial", "port.1.commands")
        console.known = True
        services_of = Remote(app.mqtt, app.processor, app.answer_topic), app.discovery, app.keeper
        tasks = [asyncio.ensure_future(service.run()) for service in services_of]
        tasks.append(asyncio.ensure_future(reporting(app)))
        await asyncio.sleep(60)
        assert str(app.config.get(name)) != value
        reads = Reads(name, monkeypatch)
        _, collector = await app.processor.collect(OURS + "SETPARAM,%s,%s" % (name, value), console)
        answer = collector.take()
        assert b"\r\nOK\r\n" in answer and not app.restart_reason, answer
        app.mqtt.messages += [OURS.encode() + b"SETPARAM,mqtt.broker,tcp://two"] if name in OF_CHANGES else [b"NOPE"]
        await say(app, console, "ATI", "NOPE", OURS + "GETIEC102,ID00000")
        await say(app, tags, "ATI")
        await app.processor.answer("ATI", "sms")
        Page(app.processor, app.config.get, lambda: None, tuple).api.named("device.test")
        trust.of_update("", app.clock, app.config.get)  # of the next update
        await asyncio.sleep(20)
        for task in tasks:
            assert not task.done(), task.result()
            task.cancel()
        if app.tracer:
            app.tracer.stop()
        kept = app.config.text(name, masked=False)
        wanted = {"on": "True", "off": "False"}.get(kept, kept)
        assert wanted in reads, "%s is %s, and was read as %s" % (name, wanted, sorted(reads) or "nothing")

    virtual_time.run(main(), NOW, limit_s=3600)
