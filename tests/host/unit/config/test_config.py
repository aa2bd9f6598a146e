"""Settings: the table, checks, files that are damaged or half written, heritage text, changes on trial."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies

from firmware.config import changes, files, help
from firmware.config import settings as table
from firmware.config.config import Config
from firmware.config.text_import import Importer
from firmware.core.errors import ConfigError
from firmware.core.zone import Zone

NAMES = [row[0] for row in table.rows()]


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "config.json")


def saved(path, **values):
    """A Config of `path` that was saved with `values` (names with _ for the first dot)."""
    config = Config(path)
    config.load()
    config.set_many({name.replace("_", ".", 1): value for name, value in values.items()})
    config.save()
    return config


def loaded(path):
    config = Config(path)
    config.load()
    return config


def dumped(config, prefix=""):
    """All lines of dump()."""
    return [line for lines in config.dump(True, prefix) for line in lines]


# --- the table


def every_setting():
    for row in table.rows():
        first, count = table.GROUPS.get(row[0].split(".")[0], (None, 1))
        for index in range(first, first + count) if first is not None else (None,):
            yield row, index


def test_every_row_is_complete_and_its_default_is_allowed():
    config = Config()
    names = NAMES
    assert len(names) == len(set(names)) > 80
    for row, index in every_setting():
        assert len(row) == 7 and row[5] in ("", "restart", "link", "way"), row
        assert help.of(row[0]) == row[6] and row[6], row[0]
        key = table.key(row, index)
        default = config.get(key)
        assert config.set_many({key: config.text(key, masked=False)}) == [row[5]]
        assert config.get(key) == default
        # What has had another default is written down as it is.
        assert sorted(config.values) == [key] * (key in changes._WRITTEN), key
        config.values.clear()


def test_every_heritage_name_leads_back_to_its_setting_and_to_no_other():
    config = Config()
    seen = set()
    for row, index in every_setting():
        name = table.titan(row, index)
        assert name.lower() not in seen
        seen.add(name.lower())
        for spelled in (name, name.lower(), name.upper()):
            found, number = config.row(spelled)
            assert (found[0], number) == (row[0], index)


@pytest.mark.parametrize(
    "titan, ours",
    [
        ("MQTT_server", "mqtt.broker"),
        ("MQTT_attopic1", "mqtt.at_topic"),
        ("LOGGER_password", "logger.id"),
        ("MTX_TPFormat", "logger.time"),
        ("COMM_baudrate", "port.1.baud"),
        ("COMM2_baudrate", "port.2.baud"),
        ("GPRS_apn", "uplink.apn"),
        ("MTX_PIN", "uplink.pin"),
        ("IEC102_id", "meter.0.id"),
        ("IEC102_ID7", "meter.7.id"),
        ("MTX_TPServer2", "ntp.server2"),
    ],
)
def test_known_heritage_names(titan, ours):
    assert Config().key(titan) == ours


def test_secrets_end_as_the_mask_expects():
    for row in table.rows():
        secret = row[2] in ("secret", "code")
        assert secret == (row[0].split(".")[-1] in ("password", "key", "pin", "header1", "header2")), row[0]


def test_the_number_that_is_published_of_the_settings_tells_nothing_of_a_secret(path):
    config = Config(path)
    before = files.digest(config)
    for row in table.rows():
        if table.secret(row):
            group = row[0].partition(".")[0]
            config.values[table.key(row, table.GROUPS[group][0] if group in table.GROUPS else None)] = "guess"
    assert files.digest(config) == before
    config.values["mqtt.qos"] = 0
    assert files.digest(config) != before


def test_every_zone_of_the_table_is_a_zone():
    for name in table.row("device.zone")[3].split(","):
        assert Zone(name).name == name


def test_nothing_is_open_by_default():
    config = Config()
    assert config.get("mqtt.at_topic") == config.get("mqtt.at_topic2") == ""
    assert not config.get("mqtt.enabled") and not config.get("sms.enabled")
    for name in ("mqtt.atr_topic", "logger.topic", "logger.extended_topic", "mqtt.online_topic"):
        assert "[IMEI]" in config.get(name)
    assert (config.get("mqtt.commands"), config.get("sms.commands")) == ("view,meter", "view")
    assert config.get("device.confirm")


# --- values


BAD = [
    ("mqtt.qos", "2", "0 to 1"),
    ("mqtt.qos", "-1", "0 to 1"),
    ("mqtt.qos", "one", "0 to 1"),
    ("mqtt.qos", "\u00b2", "0 to 1"),
    ("mqtt.qos", "9" * 5000, "0 to 1"),
    ("port.1.baud", "9601", "300,600"),
    ("port.3.baud", "9600", "number 3 is not 1 to 2"),
    ("meter.8.id", "x", "number 8 is not 0 to 7"),
    ("mqtt.1.qos", "1", "exists once"),
    ("meter.2.link", "65536", "meter.2.link: 65536 is not allowed; allowed: 0 to 65535"),
    ("meter.0.enabled", "maybe", "on, off"),
    ("mqtt.broker", "ws://host:8883", "mqtts://host:port with TLS"),
    ("mqtt.broker", "mqtts://host:0", "mqtts://host:port with TLS"),
    ("http.server", "server/in", "http://host:port/path, or https://host:port/path with TLS"),
    ("http.server", "ftp://host/in", "http://host:port/path"),
    ("http.server", "http://user@host/in", "http://host:port/path"),
    ("http.server", "http://host:0/in", "http://host:port/path"),
    ("http.server", "http://host/a b", "http://host:port/path"),
    ("http.server", "http:///in", "http://host:port/path"),
    ("http.mode", "put-json", "post-json,get-json"),
    ("http.batch", "0", "1 to 100"),
    ("http.order", "newest", "fifo,lifo"),
    ("ftp.server", "ftp://host/folder", "ftp://host:port, or ftps://host:port with TLS"),
    ("ftp.server", "http://host", "ftp://host:port"),
    ("ftp.period", "10081", "1 to 10080"),
    ("ftp.form", "csv", "titan,extended,both"),
    ("tls.ca", "nobody", "auto own own2 isrg-x1"),
    ("tls.pins", "12ab", "64 hex digits"),
    ("tls.pins", ",".join(["0" * 64] * 3), "up to 130"),
    ("tls.verify", "pin", "when tls.pins has one"),
    ("mqtt.broker", "host:1883", "tcp://host:port"),
    ("mqtt.broker", "tcp://host:99999", "tcp://host:port"),
    ("mqtt.broker", "tcp://", "tcp://host:port"),
    ("logger.topic", "a/#", "without + and #"),
    ("mqtt.id", "x" * 65, "up to 64 printable"),
    ("mqtt.id", "a\nb", "printable"),
    ("mqtt.id", "\ud800", "printable"),
    ("meter.0.id", "a,b", "no blanks"),
    ("device.zone", "Mars", "Europe/Madrid"),
]


# What is fine by itself and of no use to whoever uses it.
NO_USE = [
    ({"mqtt.online_topic": "[IMEI]" * 20}, "up to 250 bytes"),
    ({"logger.topic": "é" * 117 + "[P]"}, "up to 250 bytes"),
    ({"logger.topic": "é" * 110 + "[P]"}, None),
    ({"logger.topic": "[P]" * 40}, "up to 250 bytes"),
    ({"logger.id": "[IMEI]" * 9, "mqtt.atr_topic": "[P]/[P]"}, "mqtt.atr_topic"),
    ({"mqtt.status_topic": "[ID]" * 30, "meter.0.id": "M" * 32}, "up to 250 bytes"),
    ({"logger.topic": "[ID]" * 7, "meter.0.id": "M" * 32}, None),
    ({"mqtt.at_topic": "[IMEI]/" * 10}, "up to 122 bytes"),
    ({"mqtt.id": "[IMEI]" * 10}, "up to 128 bytes"),
    ({"ha.prefix": "é" * 40}, "up to 64 bytes"),
    ({"logger.id": "x[P]"}, "without [P]"),
    # Its own answers would be its next commands.
    ({"mqtt.at_topic": "lector102/[IMEI]/ATR"}, "other than that of mqtt.atr_topic"),
    ({"mqtt.at_topic": "lector102/860000000000001/ATR", "device.imei": "860000000000001"}, "mqtt.atr_topic"),
    ({"mqtt.at_topic2": "a", "logger.topic": "a"}, "other than that of logger.topic"),
    ({"mqtt.at_topic": "x", "mqtt.online_topic": "x"}, "mqtt.online_topic"),
    ({"mqtt.at_topic": "a", "mqtt.at_topic2": "a"}, None),
    # Hosts as those that ask them can use them.
    ({"uplink.ping_host": "8.8.8.8:dns"}, "IPv4"),
    ({"uplink.ping_host": "2001:db8::1"}, "IPv4"),
    ({"uplink.ping_host": "8.8.8.8:0"}, "IPv4"),
    ({"uplink.ping_host": "8.8.8.8:70000"}, "IPv4"),
    ({"uplink.ping_host": ":53"}, "IPv4"),
    ({"uplink.ping_host": "tést"}, "IPv4"),
    ({"ntp.server": "pool.ntp.org:ntp"}, "IPv4"),
    ({"uplink.ping_host": "8.8.8.8:53", "ntp.server": "ntp-1.example.com", "ntp.server2": ""}, None),
    # Between quotes in a line to the modem.
    ({"uplink.user": 'u";+CFUN=0;+X="'}, "without quotes"),
    ({"http.header1": "X-Token abc"}, "Name: value"),
    ({"http.header2": "X Token: abc"}, "Name: value"),
    ({"http.header1": "X-Name: Espa\u00f1a"}, "Name: value"),
    ({"http.header1": "X-Token: a;b,c", "http.header2": ""}, None),
    ({"http.user": "a:b"}, "without a colon"),
    ({"http.server": "https://host/json/set.asp?data=", "ftp.server": "ftps://host:990"}, None),
    ({"ha.enabled": True}, None),
    ({"uplink.apn": '"internet"'}, "without quotes"),
    ({"uplink.password": 'a"b'}, "without quotes"),
    ({"uplink.pin": '0000";H'}, "without quotes"),
    ({"uplink.user": "domain\\u;ser", "uplink.key": 'a"b'}, None),
]


@pytest.mark.parametrize("values, words", NO_USE)
def test_what_its_user_cannot_use_is_refused_and_nothing_changes(values, words):
    config = Config()
    config.expansions = {"IMEI": "860000000000001"}
    before = dict(config.values)
    if words is None:
        config.change(values)
        return
    with pytest.raises(ConfigError) as refusal:
        config.change(values)
    assert words in str(refusal.value) and config.values == before
    assert str(refusal.value).split(":")[0] in (*values, "mqtt.at_topic", "mqtt.at_topic2")


def test_what_is_stored_already_stays_though_nobody_would_take_it_today(tmp_path):
    """A device in the field works with it somehow: a password with a quote in it is PPP's, for one."""
    path = str(tmp_path / "config.json")
    values = {"uplink.password": 'a"b', "mqtt.at_topic": "x", "mqtt.atr_topic": "x", "uplink.ping_host": "h:dns"}
    (tmp_path / "config.json").write_text(json.dumps(values))
    config = Config(path)
    config.load()
    assert {name: config.get(name) for name in values} == values
    config.change({"mqtt.keepalive": 30})


