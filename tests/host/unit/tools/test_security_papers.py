"""SECURITY.md, docs/security.md, docs/compliance.md: what they say of the firmware is so, what they name is there.

Some of it says that something is not in this version. When it comes, these tests fail, and the papers are to be
written anew.
"""

import ast
import json
import re
from pathlib import Path

import pytest

from firmware.boards.tables import BOARDS
from firmware.commands import grammar
from firmware.config import check, password, settings
from firmware.config.config import Config
from firmware.core.errors import ConfigError
from firmware.delivery.mqtt import options
from tools.board import backup

ROOT = Path(__file__).resolve().parents[4]
POLICY = (ROOT / "SECURITY.md").read_text()
GUIDE = (ROOT / "docs" / "security.md").read_text()
SHEET = (ROOT / "docs" / "compliance.md").read_text()
PAPERS = {"SECURITY.md": POLICY, "docs/security.md": GUIDE, "docs/compliance.md": SHEET}
FAMILIES = "ACM AUM SUM SSM SCM RLM NMM TCM CCK GEC CRY LGM DLM UNM".split()  # noqa: SIM905
IMEI = "860000000000001"


def chapters(text, mark):
    """{heading: text} of the headings that begin with `mark`."""
    found = re.split(r"(?m)^%s (.*)$" % mark, text)
    return dict(zip(found[1::2], found[2::2]))


def rows(text):
    """The cells of every line of a table in `text`, without backticks."""
    return [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in re.findall(r"(?m)^\|.*\|$", text)]


# --- what they name


@pytest.mark.parametrize("name", PAPERS)
def test_files_settings_and_commands_they_name_are_there(name):
    text = PAPERS[name]
    for path in re.findall(r"`((?:firmware|tools|tests|docs|bench)/[\w./]+)`", text):
        assert (ROOT / path).exists(), path
    for found in re.findall(r"`((?:mqtt|sms|device|console|uplink|port|meter|iec102|ha|audit)\.[\w.]+)`", text):
        full = found.replace(".N.", ".1.")
        assert not settings.find(full)[2], found
    rules = "".join(path.read_text() for path in [ROOT / "Makefile", *(ROOT / "make").glob("*.mk")])
    for target in set(re.findall(r"`make ([a-z-]+)", text)):
        assert re.search(r"(?m)^%s:" % target, rules), target
    for anchor in re.findall(r"\]\((?:docs/)?security\.md#([\w-]+)\)", text) + re.findall(r"\]\(#([\w-]+)\)", text):
        titles = re.findall(r"(?m)^##+ (.*)$", GUIDE)
        assert anchor in [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles], anchor


def test_each_family_of_the_standard_says_what_is_there_what_is_not_and_whose_the_rest_is():
    found = chapters(SHEET.split("## CRA")[0], "###")
    assert " ".join(re.findall(r"\b[A-Z]{3}\b", " ".join(found))) == " ".join(FAMILIES)
    for title, text in found.items():
        if "NMM" in title:
            assert "**Yours**" in text and "tests/host/" in text
            continue
        assert re.findall(r"(?m)^- \*\*(.*?)\*\*", text) == ["Does", "Does not", "Yours"], title
        does = re.sub(r"\s+", " ", text.split("- **Does not**")[0])
        assert re.search(r"`(firmware|tools)/", does) and re.search(r"`tests/host/\S+\.py`", does), title


def test_the_front_page_leads_to_all_of_them():
    front, index = (ROOT / "README.md").read_text(), (ROOT / "docs" / "README.md").read_text()
    for target in ("SECURITY.md", "docs/security.md", "docs/compliance.md", "NOTICE"):
        assert "(%s)" % target in front, target
    for target in ("../SECURITY.md", "security.md", "compliance.md", "../NOTICE"):
        assert "(%s)" % target in index, target


# --- who may do what


def test_the_roles_are_those_of_the_commands():
    told = {cells[0] for cells in rows(chapters(GUIDE, "##")["Who may do what"]) if len(cells) == 2}
    roles = {row[4] for row in grammar.rows()}
    assert told - {"role", "---"} == roles | {"way", "modem"}


def test_the_channels_are_off_and_may_what_the_table_says():
    config = Config()
    table = {cells[0]: cells for cells in rows(chapters(GUIDE, "##")["Who may do what"]) if len(cells) == 4}
    for name, channel in (("mqtt", "MQTT"), ("sms", "SMS"), ("port.1", "tags on a serial port")):
        cells = next(cells for start, cells in table.items() if start.startswith(channel))
        assert cells[1].startswith("no: ") and cells[2] == config.get(name + ".commands"), cells
    assert config.get("mqtt.at_topic") == "" and not config.get("sms.enabled")
    assert not config.get("port.1.at") and not config.get("port.1.at_remote")
    assert config.get("console.enabled") and config.get("console.commands") == "*"
    assert config.get("device.password") == "", "the papers say that it is empty until it is set"
    assert config.get("iec102.trace") == "off" and not config.get("meter.0.set_clock")


def test_what_only_danger_changes_is_what_the_page_names():
    from firmware.commands import leave

    names = {name for name in leave._OWN if not name.startswith("sms.")}
    assert names == {"device.password", "device.confirm", "console.enabled", "audit.size", "audit.topic"}
    for name in names:
        assert "`%s`" % name in GUIDE


