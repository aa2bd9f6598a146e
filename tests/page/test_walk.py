"""The walk of the application note, sections 3 to 8, with a browser on the device's own page: a test a step."""

import json
import time
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.host.support.page_lab import BROKER_SECRET, PASSWORD
from tools import patience


def save(screen, **values):
    """Type settings (__ for a dot) on the open part and press SAVE CONFIG."""
    for name, value in values.items():
        field = screen.page.get_by_label(name.replace("__", "."), exact=True)
        if field.evaluate("(e) => e.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)
    screen.button("SAVE CONFIG").click()
    return screen


def kept(lab, name):
    """What the device itself says that it has."""
    return lab.at("AT^MTXTUNNEL=GETPARAM," + name).split("\r\n")[1:-3]


def test_the_browser_takes_it_for_a_device_on_the_network(device):
    screen = device()
    assert screen.page.evaluate("() => [isSecureContext, typeof crypto.subtle]") == [False, "undefined"]


def test_a_wrong_password_is_told_and_another_one_counts(lab, screens):
    screen = screens("http://device.test:%d/" % lab.web).open().login("a wrong one")
    expect(screen.page.get_by_role("alert")).to_have_text("That is not the password.")
    screen.login().has("ID00000")
    screen.button("Log out").click()
    expect(screen.page.get_by_label("Password of the device")).to_be_visible()


def test_section_3_serial_settings(lab, device):
    screen = device("settings/serial").has("port.1.baud")
    for name, text in (("baud", "9600"), ("bits", "8"), ("parity", "none"), ("stop", "1")):
        expect(screen.page.get_by_label("port.1." + name, exact=True)).to_have_value(text)
    save(screen, port__1__baud="19200").has("Saved.")
    assert kept(lab, "port.1.baud") == ["19200"]
    save(screen, port__1__baud="9600").has("Saved.")
    screen.shot("settings")


def test_section_4_wan(lab, device):
    screen = device("settings/wan").has("uplink.apn")
    save(screen, uplink__ping_host="192.0.2.1").has("Saved.")
    assert kept(lab, "uplink.ping_host") == ["192.0.2.1"]


def test_section_5_mqtt(lab, device):
    screen = device("settings/mqtt").has("mqtt.broker")
    expect(screen.page.get_by_label("mqtt.password", exact=True)).to_have_value("")
    save(screen, mqtt__keepalive="45").has("Saved.")
    assert kept(lab, "mqtt.keepalive") == ["45"]
    assert lab.record(40)["ID"] == "ID00000"


def test_section_6_logger(lab, device):
    screen = device("settings/logger").has("logger.order")
    save(screen, logger__order="lifo", logger__id='a "quote" & <b>').has("Saved.")
    assert kept(lab, "logger.order") == ["lifo"]
    screen.page.reload()
    expect(screen.page.get_by_label("logger.id", exact=True)).to_have_value('a "quote" & <b>')
    save(screen, logger__order="fifo", logger__id="").has("Saved.")


def test_section_7_the_iec102_meter(lab, device):
    screen = device("settings/meter").has("meter.0.id")
    expect(screen.page.get_by_label("meter.0.id", exact=True)).to_have_value("ID00000")
    expect(screen.page.get_by_label("meter.0.link", exact=True)).to_have_value("1")
    save(screen, meter__0__logger="off").has("Saved.").has("This counts from the next start on.")
    save(screen, meter__0__logger="on").has("Saved.")
    screen.page.get_by_role("link", name="One more meter").click()
    expect(screen.page.get_by_label("meter.1.id", exact=True)).to_be_visible()


def test_section_8_a_bad_value_marks_its_field_and_keeps_the_rest(lab, device):
    screen = device("settings/logger").has("logger.topic")
    save(screen, logger__topic="no/+/wildcards", logger__order="lifo")
    field = screen.page.get_by_label("logger.topic", exact=True)
    expect(field).to_have_attribute("aria-invalid", "true")
    assert kept(lab, "logger.order") == ["fifo"]


def test_section_8_status(device):
    screen = device().has("ID00000").has("Records waiting").has("Next:")
    screen.has("online")
    expect(screen.page.locator("main table").first).to_contain_text("PAT")
    screen.shot("overview")


def test_section_8_force_read(device):
    screen = device("readings").has("FORCE READ")
    screen.button("FORCE READ").click()
    expect(screen.page.locator("main [role=status]")).to_have_text("1 records", timeout=60000)
    screen.page.get_by_text("JSON", exact=True).click()
    record = json.loads(screen.page.locator("details pre").inner_text())
    assert record["TYPE"] == "IEC102" and record["ID"] == "ID00000" and "VABA" in record


def test_closings_are_tables_and_the_load_curve_is_a_picture(device):
    screen = device("readings").has("FORCE READ")
    screen.page.select_option("#kind", "_CTAVM2")
    screen.button("Read from the meter").click()
    expect(screen.page.get_by_role("heading", name="Total")).to_be_visible(timeout=60000)
    expect(screen.page.get_by_role("heading", name="Tariff P1")).to_be_visible()
    screen.page.select_option("#kind", "_LC")
    screen.button("Read from the meter").click()
    expect(screen.page.get_by_role("img", name="Load curve")).to_be_visible(timeout=60000)
    screen.shot("readings")


@pytest.mark.parametrize("profile", ["titan", "extended"])
def test_power_and_load_curve_from_the_log_are_pictures(lab, device, profile):
    screen = device("readings").has("FORCE READ")
    lab.at("AT^MTXTUNNEL=SETPARAM,logger.profile," + profile)
    for _ in range(2):
        screen.button("FORCE READ").click()
        expect(screen.page.locator("main [role=status]")).to_have_text("1 records", timeout=60000)
    screen.button("From the log").click()
    for name in ("Power", "Load curve"):
        expect(screen.page.get_by_role("img", name=name)).to_be_visible()
    screen.open("overview").has("PAT")
    lab.at("AT^MTXTUNNEL=SETPARAM,logger.profile,titan")


def test_the_trace_has_words(lab, device):
    screen = device("trace").has("The trace is off here.")
    screen.button("Begin the trace").click()
    screen.has("The trace is on.")
    shown, stored = screen.page.get_by_role("log"), []
    for _ in range(2):
        lab.at("AT^MTXTUNNEL=FORCEREAD,ID00000")
        time.sleep(1)
        stored.append(lab.tab().get("/api/trace").json["trace"])
        expect(shown).to_contain_text(stored[-1][-1], timeout=60000)
    expect(shown).to_contain_text("link 1: ACK")
    lines = shown.inner_text().split("\n")
    assert set(stored[1][-5:]) <= set(lines) and stored[0][-1] in lines, "the first ones stay"
    # What came twice within three lines the meter has said twice.
    assert not [at for at in range(3, len(lines)) if lines[at - 3 : at] == lines[at : at + 3]], lines
    screen.button("End it").click()
    screen.has("The trace is off here.")
    screen.shot("trace")


def test_a_secret_is_written_kept_and_emptied(lab, device):
    screen = device("settings/wan").has("uplink.key")
    save(screen, uplink__key="a secret key").has("Saved.")
    field = screen.page.get_by_label("uplink.key", exact=True)
    screen.page.reload()
    expect(field).to_have_value("")
    expect(field).to_have_attribute("placeholder", "kept; type a new one")
    save(screen, uplink__ping_minutes="7").has("Saved.")
    assert kept(lab, "uplink.key") == ["***"]
    screen.page.locator(".set", has=field).get_by_role("button", name="Empty it").click()
    screen.button("SAVE CONFIG").click()
    screen.has("Saved.")
    assert kept(lab, "uplink.key") == [""]


def test_an_update_shows_how_far_it_is_and_why_it_failed(lab, device):
    screen = device("device").has("REBOOT")
    screen.page.get_by_label("Address").fill("http://127.0.0.1/lector102.rel")
    screen.button("Update").click()
    # The twin has no versions, and says so.
    expect(screen.page.locator("#say")).to_contain_text("no way back", timeout=30000)
    told = iter([("fetching", 60000, ""), ("fetching", 150000, ""), ("failed", 150000, "the signature is not ours")])

    def answer(route):
        asked, lines = route.request.post_data_json["text"], []
        if "GETSTATUS,update" in asked:
            lines = ["update.%s: %s" % each for each in zip(("state", "bytes", "error"), next(told))]
            lines.append("update.size: 200000")
        route.fulfill(json={"ok": True, "lines": lines, "code": 0, "why": ""})

    screen.page.route("**/api/at", answer)
    screen.button("Update").click()
    bar = screen.page.get_by_role("progressbar", name="Update")
    expect(bar).to_have_js_property("position", 0.3)
    screen.has("fetching \u00b7 150 kB")
    screen.has("failed \u00b7 150 kB \u00b7 the signature is not ours")
    expect(bar).to_be_hidden()


def test_section_8_an_at_command_and_its_history(device):
    screen = device("console").has("AT commands")
    line = screen.page.get_by_label("Command")
    line.fill("AT^MTXTUNNEL=GETIEC102,ID00000")
    line.press("Enter")
    expect(screen.page.get_by_role("log")).to_contain_text('"TYPE":"IEC102"')
    line.press("ArrowUp")
    expect(line).to_have_value("AT^MTXTUNNEL=GETIEC102,ID00000")


def test_a_titan_text_is_taken_and_a_backup_has_no_secret(lab, device):
    screen = device("device").has("Import and backup")
    screen.page.get_by_label("Settings as text").fill("LOGGER_mode: lifo\nIEC102_ID: ID00000\n")
    screen.button("Take over").click()
    screen.has("Saved.")
    with screen.page.expect_download() as waiting:
        screen.button("Backup").click()
    text = Path(waiting.value.path()).read_text()
    assert "***" not in text and PASSWORD not in text and "hush" not in text and "MQTT_server" in text
    lab.at("AT^MTXTUNNEL=SETPARAM,logger.order,fifo")


def test_a_code_of_another_way_is_told_with_what_to_do_and_the_old_values_come_back(lab, device):
    screen = device("settings/mqtt").has("mqtt.broker")
    save(screen, mqtt__broker="tcp://127.0.0.1:1").has("is only taken with mqtt.password")
    save(screen, mqtt__password=BROKER_SECRET)
    screen.has("On trial: the old values come back in").has("AT^MTXTUNNEL=CONFIRM,").has(
        "cannot be confirmed on this page"
    )
    assert screen.button("CONFIRM").count() == 0
    screen.shot("trial")


def test_section_7_reboot(lab, device):
    starts = lab.twin.starts
    screen = device("device").has("REBOOT")
    screen.page.on("dialog", lambda asked: asked.accept())
    screen.button("REBOOT").click()
    expect(screen.page.locator("#say")).to_have_text("The device starts again.", timeout=30000)
    limit = patience.Limit(60)
    while lab.twin.starts == starts or not lab.serves():
        assert not limit.passed()
        time.sleep(0.2)
    screen.open().login().has("ID00000")