@pytest.mark.parametrize("name, value, words", BAD)
def test_a_bad_value_is_refused_with_field_value_and_range(name, value, words):
    config = Config()
    with pytest.raises(ConfigError) as refusal:
        config.set_many({name: value})
    assert words in str(refusal.value)
    assert len(str(refusal.value)) < 300 and "\n" not in str(refusal.value)
    assert not config.values


GOOD = [
    ("mqtt.qos", " 0 ", 0),
    ("port.1.parity", "EVEN", "even"),
    ("device.zone", "europe/lisbon", "Europe/Lisbon"),
    ("mqtt.enabled", "TRUE", True),
    ("mqtt.enabled", True, True),
    ("mqtt.broker", "tcp://broker.example:1883", "tcp://broker.example:1883"),
    ("mqtt.broker", "mqtt://10.0.0.1", "mqtt://10.0.0.1"),
    ("meter.0.password", "0004294967295"[3:], "4294967295"),
    ("meter.0.password", 7, "7"),
    ("mqtt.user", "\u00f1u, o\u00f1o", "\u00f1u, o\u00f1o"),
]


@pytest.mark.parametrize("name, value, expected", GOOD)
def test_good_values_are_taken_in_their_type(name, value, expected):
    config = Config()
    config.set_many({name: value})
    assert config.get(name) == expected and type(config.get(name)) is type(expected)


