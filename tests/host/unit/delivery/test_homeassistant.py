"""Home Assistant's discovery: what is announced fits its rules, and the records fit what is announced.

The rules are those of home-assistant.io ("MQTT", discovery; "MQTT sensor", "MQTT binary sensor") and
developers.home-assistant.io ("Sensor entity": device classes with their units and state classes),
as read in November 2026.
"""

import json
import re
import time

import pytest

from firmware.delivery import discovery, homeassistant
from firmware.meters import readings
from firmware.meters.meter import Meter
from firmware.meters.schedule import Schedule
from tests.host.support import json_examples
from tests.host.support.record_format import record_format
from tools import patience

# Device class -> (units, state classes) a sensor of it may have; a superset of what we use would prove nothing.
CLASSES = {
    "energy": ({"J", "kJ", "MJ", "GJ", "mWh", "Wh", "kWh", "MWh", "GWh", "TWh"}, {"total", "total_increasing"}),
    "reactive_energy": ({"varh", "kvarh"}, {"total", "total_increasing"}),
    "power": ({"mW", "W", "kW", "MW", "GW", "TW"}, {"measurement"}),
    "reactive_power": ({"var"}, {"measurement"}),  # mvar and kvar came later
    "power_factor": ({None, "%"}, {"measurement"}),
    "current": ({"A", "mA"}, {"measurement"}),
    "voltage": ({"V", "mV", "µV", "kV", "MV"}, {"measurement"}),
}  # fmt: skip
ABBREVIATIONS = {
    "avty": "availability",
    "avty_mode": "availability_mode",
    "dev": "device",
    "dev_cla": "device_class",
    "ent_cat": "entity_category",
    "exp_aft": "expire_after",
    "name": "name",
    "o": "origin",
    "pl_off": "payload_off",
    "pl_on": "payload_on",
    "qos": "qos",
    "stat_cla": "state_class",
    "stat_t": "state_topic",
    "uniq_id": "unique_id",
    "unit_of_meas": "unit_of_measurement",
    "val_tpl": "value_template",
}
BOTH = {
    "availability", "availability_mode", "device", "device_class", "entity_category", "expire_after",
    "name", "origin", "qos", "state_topic", "unique_id", "value_template",
}  # fmt: skip
OPTIONS = {
    "sensor": BOTH | {"state_class", "unit_of_measurement"},
    "binary_sensor": BOTH | {"payload_on", "payload_off"},
}
DEVICE = {"ids", "name", "mf", "mdl", "hw", "sw", "sn", "via_device"}
ORIGIN = {"name", "sw", "url"}
TOPIC = re.compile(r"(?P<prefix>.+)/(?P<component>sensor|binary_sensor)/(?P<object>[a-zA-Z0-9_-]+)/config")
TEMPLATE = re.compile(
    r'\{%if value_json\.IMEI=="([^"]*)" and value_json\.ID=="([^"]*)" and value_json\.(\w+) is defined'
    r"( and value_json\.\w+>0)? and not value_json\.Q\|default\(0\)\|bitwise_and\((\d+)\)%\}"
    r"\{\{value_json\.(\w+)([*/]\d+)?\}\}\{%endif%\}"
)


def check(topic, payload, prefix="homeassistant"):
    """Every rule for one announcement; returns its options by their full names."""
    where = TOPIC.fullmatch(topic)
    assert where and where["prefix"] == prefix, topic
    assert set(payload) <= set(ABBREVIATIONS), payload
    options = {ABBREVIATIONS[name]: value for name, value in payload.items()}
    assert set(options) <= OPTIONS[where["component"]]
    assert {"state_topic", "unique_id", "name", "device", "origin"} <= set(options)
    assert options["unique_id"] == where["object"]
    assert set(options["device"]) <= DEVICE and options["device"]["ids"] and options["device"]["name"]
    assert set(options["origin"]) <= ORIGIN and options["origin"]["name"]
    assert options["qos"] in (0, 1, 2)
    if where["component"] == "sensor":
        units, states = CLASSES[options["device_class"]]
        assert options.get("unit_of_measurement") in units, options
        assert options["state_class"] in states
        assert isinstance(options["expire_after"], int) and options["expire_after"] > 0
    else:
        assert options["device_class"] == "connectivity"
        assert options["entity_category"] == "diagnostic"
    return options


def value(template, record):
    """What Home Assistant makes of a record: the template's text; empty where it says nothing."""
    imei, meter, asked, counts, bits, key, factor = TEMPLATE.fullmatch(template).groups()
    assert asked == key and (not counts or key in counts)
    if record.get("IMEI") != imei or record.get("ID") != meter or key not in record:
        return ""
    if (counts and not record[key] > 0) or record.get("Q", 0) & int(bits):
        return ""
    # Jinja's * and / of numbers are Python's.
    number = record[key]
    if factor:
        number = number * int(factor[1:]) if factor[0] == "*" else number / int(factor[1:])
    return str(number)


