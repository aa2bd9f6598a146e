"""The examples of docs/integrations.md: they parse, use documented options only, and name keys that records have."""

import functools
import json
import re
from pathlib import Path

import tomllib

from firmware.delivery import homeassistant
from firmware.meters import readings
from tests.host.support import json_examples

PAGE = (Path(__file__).resolve().parents[4] / "docs" / "integrations.md").read_text()

# README of plugins/inputs/mqtt_consumer, Telegraf 1.33; sub-tables and parser options aside.
CONSUMER = {
    "servers", "topics", "topic_tag", "qos", "connection_timeout", "keepalive", "ping_timeout",
    "max_undelivered_messages", "persistent_session", "client_id", "username", "password", "tls_ca", "tls_cert",
    "tls_key", "insecure_skip_verify", "client_trace", "data_format",
}  # fmt: skip
# README of plugins/parsers/json_v2, Telegraf 1.34.
ROOT_OPTIONS = {
    "measurement_name", "measurement_name_path", "timestamp_path", "timestamp_format", "timestamp_timezone",
}  # fmt: skip
TAG = {"path", "rename", "optional"}
FIELD = TAG | {"type"}
TYPES = {"int": int, "uint": int, "float": (int, float), "string": str, "bool": bool}


@functools.cache
def records():
    return [record for kind, record in json_examples.records() if not kind & readings.EXTENDED]


def instant():
    return next(record for record in records() if record["TYPE"] == "IEC102")


def fence(language):
    return re.search(r"```%s\n(.*?)\n```" % language, PAGE, re.DOTALL)[1]


def test_telegraf_takes_the_options_and_the_records_have_the_keys():
    inputs = tomllib.loads(fence("toml"))["inputs"]
    assert list(inputs) == ["mqtt_consumer"]
    for plugin in inputs["mqtt_consumer"]:
        parsers = plugin.pop("json_v2")
        assert set(plugin) <= CONSUMER and plugin["data_format"] == "json_v2"
        # Kept messages need both of these, says the documentation.
        assert plugin["persistent_session"] and plugin["client_id"] and plugin["qos"] == 1
        assert plugin["topics"] == ["lector102/+/LOGGER"]
        for parser in parsers:
            tags, fields = parser.pop("tag"), parser.pop("field")
            assert set(parser) <= ROOT_OPTIONS
            assert instant()[parser["measurement_name_path"]] == "IEC102"
            # Go's reference time for RFC 3339 with Z.
            assert parser["timestamp_format"] == "2006-01-02T15:04:05Z07:00"
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", instant()[parser["timestamp_path"]])
            for tag in tags:
                assert set(tag) <= TAG
            for field in fields:
                assert set(field) <= FIELD
                assert isinstance(instant()[field["path"]], TYPES[field["type"]])
            names = [each["rename"] for each in tags + fields]
            assert len(set(names)) == len(names)
            everywhere = [each["path"] for each in tags + fields if not each.get("optional")]
            for record in records():
                assert set(everywhere) <= set(record), record["TYPE"]
            # A metric of another record still has a field.
            assert any(not field.get("optional") for field in fields)


def test_the_node_red_flow_is_whole():
    nodes = {node["id"]: node for node in json.loads(fence("json"))}
    for node in nodes.values():
        assert node["type"] in {"tab", "mqtt-broker", "mqtt in", "switch", "function", "debug"}
        for wires in node.get("wires", ()):
            assert all(target in nodes for target in wires)
        if "z" in node:
            assert nodes[node["z"]]["type"] == "tab"
    receiver = next(node for node in nodes.values() if node["type"] == "mqtt in")
    assert receiver["topic"] == "lector102/+/LOGGER" and receiver["datatype"] == "json"
    assert nodes[receiver["broker"]]["type"] == "mqtt-broker"
    switch = next(node for node in nodes.values() if node["type"] == "switch")
    assert switch["property"] == "payload.TYPE" and switch["rules"][0]["v"] == instant()["TYPE"]
    function = next(node for node in nodes.values() if node["type"] == "function")
    keys = re.findall(r"\br\.(\w+)", function["func"])
    assert keys and set(keys) <= set(instant())
    assert function["func"].strip().endswith("return msg;")


def test_the_table_of_home_assistants_sensors_is_the_codes():
    rows = [row.split("|") for row in homeassistant._ENTITIES.split("\n")]
    table = PAGE[PAGE.index("| sensor |") : PAGE.index("- *Active energy*")]
    for _, name, kind, unit, factor, _ in rows:
        kind_row = next(line for line in table.splitlines() if "| %s," % kind in line)
        cells = [cell.strip() for cell in kind_row.split("|")]
        assert name.split()[0].lower() in cells[1].lower() and cells[3] == unit
        assert cells[4].replace("x", "*").replace(" ", "") == factor
    assert sum(len(row[5].split(",")) for row in rows) == 21