def test_many_are_all_or_nothing():
    config = Config()
    with pytest.raises(ConfigError, match="mqtt.qos"):
        config.set_many({"mqtt.id": "x", "mqtt.qos": 5})
    assert config.get("mqtt.id") == "[IMEI]"


def test_two_meters_with_one_id_are_refused():
    config = Config()
    config.set_many({"meter.0.enabled": "on", "meter.0.id": "A"})
    config.set_many({"meter.1.id": "a"})  # not read yet: no harm
    with pytest.raises(ConfigError, match=r"meter\.1\.id: a is not allowed"):
        config.set_many({"meter.1.enabled": "on"})
    config.set_many({"meter.1.enabled": "on", "meter.1.id": "B"})
    config.set_many({"meter.0.id": "B", "meter.1.id": "A"})


def test_secrets_are_masked_and_never_in_a_refusal():
    config = Config()
    config.set_many({"mqtt.password": "hunter22", "uplink.pin": "12"})
    assert config.text("mqtt.password") == "***"
    assert config.text("mqtt.password", masked=False) == "hunter22"
    assert config.text("uplink.password") == ""
    assert not [line for line in dumped(config) if "hunter22" in line]
    assert config.mask('pw hunter22, pin "12", 12 apples') == "pw ***, pin ***, 12 apples"
    with pytest.raises(ConfigError) as refusal:
        config.set_many({"meter.0.password": "letmein"})
    assert "letmein" not in str(refusal.value) and "***" in str(refusal.value)