class Device:
    version = "0.1.0"
    name = "lector102 on a board"

    def __init__(self, *meters, imei="869101054287764", topic="lector102/x/LOGGER"):
        self.imei = imei
        self.topics = [topic, "", ""]
        self.lines = [self]
        self.meters = [Meter(name, None, [Schedule(kind, seconds)], log) for name, kind, seconds, log in meters]


def announced(device, online="lector102/x/ONLINE", prefix="homeassistant"):
    found = []
    while homeassistant.message(device, prefix, online, len(found)):
        found.append(homeassistant.message(device, prefix, online, len(found)))
    return found


METER = ("ID00000", readings.INSTANT, 900, True)


def test_every_announcement_keeps_the_rules():
    found = announced(Device(METER))
    assert len(found) == 1 + 21
    for topic, payload in found:
        json.dumps(payload)
        check(topic, payload)
    assert len({topic for topic, _ in found}) == len(found)


def test_every_value_of_a_record_has_its_entity_and_its_scale():
    record = next(each for kind, each in json_examples.records() if kind == readings.INSTANT)
    shown = {}
    for topic, payload in announced(Device(METER))[1:]:
        options = check(topic, payload)
        text = value(options["value_template"], record)
        key = TEMPLATE.fullmatch(options["value_template"])[3]
        shown[key] = (text, options.get("unit_of_measurement"), options["device_class"])
        assert options["state_topic"] == "lector102/x/LOGGER"
        assert options["expire_after"] > 2 * 900
    assert sorted(shown) == sorted(list(record)[5:]), "every key of a record behind ID"
    assert shown["VABA"] == (str(record["VABA"]), "kWh", "energy")
    assert shown["VABRI"] == (str(record["VABRI"]), "kvarh", "reactive_energy")
    assert shown["PAT"] == (str(record["PAT"]), "kW", "power")
    assert shown["PRF2"] == (str(1000 * record["PRF2"]), "var", "reactive_power")
    assert float(shown["FPT"][0]) == pytest.approx(record["FPT"] / 1000)
    assert float(shown["IF3"][0]) == pytest.approx(record["IF3"] / 10)
    assert float(shown["TF1"][0]) == pytest.approx(record["TF1"] / 10)


def test_a_template_says_nothing_for_another_meter_another_type_or_a_value_that_is_missing():
    template = announced(Device(METER))[4][1]["val_tpl"]
    ours = {"IMEI": "869101054287764"}
    assert value(template, {**ours, "ID": "ID00000", "PAT": 7}) == "7"
    assert value(template, {**ours, "ID": "ID00001", "PAT": 7}) == ""
    assert value(template, {**ours, "ID": "ID00000"}) == ""
    # Another device of the same topic whose meter has the same ID.
    assert value(template, {"IMEI": "1", "ID": "ID00000", "PAT": 7}) == ""
    kinds = [each for kind, each in json_examples.records() if not kind & readings.EXTENDED]
    for record in kinds:
        keys = {TEMPLATE.fullmatch(p["val_tpl"])[3] for _, p in announced(Device(METER))[1:]}
        assert record["TYPE"] == "IEC102" or not keys & set(record), record["TYPE"]


def test_each_meter_is_a_device_behind_the_box():
    second = ("ID00001", readings.INSTANT, 60, True)
    found = [check(topic, payload) for topic, payload in announced(Device(METER, second))]
    box = found[0]["device"]["ids"]
    assert found[0]["state_topic"] == "lector102/x/ONLINE" and "availability" not in found[0]
    devices = {each["device"]["ids"]: each["device"] for each in found[1:]}
    assert len(devices) == 2 and box not in devices
    assert {each["name"] for each in devices.values()} == {"ID00000", "ID00001"}
    assert all(each["via_device"] == box for each in devices.values())
    for each in found[1:]:
        life = {"t": "lector102/x/ONLINE/" + each["device"]["name"]}
        assert each["availability"] == [life, {"t": "lector102/x/ONLINE", "val_tpl": "{{value_json.STATE}}"}]
        assert each["availability_mode"] == "all"
    assert len({each["unique_id"] for each in found}) == len(found)


def test_without_an_online_topic_there_is_the_meter_s_availability_and_no_box():
    for topic, payload in announced(Device(METER), online=""):
        options = check(topic, payload)
        assert len(options["availability"]) == 1 and "via_device" not in options["device"]