def test_setup_reaches_as_far_as_the_page_says():
    from firmware.commands import leave

    for name in ("logger.registers", "meter.0.set_clock", "logger.topic", "meter.0.enabled"):
        row = Config().row(name)[0]
        assert row[5] != "way" and not leave._own(name, row), name
    for line in ("AT+CMGL=4", 'AT+CLCK="SC",1,"1234"'):
        assert grammar.split(line) == ("", line)


# --- what is not in this version


def test_mqtt_is_in_the_clear_in_the_base_version_alone(monkeypatch):
    row = settings.row("mqtt.broker")
    for scheme in ("tcp", "mqtt", "mqtts", "ssl", "tls"):
        check.check(row, "mqtt.broker", scheme + "://host:1883")
    config = Config()
    config.set_many({"mqtt.enabled": True, "mqtt.broker": "tcp://host"})
    assert options.options(config)["port"] == 1883 and not options.options(config)["tls"]
    config.set_many({"mqtt.broker": "mqtts://host"})
    assert options.options(config)["port"] == 8883 and options.options(config)["tls"]
    monkeypatch.setattr(check, "tls_is_here", lambda: False)
    for scheme in ("mqtts", "ssl", "tls"):
        with pytest.raises(ConfigError, match="this version has no TLS, a Pico 2 W and the boards with PSRAM have"):
            check.check(row, "mqtt.broker", scheme + "://host:8883")
    assert "TLS on a Pico W" in chapters(GUIDE, "##")["Not in this version"]


def test_who_is_checked_from_the_start_is_told():
    defaults = {row[0]: row[4] for row in settings.rows()}
    assert (defaults["update.verify"], defaults["tls.verify"], defaults["tls.client"]) == ("on", "ca", "off")
    updates = re.sub(r"\s+", " ", chapters(GUIDE, "##")["Updates"])
    assert "certificate is checked (`update.verify`" in updates
    families = chapters(SHEET, "###")
    assert "`mqtts://`" in families["AUM: authentication"]
    assert "SETCERT" in families["CCK: confidential cryptographic keys"]
    assert grammar.row("SETCERT")


def test_nothing_in_the_firmware_listens_but_the_page():
    for path in (ROOT / "firmware").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            name = getattr(node, "attr", getattr(node, "id", ""))
            listens = name in ("bind", "listen", "accept", "start_server", "AP_IF", "IF_AP")
            assert not listens or path == ROOT / "firmware" / "web" / "server.py", (path, name)
    assert Config().get("page.password") == "" and Config().get("page.ppp") is False, "no page until it is wanted"
    assert "danger" not in Config().get("page.commands")


def test_the_audit_log_is_there_and_both_its_settings_are_told():
    assert "GETAUDIT" in {row[0] for row in grammar.rows()}
    assert "audit log" not in chapters(GUIDE, "##")["Not in this version"]
    text = chapters(GUIDE, "##")["Who did what: the audit log"]
    for row in settings.rows(["audit"]):
        assert "`%s`" % row[0] in text, row[0]
    assert Config().get("audit.size") == 32 and BOARDS["pico_w"][1]["defaults"]["audit.size"] == 8
    assert Config().get("audit.topic") == ""


# --- what a thief finds


def test_secrets_lie_on_the_flash_as_the_page_says(tmp_path):
    path = tmp_path / "config.json"
    config = Config(str(path))
    secrets = {}
    for row in settings.rows():
        if settings.secret(row):
            group = row[0].partition(".")[0]
            name = settings.key(row, settings.GROUPS[group][0] if group in settings.GROUPS else None)
            start = "X-Key: " if "header" in name else ""
            secrets[name] = "40302010" if row[2] == "code" else start + "hush" + name[-4:]
    assert {name.split(".")[0] for name in secrets} == {"device", "uplink", "mqtt", "http", "ftp", "meter", "page"}
    config.set_many(secrets)
    config.save()
    password.keep(config)
    found = json.loads(path.read_text())
    assert password.sealed(found.pop("device.password"))
    # What is typed is sealed before it gets here (firmware/app/apply_settings.py; tests/host/unit/web/test_login.py).
    hashed = ("device.password", "page.password")
    assert {name: found[name] for name in secrets if name not in hashed} == {
        name: value for name, value in secrets.items() if name not in hashed
    }
    line = next(line for line in GUIDE.splitlines() if line.startswith("| `config.json`"))
    for words in (
        "in the clear",
        "broker",
        "APN",
        "PIN",
        "Wi-Fi",
        "meters",
        "Only `device.password` and `page.password` are hashed",
    ):
        assert words in line


def test_every_file_that_a_backup_saves_is_on_the_page():
    table = chapters(GUIDE, "##")["What a thief of the board finds"]
    for name in (*backup.OWN, "log/", "audit/", "release.pub", "trace.txt", "config.json.trial"):
        assert "`%s`" % name in table, name


# --- the broker's list


def test_the_access_list_has_every_topic_of_the_defaults():
    acl = re.search(r"```acl\n(.*?)\n```", GUIDE, re.DOTALL)[1]
    writes = set(re.findall(r"(?m)^pattern write (\S+)$", acl))
    assert set(re.findall(r"(?m)^pattern read (\S+)$", acl)) == {"lector102/%u/AT"}
    for row in settings.rows():
        value = settings.default(row)
        if row[2] == "topic" and str(value).startswith("lector102/"):
            assert value.replace("[IMEI]", "%u") in writes, row[0]
    assert all(place.startswith("lector102/%u/") for place in writes)