def test_placeholders():
    config = Config()
    config.expansions.update(IMEI="8600", P="ID-8600", ID="first")
    config.set_many({"meter.3.id": "fourth"})
    assert config.expand("a/[IMEI]/[ID]/[P]/[X]") == "a/8600/first/ID-8600/[X]"
    assert config.expand("[ID]", 3) == "fourth"
    assert config.expand("[ID]", 2) == "ID00002"


def test_values_stay_the_same_when_the_tables_are_dropped():
    config = Config()
    config.set_many({"meter.1.link": 7})
    before = {name: config.get(name, 1 if name[:5] in ("meter", "port.") else None) for name in NAMES}
    config.release()
    for name, value in before.items():
        assert config.get(name, 1 if name[:5] in ("meter", "port.") else None) == value
    with pytest.raises(AttributeError):
        config.nonsense  # noqa: B018


# --- files


def test_only_what_differs_is_kept(path):
    saved(path, mqtt_id="x", meter_interval=15)
    assert json.loads(Path(path).read_text()) == {"mqtt.id": "x", "defaults": 2}
    assert loaded(path).get("mqtt.id") == "x"


def test_no_file_is_no_problem(path):
    config = loaded(path)
    assert config.problems == [] and config.values == {}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"mqtt.id": "x"', "\x00\x01", "nul", "[" * 5000, "{}" + " " * 40000])
