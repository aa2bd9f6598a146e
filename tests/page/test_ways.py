"""The same page over the cable (a pty, the device's console) and through the broker (Mosquitto, several devices)."""

import argparse
import os

import pytest
from playwright.sync_api import expect

from tests.host.support.twin_lab import IDENT, Lab
from tools import micropython, patience
from tools.fleet import desk
from tools.page import ways
from tools.page.server import Server
from tools.twin.device import Twin

OTHER = "860000000000002"
RIGHTS = {"mqtt.commands": "view,meter,setup"}


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A device whose own page is off, and another one behind the same broker."""
    lab = Lab(tmp_path_factory.mktemp("one"), settings=RIGHTS, heap=micropython.MIDDLE)
    other = Twin(
        tmp_path_factory.mktemp("two"), [], {**lab.twin.setup["settings"], "meter.0.enabled": False}, ident=OTHER
    )
    # What the firmware says of itself comes out of a board's console, too.
    console = os.open(lab.twin.console.device, os.O_WRONLY | os.O_NOCTTY)
    lab.twin.on_line = lambda line: os.write(console, line.encode() + b"\r\n")
    lab.twin.start()
    other.start()
    lab.record(60)
    yield lab
    other.close()
    lab.close()
    os.close(console)


def served(way):
    return Server(way)


def walk(screen, way):
    """What the page can do on each way."""
    screen.open().has("ID00000", 60).has("PAT", 60)
    expect(screen.page.locator("#who")).to_contain_text(way)
    screen.open("readings").has("FORCE READ")
    screen.button("FORCE READ").click()
    expect(screen.page.locator("main [role=status]")).to_have_text("1 records", timeout=60000)
    screen.open("settings/logger").has("logger.order", 60)
    screen.page.get_by_label("logger.order", exact=True).select_option("lifo")
    screen.button("SAVE CONFIG").click()
    screen.has("Saved.", 60)
    screen.page.get_by_label("logger.order", exact=True).select_option("fifo")
    screen.button("SAVE CONFIG").click()
    screen.has("Saved.", 60)
    screen.open("trace").has("The trace is off here.", 60)
    screen.button("Begin the trace").click()
    screen.has("The trace is on.", 60)
    screen.open("readings").has("FORCE READ")
    screen.button("FORCE READ").click()
    expect(screen.page.locator("main [role=status]")).to_have_text("1 records", timeout=60000)
    screen.open("trace").has("link 1: ACK", 60).has("instantaneous values", 60)
    screen.button("End it").click()
    screen.has("The trace is off here.", 60)
    screen.open("console").has("AT commands")
    screen.page.get_by_label("Command").fill("AT^MTXTUNNEL=VERSION")
    screen.page.get_by_label("Command").press("Enter")
    expect(screen.page.get_by_role("log")).to_contain_text("OK")


def test_over_the_cable(lab, screens):
    way = ways.Cable(lab.twin.console.person)
    server = served(way)
    try:
        walk(screens(server.url), "over the cable")
    finally:
        server.close()
        way.close()


def test_what_is_on_trial_over_the_cable_stays_when_the_broker_is_reached_or_by_confirm(lab, screens):
    way = ways.Cable(lab.twin.console.person)
    server = served(way)
    try:
        screen = screens(server.url).open("settings/mqtt").has("mqtt.broker", 60)
        field = screen.page.get_by_label("mqtt.broker", exact=True)
        old = field.input_value()
        field.fill(old.replace("127.0.0.1", "localhost"))
        screen.button("SAVE CONFIG").click()
        screen.has("On trial: the old values come back in", 60).has("as soon as the broker is reached")
        screen.button("CONFIRM").click()
        screen.has("It stays.", 60)
        field.fill(old)
        screen.button("SAVE CONFIG").click()
        screen.has("On trial: the old values come back in", 60)
        screen.button("CONFIRM").click()
        screen.has("It stays.", 60)
        limit = patience.Limit(60)
        while not lab.at("AT^MTXTUNNEL=GETPARAM,mqtt.broker"):
            assert not limit.passed()
    finally:
        server.close()
        way.close()


def arguments(port):
    parser = argparse.ArgumentParser()
    desk.add_arguments(parser)
    return parser.parse_args(["--broker", "mqtt://127.0.0.1:%d" % port])


def test_through_the_broker_with_several_devices(lab, screens):
    limit = patience.Limit(30)
    while ways.seen(arguments(lab.port), 1) < {IDENT, OTHER}:
        assert not limit.passed()
    way = ways.Broker(arguments(lab.port), look_s=2)
    server = served(way)
    try:
        assert way.devices == (IDENT, OTHER)
        screen = screens(server.url)
        walk(screen, "through the broker")
        screen.open("overview")
        screen.page.get_by_label("Device").select_option(OTHER)
        screen.has("No meter is set up.", 60)
        expect(screen.page.locator("#who")).to_contain_text(OTHER)
    finally:
        server.close()
        way.close()


def test_another_way_to_the_broker_is_confirmed_over_it(lab, screens):
    way = ways.Broker(arguments(lab.port), [IDENT])
    server = served(way)
    cable = ways.Cable(lab.twin.console.person)
    try:
        cable.ask("", "AT^MTXTUNNEL=SETPARAM,mqtt.commands,view,meter,setup,way")
        screen = screens(server.url).open("settings/mqtt").has("mqtt.broker", 60)
        field = screen.page.get_by_label("mqtt.broker", exact=True)
        field.fill(field.input_value().replace("127.0.0.1", "localhost"))
        screen.button("SAVE CONFIG").click()
        screen.has("confirm: ", 60).has("On trial: the old values come back in")
        limit = patience.Limit(90)
        while "It stays." not in screen.main.inner_text():
            # The device has to have come back first.
            assert not limit.passed()
            screen.button("CONFIRM").click()
            expect(screen.button("CONFIRM").or_(screen.page.get_by_text("It stays."))).to_be_enabled(timeout=140000)
        assert "localhost" in cable.ask("", "AT^MTXTUNNEL=GETPARAM,mqtt.broker").lines[0]
    finally:
        server.close()
        way.close()
        cable.close()


def test_what_a_role_may_not_is_told_in_words(lab, screens):
    way = ways.Broker(arguments(lab.port), [IDENT])
    server = served(way)
    try:
        screen = screens(server.url).open("console").has("AT commands", 60)
        screen.page.get_by_label("Command").fill("AT^MTXTUNNEL=REBOOT")
        screen.page.get_by_label("Command").press("Enter")
        expect(screen.page.get_by_role("log")).to_contain_text("what this way may is in mqtt.commands")
    finally:
        server.close()
        way.close()