def test_what_a_meter_calls_invalid_is_no_state():
    import firmware.meters.readings.instant as instant

    class Out(dict):
        def begin(self, *_):
            self.clear()

        text = key = raw = begin

        def int(self, name, value):
            self[name] = value

        def end(self):
            return self

    def parts(bad):
        bits = [n == bad for n in range(10)]
        values = iter(bits)
        totals = [{"value": 5, "invalid": next(values)} for _ in range(3)]
        powers = [{"active": 5, "reactive": 5, "cos_phi": 5, "invalid": next(values)} for _ in range(4)]
        phases = [{"current": 5, "voltage": 5, "invalid": next(values)} for _ in range(3)]
        kinds = (192, "totals", totals), (193, "powers", powers), (194, "phases", phases)
        return [{"address": address, part: values} for address, part, values in kinds]

    templates = [payload["val_tpl"] for _, payload in announced(Device(METER))[1:]]
    silent = []
    for bad in range(10):
        record = instant.write(Out(), record_format("", ""), 0, "ID00000", parts(bad), "mark")
        record.update(IMEI="869101054287764", ID="ID00000")
        silent.append([TEMPLATE.fullmatch(each)[3] for each in templates if value(each, record) == ""])
    phases = [["PA" + p, "PR" + p, "FP" + p] for p in ("T", "F1", "F2", "F3")]
    assert silent == [["VABA"], ["VABRI"], ["VABRC"], *phases, *[["IF%d" % n, "TF%d" % n] for n in (1, 2, 3)]]


def test_a_counter_at_zero_is_no_state():
    """With iec102.invalid keep an invalid total may say so: the whole counter would be booked afterwards."""
    for _, payload in announced(Device(METER))[1:]:
        key = TEMPLATE.fullmatch(payload["val_tpl"])[3]
        said = value(payload["val_tpl"], {"IMEI": "869101054287764", "ID": "ID00000", key: 0})
        assert (said == "") == (payload["stat_cla"] == "total_increasing"), key


def test_a_topic_may_be_each_meter_s_own():
    second = ("ID00001", readings.INSTANT, 60, True)
    found = announced(Device(METER, second, topic="x/[ID]/LOGGER"))[1:]
    assert {payload["stat_t"] for _, payload in found} == {"x/ID00000/LOGGER", "x/ID00001/LOGGER"}


def test_each_meter_says_for_itself_whether_it_is_there():
    import asyncio

    from tests.host.support import virtual_time

    class Mqtt:
        connected, connections, settings = True, 1, {"online_topic": "o"}

        def __init__(self):
            self.said = []

        def replies_wait(self):
            return False

        async def reply(self, topic, payload, retain=False):
            if topic.startswith("o/"):
                assert retain
                self.said.append((topic, payload))

    class Clock:
        def utc(self):
            return asyncio.get_running_loop().utc()

    class Settings:
        def get(self, name):
            return {"ha.prefix": "homeassistant", "ha.enabled": True}[name]

    class Nobody:
        def release(self):
            pass

    async def main():
        device = Device(("A", readings.INSTANT, 60, True), ("B", readings.INSTANT, 60, True))
        device.mqtt, device.clock, device.config, device.processor = Mqtt(), Clock(), Settings(), Nobody()
        device.format = record_format("", "", "", "titan")
        task = asyncio.create_task(discovery.Discovery(device).run())
        for minute in range(20):
            now = device.clock.utc()
            device.meters[0].last_ok = now
            if minute < 5:
                device.meters[1].last_ok = now
            await asyncio.sleep(60)
        assert not task.done()
        task.cancel()
        return device.mqtt.said

    assert virtual_time.run(main(), 1792891800) == [("o/A", b"online"), ("o/B", b"online"), ("o/B", b"offline")]


@pytest.mark.parametrize("meter", (("A", readings.INSTANT, 900, False), ("A", readings.CURVE, 900, True)))
def test_a_meter_whose_values_are_not_delivered_is_not_announced(meter):
    assert len(announced(Device(meter))) == 1


def test_odd_names_stay_apart_and_are_legal():
    names = ("A.1", "A_1", "A_2e1", "A'1", "a 1", "é")
    device = Device(*((name, readings.INSTANT, 60, True) for name in names), imei="x:y_z")
    found = announced(device)
    for topic, payload in found:
        assert TOPIC.fullmatch(topic)
        json.dumps(payload)
    assert len({topic for topic, _ in found}) == 1 + 21 * len(names)


def told(lab, times, seconds=60):
    """Wait until everything was announced for the `times`th time."""
    deadline = patience.Limit(seconds)
    while sum("entities announced" in line for line in lab.twin.lines) < times:
        assert not deadline.passed(), "\n".join(lab.twin.lines[-30:])
        time.sleep(0.1)


def test_the_extended_form_alone_is_refused_in_words(monkeypatch):
    class Config:
        @staticmethod
        def get(name):
            return {"ha.enabled": True, "ha.prefix": "homeassistant"}[name]

    class Mqtt:
        settings = {"online_topic": "o"}

    device = Device(METER)
    device.config, device.mqtt, device.format = Config, Mqtt, record_format("", "", "", "extended")
    told = []
    monkeypatch.setattr(homeassistant.log, "sink", lambda *words: told.append(words))
    assert homeassistant.plan(discovery.Discovery(device)) == (None, "o")
    assert "titan" in str(told)