def test_a_damaged_file_falls_back_to_the_last_good_one_and_says_so(path, text):
    saved(path, mqtt_id="old")
    saved(path, mqtt_id="new")
    Path(path).write_text(text)
    config = loaded(path)
    assert config.get("mqtt.id") == "old"
    assert "config.json is damaged" in config.problems[0] and "last good" in config.problems[1]
    config.save()
    again = loaded(path)
    assert again.get("mqtt.id") == "old" and again.problems == []
    Path(path).write_text(text)
    assert loaded(path).get("mqtt.id") == "old", "the damaged file must not have become the last good one"


def test_with_both_files_damaged_the_defaults_are_used(path):
    saved(path, mqtt_id="old")
    saved(path, mqtt_id="new")
    Path(path).write_text("{")
    Path(path + ".bak").write_text("\xff")
    config = loaded(path)
    assert config.get("mqtt.id") == "[IMEI]" and "default settings are used" in config.problems[-1]


def test_one_bad_value_costs_only_itself(path):
    saved(path, mqtt_keepalive=30, mqtt_id="old")
    saved(path, mqtt_keepalive=40, mqtt_id="new")
    stored = json.loads(Path(path).read_text())
    stored.update({"mqtt.keepalive": 5, "no.such": 1, "mqtt.qos": {"a": 1}, "mqtt.window": 1e400})
    Path(path).write_text(json.dumps(stored))
    config = loaded(path)
    assert config.get("mqtt.id") == "new"
    assert config.get("mqtt.keepalive") == 30, "the last good file has a good value for it"
    assert config.get("mqtt.qos") == 1
    assert sorted(p.split(":")[0] for p in config.problems) == [
        "mqtt.keepalive",
        "mqtt.qos",
        "mqtt.window",
        "there is no setting no.such",
    ]


class PowerCut(BaseException):
    pass


@pytest.mark.parametrize("cut", range(5))
def test_a_power_cut_leaves_the_old_file_or_the_new_one(path, cut, monkeypatch):
    """Every step of save(): in the middle of the write, before each copy, after the last, after all."""
    import os

    from firmware.config import files
    from firmware.core import compat

    saved(path, mqtt_id="older")
    saved(path, mqtt_id="old")
    config = loaded(path)
    config.set_many({"mqtt.id": "new"})
    steps = []
    copy, remove, dump = compat.copy, os.remove, json.dump

    def step(function, *args):
        steps.append(function)
        if len(steps) == cut + 1:
            raise PowerCut
        return function(*args)

    def torn(data, file):
        if cut == 0:
            file.write(json.dumps(data)[:7])
        step(dump, data, file)

    for module in (files, compat):
        monkeypatch.setattr(module, "copy", lambda *args: step(copy, *args))
    monkeypatch.setattr(os, "remove", lambda *args: step(remove, *args))
    monkeypatch.setattr(json, "dump", torn)
    if cut < 4:
        with pytest.raises(PowerCut):
            config.save()
    else:
        config.save()
    monkeypatch.undo()
    after = loaded(path)
    assert after.get("mqtt.id") == ("old" if cut < 3 else "new")
    assert after.problems == []


JSON = strategies.recursive(
    strategies.none() | strategies.booleans() | strategies.integers() | strategies.floats() | strategies.text(),
    lambda inner: strategies.lists(inner) | strategies.dictionaries(strategies.text(), inner),
    max_leaves=8,
)


