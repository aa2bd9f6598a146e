"""Whole settings of TITAN and MTX-Tunnel, as published: taken by SAVECONFIG and by `make config FILE=` alike."""

import json
from pathlib import Path

import pytest

from firmware.config.config import Config
from firmware.config.text_import import Importer
from firmware.core.errors import ConfigError
from tests.host.unit.commands.test_commands import OURS, Desk
from tools.board import settings

FILES = sorted((Path(__file__).parents[3] / "corpus" / "configs").glob("*.json"))


def lines_of(right):
    return right["notes"] + ["unknown: " + name for name in right["unknown"]]


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def case(request):
    return json.loads(request.param.read_text())


def test_a_command_takes_it(case):
    desk = Desk(rights={"mqtt.commands": "*", "device.confirm": "off"})
    told = desk.ok(OURS + "SAVECONFIG\r\n" + "\r\n".join(case["text"]))
    told = [line for line in told if "mqtt.commands" not in line]
    assert told == lines_of(case["right"])
    get = desk.device.config.get
    assert {name: get(name) for name in case["right"]["values"]} == case["right"]["values"]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_file_takes_it(case, tmp_path, end):
    path = tmp_path / "config.txt"
    path.write_bytes(end.join(case["text"]).encode())
    told = []
    assert settings.parse_file(path, told.append) == case["right"]["values"]
    assert told == lines_of(case["right"])


def test_the_commands_page_s_form_is_taken_from_a_file_and_ours_in_a_message(tmp_path):
    path = tmp_path / "f"
    path.write_text("meter.0.link = 7\nuplink.apn = a=b:c\nMQTT_id: [IMEI]=x\n")
    assert settings.parse_file(path) == {"meter.0.link": 7, "uplink.apn": "a=b:c", "mqtt.id": "[IMEI]=x"}
    desk = Desk(rights={"mqtt.commands": "*", "device.confirm": "off"})
    assert desk.ok(OURS + "SAVECONFIG\nmeter.0.link = 7\nuplink.apn = a=b:c") == []
    assert desk.device.config.get("uplink.apn") == "a=b:c"


@pytest.mark.parametrize(
    "line", ["MQTT_qos: 7", "mqtt.qos = 2", "mqtt.qos: 2", "MQTT_server: nonsense", "LOGGER_enabled: maybe"]
)
def test_what_belongs_to_neither_product_changes_nothing(line):
    desk = Desk(rights={"mqtt.commands": "*", "device.confirm": "off"})
    assert desk.error(OURS + "SAVECONFIG\nGPRS_apn: c.d\n" + line)[0] == 4
    assert desk.device.config.get("uplink.apn") == ""


@pytest.mark.parametrize("line", ["MTX_ping: \u00b2", "MTX_ping: 1\u0663"])
def test_a_number_that_is_none_is_told_like_any_other_value(line):
    """Found by tests/proof/fuzz: it ended the whole import with a word of Python's."""
    importer = Importer(Config())
    importer.feed(line)
    importer.feed("GPRS_apn: c.d")
    with pytest.raises(ConfigError, match="nothing was changed: .* is not allowed; allowed: "):
        importer.finish()


@pytest.mark.parametrize("line", ["MTX_ping: ", "MQTT_qos: "])
def test_a_number_without_a_value_leaves_the_setting_as_it_is(line):
    importer = Importer(Config())
    importer.feed(line)
    importer.feed("GPRS_apn: c.d")
    assert importer.finish() == {"uplink.apn": "c.d"}
    assert importer.notes == ["taken, without effect: " + line.partition(":")[0]]
