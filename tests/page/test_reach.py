"""The page for everybody: Spanish, a telephone, the keyboard alone, dark, axe-core; tabs, a session that ends."""

import json
import re

import pytest
from playwright.sync_api import expect

from tests.page.test_walk import save
from tools.build import ROOT

PARTS = ("overview", "readings", "settings", "settings/meter", "settings/more", "log", "trace", "console", "device")
FIRST = {
    "overview": "ID00000", "readings": "FORCE READ", "settings": "port.1.baud", "settings/meter": "meter.0.id",
    "settings/more": "device.zone", "log": "Records waiting", "trace": "The trace is off here",
    "console": "AT commands", "device": "REBOOT",
}  # fmt: skip


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(device, scheme):
    screen, faults = device(color_scheme=scheme), {}
    for part in PARTS:
        screen.open(part).has(FIRST[part])
        found = screen.faults()
        if found:
            faults[part] = found
    assert faults == {}
    screen.open("overview").has("PAT")
    screen.shot("overview-" + scheme)


def test_axe_finds_nothing_at_the_login(lab, screens):
    screen = screens("http://device.test:%d/" % lab.web).open()
    expect(screen.page.get_by_label("Password of the device")).to_be_visible()
    assert screen.faults() == []
    screen.shot("login")


def test_in_spanish(device):
    screen = device(locale="es-ES").has("Registros en espera")
    assert screen.page.evaluate("() => document.documentElement.lang") == "es"
    screen.open("settings/logger").has("GUARDAR").has("topic de los registros").has("por defecto")
    screen.open("readings").has("FORZAR LECTURA")
    screen.shot("readings-es")


def test_on_a_telephone_nothing_is_wider_than_the_screen(device):
    screen = device(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    for part in PARTS:
        screen.open(part).has(FIRST[part])
        assert screen.page.evaluate("() => document.documentElement.scrollWidth") <= 360, part
    screen.open("overview").has("PAT").shot("phone")


def test_by_the_keyboard_alone(lab, screens):
    screen = screens("http://device.test:%d/" % lab.web).open()
    expect(screen.page.get_by_label("Password of the device")).to_be_focused()
    keys = screen.page.keyboard
    keys.type("a good password")
    keys.press("Enter")
    screen.has("ID00000")

    def tab_to(name):
        for _ in range(60):
            keys.press("Tab")
            found = screen.page.evaluate("() => document.activeElement.textContent || document.activeElement.name")
            if found == name:
                return
        raise AssertionError("the key Tab does not lead to " + name)

    tab_to("Settings")
    keys.press("Enter")
    screen.has("port.1.baud")
    tab_to("Logger")
    keys.press("Enter")
    screen.has("logger.order")
    expect(screen.main).to_be_focused()
    for _ in range(30):
        keys.press("Tab")
        if screen.page.evaluate("() => document.activeElement.id") == "s-logger.order":
            break
    keys.press("l")
    keys.press("Enter") if screen.page.get_by_label("logger.order", exact=True).input_value() != "lifo" else None
    tab_to("SAVE CONFIG")
    keys.press("Enter")
    screen.has("Saved.")
    assert "lifo" in lab.at("AT^MTXTUNNEL=GETPARAM,logger.order")
    lab.at("AT^MTXTUNNEL=SETPARAM,logger.order,fifo")


def test_search_and_what_differs(device):
    screen = device("settings").has("port.1.baud")
    screen.page.get_by_label("Search").fill("keepalive")
    screen.has("mqtt.keepalive")
    expect(screen.page.get_by_label("port.1.baud", exact=True)).to_have_count(0)
    screen.page.get_by_label("Search").fill("")
    screen.page.get_by_label("Only what differs").check()
    expect(screen.page.get_by_label("port.1.parity", exact=True)).to_have_count(0)


def test_a_setting_that_is_none_of_its_choices_keeps_nothing_from_loading(device):
    screen = device()

    def broken(route):
        route.fulfill(json={"lines": ["logger.order: sideways", "rubbish", ": x", "MQTT_qos: many"], "ok": True})

    screen.page.route("**/api/settings", broken)
    screen.open("settings/logger").has("logger.order")
    expect(screen.page.get_by_label("logger.order", exact=True)).to_have_value("sideways")


@pytest.mark.parametrize("kind", ["IEC102", "IEC102_LC"])
def test_the_extended_form_of_a_record_is_shown_as_the_other(device, kind):
    """The examples of docs/json.md."""
    page = (ROOT / "docs" / "json.md").read_text()
    titan, extended = (
        json.loads(re.search(r"<!-- example %s %s -->\n```json\n(.*?)```" % (kind, form), page, re.S)[1])
        for form in ("titan", "extended")
    )
    found = device().has("PAT").page.evaluate("(record) => plain(record)", extended)
    assert found.pop("BAD") == []
    assert (found.pop("DT", "") == "") == (kind == "IEC102")
    assert found == {key: titan[key] for key in titan if key in found}
    missing = [key for key in titan if key not in found and not key.startswith(("C", "R7", "R8"))]
    assert missing == [key for key in ("IMEI", "P", "REC", "DT") if key in titan]


def test_two_tabs_change_different_things(lab, device):
    one, two = device("settings/logger"), device("settings/more")
    one.has("logger.order")
    two.has("device.mtxerr")
    save(one, logger__order="lifo").has("Saved.")
    save(two, device__mtxerr="on").has("Saved.")
    for name, value in (("logger.order", "lifo"), ("device.mtxerr", "on")):
        assert value in lab.at("AT^MTXTUNNEL=GETPARAM," + name)
    lab.at("AT^MTXTUNNEL=SETPARAM,logger.order,fifo")


def test_a_session_that_has_ended_asks_for_the_password_and_goes_on(device):
    screen = device("settings/logger").has("logger.order")
    screen.context.clear_cookies()
    screen.button("SAVE CONFIG").click()  # nothing has changed: nothing is asked
    screen.open("readings")
    screen.page.reload()
    expect(screen.page.get_by_label("Password of the device")).to_be_visible()
    screen.login().has("FORCE READ")


def test_pictures_for_the_docs(lab, device):
    small = {"width": 680, "height": 620}
    screen = device(viewport=small).has("PAT").has("Nothing is wrong", 60)
    screen.small_shot("overview")
    screen.open("readings").has("FORCE READ")
    screen.page.select_option("#kind", "_LC")
    screen.button("Read from the meter").click()
    expect(screen.page.get_by_role("img", name="Load curve")).to_be_visible(timeout=60000)
    screen.small_shot("curve")
    screen.open("settings/meter").has("meter.0.id").small_shot("settings")