@settings(max_examples=150)
@given(
    strategies.one_of(
        strategies.binary(max_size=300),
        strategies.dictionaries(
            strategies.sampled_from(NAMES + ["meter.3.id", "port.9.baud", "", "."]) | strategies.text(max_size=20),
            JSON,
            max_size=8,
        ).map(lambda data: json.dumps(data).encode()),
    ),
    strategies.sampled_from(["", ".trial", ".bak"]),
)
def test_whatever_is_in_a_file_loading_ends_and_the_values_are_good(tmp_path_factory, data, suffix):
    path = str(tmp_path_factory.mktemp("config") / "config.json")
    Path(path + suffix).write_bytes(data)
    config = loaded(path)
    assert len(config.problems) <= 20
    for row, index in every_setting():
        config.get(table.key(row, index))
    values = dict(config.values)
    config.confirm()
    config.save()
    assert set(values) <= set(loaded(path).values) | set(config.values)


@settings(max_examples=200)
@given(
    strategies.sampled_from(NAMES) | strategies.text(max_size=30),
    strategies.text(max_size=200),
)
def test_whatever_is_set_only_a_config_error_comes_out(name, value):
    config = Config()
    try:
        config.set_many({name: value})
    except ConfigError as error:
        assert len(str(error)) < 500
        assert not config.values
    else:
        key = config.key(name)
        assert config.set_many({key: config.text(key, masked=False)})


# --- text


TUNNEL = """# an installation of the predecessor
COMM_baudrate: 19200
COMM_parity: even
COMM_autocts: off
GPRS_apn: operator.example
GPRS_password: hush
MTX_PIN: 0000
MTX_mode: server
MTX_ping: 35
MTX_TPFormat: unix
LOGGER_enabled: on
LOGGER_password: ID-12345678
LOGGER_registerSize: 600
MQTT_enabled: on
MQTT_server: tcp://broker.example:1883
MQTT_id: [IMEI]
MQTT_login:
MQTT_attopic1: [IMEI]/AT
MQTT_keepalive: 60
"""


def imported(config, text):
    """Take a text of `NAME: value` lines, all or nothing; returns the Importer."""
    importer = Importer(config)
    for line in text.split("\n"):
        importer.feed(line)
    config.change(importer.finish())
    return importer


def test_the_predecessors_text_is_taken_over_and_what_we_lack_is_told():
    config = Config()
    report = imported(config, TUNNEL.replace("\n", "\r\n"))
    assert report.unknown == ["COMM_autocts", "MTX_mode"] and report.unknowns == 2
    assert config.get("port.1.baud") == "19200" and config.get("port.1.parity") == "even"
    assert config.get("logger.id") == "ID-12345678" and config.get("logger.size") == 600
    assert config.get("mqtt.broker") == "tcp://broker.example:1883" and config.get("mqtt.user") == ""
    assert config.get("uplink.pin") == "0000"


def test_one_bad_line_and_nothing_is_changed():
    config = Config()
    for bad in ("MQTT_qos: 7", "no colon here", "x" * 600 + ": 1"):
        with pytest.raises(ConfigError, match="nothing was changed"):
            imported(config, TUNNEL + bad + "\n")
        assert config.values == {}


def test_what_is_dumped_can_be_taken_back_and_masked_secrets_stay():
    config = Config()
    config.set_many({"mqtt.password": "hunter22", "meter.2.link": 99, "port.2.baud": "300"})
    text = "\n".join(dumped(config))
    assert "IEC102_linkAddress2: 99" in text and "COMM2_baudrate: 300" in text
    assert "IEC102_linkAddress1" not in text, "a meter that is not set up is not shown"
    other = Config()
    other.set_many({"mqtt.password": "kept"})
    report = imported(other, text)
    assert report.unknowns == 0
    assert other.get("mqtt.password") == "kept"
    assert other.get("meter.2.link") == 99 and other.get("port.2.baud") == "300"


def test_dump_by_prefix():
    config = Config()
    assert dumped(config, "mqtt_q") == ["MQTT_qos: 1"]
    assert dumped(config, "mqtt.qos") == ["MQTT_qos: 1"]


