"""The same page over the cable (a pty, the device's console) and through the broker (Mosquitto, several devices)."""

import argparse

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
    lab.twin.start()
    other.start()
    lab.record(60)
    yield lab
    other.close()
    lab.close()


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