@settings(max_examples=150)
@given(strategies.text(max_size=400) | strategies.lists(strategies.text(max_size=40)).map(":\n".join))
def test_whatever_is_imported_only_a_config_error_comes_out(text):
    config = Config()
    try:
        report = imported(config, text)
        assert len(report.unknown) <= 8
    except ConfigError as error:
        assert len(str(error)) < 3000
        assert not config.values


# --- trial


def test_a_link_change_is_staged_tried_once_and_confirmed(path):
    saved(path, mqtt_broker="tcp://old", mqtt_qos=0)
    config = loaded(path)
    needs = config.change({"mqtt.broker": "tcp://new", "mqtt.window": 4, "port.1.baud": "300"}, 600)
    assert sorted(needs) == ["", "restart", "way"]
    assert config.get("mqtt.broker") == "tcp://old" and config.text("mqtt.broker") == "tcp://new"
    assert config.get("mqtt.window") == 4 and config.get("port.1.baud") == "300"
    config.begin_trial()
    assert config.get("mqtt.broker") == "tcp://new" and config.trying == 600
    config.set_many({"mqtt.window": 5})
    config.save()
    assert json.loads(Path(path).read_text())["mqtt.broker"] == "tcp://old"
    config.confirm()
    after = loaded(path)
    assert after.get("mqtt.broker") == "tcp://new" and after.get("mqtt.window") == 5
    assert after.problems == [] and not after.trying and not after.staged


def test_a_trial_that_is_not_confirmed_ends_with_the_old_values(path):
    saved(path, mqtt_broker="tcp://old")
    config = loaded(path)
    config.change({"mqtt.broker": "tcp://new", "mqtt.qos": 0}, 60)
    config.begin_trial()
    assert config.get("mqtt.qos") == 0
    assert config.expire() == ["mqtt.broker", "mqtt.qos"]
    assert config.get("mqtt.broker") == "tcp://old" and config.get("mqtt.qos") == 1
    assert loaded(path).problems == []


def test_staged_values_survive_a_restart_once(path):
    saved(path, mqtt_broker="tcp://old")
    loaded(path).change({"mqtt.broker": "tcp://new"}, 600)
    first = loaded(path)
    assert first.get("mqtt.broker") == "tcp://new" and first.trying == 600
    second = loaded(path)  # restarted before it was online
    assert second.get("mqtt.broker") == "tcp://old" and not second.trying
    assert second.problems == ["not confirmed, taken back: mqtt.broker"]
    assert loaded(path).problems == []


def test_back_to_the_default_on_trial(path):
    saved(path, mqtt_keepalive=30)
    config = loaded(path)
    config.change({"mqtt.keepalive": 60}, 60)
    config.begin_trial()
    assert config.get("mqtt.keepalive") == 60
    config.confirm()
    assert loaded(path).get("mqtt.keepalive") == 60


def test_what_is_set_on_the_spot_replaces_what_is_staged(path):
    config = loaded(path)
    config.change({"mqtt.id": "staged", "mqtt.user": "u"}, 600)
    config.set_many({"mqtt.id": "final"})
    config.begin_trial()
    assert config.get("mqtt.id") == "final" and config.get("mqtt.user") == "u"


def test_a_board_may_have_a_default_of_its_own_and_what_is_set_stays_set(tmp_path):
    path = str(tmp_path / "config.json")
    config = Config(path, {"uplink.cmux": False})
    assert config.get("uplink.cmux") is False and config.text("GPRS_cmux") == "off"
    assert Config(path).get("uplink.cmux") is True
    config.change({"uplink.cmux": "on"})
    for own in ({"uplink.cmux": False}, {}):
        again = Config(path, own)
        again.load()
        again.release()
        assert again.get("uplink.cmux") is True and again.text("uplink.cmux") == "on"
