"""Settings, backup, console and flashing over the cable, as far as no board is wanted for it."""

import argparse
import json
import zipfile
from pathlib import Path

import pytest

from tools.board import __main__ as board_main
from tools.board import backup, console, flash, interview, settings, summary
from tools.board.device import BoardError


def test_a_secret_on_the_command_line_is_refused():
    with pytest.raises(BoardError, match="shell keeps them"):
        settings.pairs(["mqtt.password=oops"])
    asked = []
    values = settings.pairs(["mqtt.password", "mqtt.qos=0"], lambda text: asked.append(text) or "x")
    assert values == {"mqtt.password": "x", "mqtt.qos": "0"} and len(asked) == 1
    with pytest.raises(BoardError, match="there is no setting"):
        settings.pairs(["nonsense=1"])


def test_a_wrong_broker_is_told_and_asked_for_again():
    answers = {"mqtt.broker": ["ws://broker.example:8883", "broker.example", "mqtts://broker.example"]}
    told = []

    def ask(question):
        for name, words in interview.QUESTIONS:
            if question.startswith(words) and answers.get(name):
                return answers[name].pop(0)
        return ""

    values = interview.interview({}, ask, ask, told.append)
    assert values["mqtt.broker"] == "mqtts://broker.example"
    refusals = [text for text in told if "mqtt.broker" in text]
    assert len(refusals) == 2
    for text in refusals:
        assert "mqtts://host:port with TLS" in text and "tcp://host:port" in text


def test_interview_asks_again_keeps_and_empties():
    answers = {
        "Way": ["wifi"],
        "Name of the WiFi": ["home"],
        "Broker": ["not a broker?", "tcp://broker:1883"],
        "Baud": ["123", "19200"],
        "User at": ["."],
        "Link": ["7"],
    }
    asked, secret = [], []

    def ask(text):
        asked.append(text)
        for start, left in answers.items():
            if text.startswith(start) and left:
                return left.pop(0)
        return ""

    def ask_secret(text):
        secret.append(text)
        return "key-of-the-house" if text.startswith("Key") else ""

    current = {"mqtt.user": "old", "mqtt.password": "old-secret"}
    values = interview.interview(current, ask, ask_secret, lambda text: None)
    assert values["uplink.type"] == "wifi" and values["uplink.ssid"] == "home"
    assert values["port.1.baud"] == "19200"
    assert values["mqtt.user"] == ""
    assert values["mqtt.enabled"] == values["meter.0.enabled"] == "on"
    assert values["uplink.key"] == "key-of-the-house"
    assert "meter.0.point" not in values
    assert not any("APN" in text for text in asked)  # WiFi: no questions about a SIM
    assert not any("old-secret" in text for text in asked + secret)
    settings.check(values)


def test_settings_files_that_are_no_settings(tmp_path):
    path = tmp_path / "f"
    path.write_text("{broken")
    with pytest.raises(BoardError, match="is not JSON"):
        settings.parse_file(path)
    path.write_text("just words")
    with pytest.raises(BoardError, match="line 1"):
        settings.parse_file(path)
    with pytest.raises(BoardError):
        settings.parse_file(tmp_path / "absent")


def test_a_file_with_an_unknown_name_or_no_text_is_told(tmp_path):
    path = tmp_path / "f"
    for data, words in (
        (b"uplink.apn = x\nmeter.0.links = 1\n", "there is no setting meter.0.links"),
        (b'{"mqtt": {"broker": "tcp://a:1"}}', "there is no setting mqtt"),
        (b"uplink.apn = caf\xe9\n", "UTF-8"),
    ):
        path.write_bytes(data)
        args = argparse.Namespace(show=False, all=False, file=path, set=[])
        with pytest.raises(BoardError, match=words):
            settings.run(None, args)
    path.write_bytes(b"\xef\xbb\xbfuplink.apn = x\r\n")  # as Windows editors save it
    assert settings.parse_file(path) == {"uplink.apn": "x"}


def test_every_mistake_of_a_file_is_told_at_once_with_its_line_and_the_nearest_name(tmp_path):
    path = tmp_path / "site.txt"
    path.write_text(
        "# the cabinet\nuplink.apn = internet\nmqtt.brokr = tcp://b:1883\nmeter.0.link = 99999\njust words\n"
        "meter.1.lnk = 2\nbroker = x\nmqtt.qos = seven\n"
    )
    with pytest.raises(BoardError) as told:
        settings.parse_file(path)
    first, *rest = str(told.value).split("\n  ")
    assert first == "%s: 6 mistakes, nothing was written" % path
    assert rest[0] == "line 3: there is no setting mqtt.brokr: is it mqtt.broker?"
    assert rest[1].startswith("line 4: meter.0.link: 99999")
    assert rest[2] == "line 5: NAME: value or name = value is wanted"
    assert rest[3] == "line 6: there is no setting meter.1.lnk: is it meter.1.link?"
    assert rest[4].startswith("line 7: there is no setting broker")
    assert rest[5].startswith("line 8: mqtt.qos")
    path.write_text(json.dumps({"mqtt.brokr": 1, "mqtt.qos": 7, "uplink.apn": "a"}))
    with pytest.raises(BoardError) as told:
        settings.parse_file(path)
    assert "2 mistakes, nothing was written" in str(told.value) and "is it mqtt.broker?" in str(told.value)
    with pytest.raises(BoardError, match=r"is it mqtt.qos\?; nothing was written"):
        settings.pairs(["mqtt.qoss=1"])
    with pytest.raises(BoardError, match="(?s)mqtt.qos.*meter.0.link.*nothing was written"):
        settings.check({"mqtt.qos": "7", "meter.0.link": "x"})


@pytest.mark.parametrize("current", [{}, {"mqtt.broker": "tcp://old:1883", "meter.0.link": 9}])
def test_enter_at_every_question_takes_what_it_shows_and_what_was_asked_about_is_on(current):
    shown = {}

    def ask(text):
        question, _, rest = text.partition(" [")
        shown[question] = rest[:-3]
        return ""

    values = dict(current, **interview.interview(current, ask, ask, lambda text: None))
    assert values["meter.0.enabled"] == "on" and shown["Read a meter? (yes, no)"] == "yes"
    assert values["meter.0.id"] == shown["Name of the meter"] == "ID00000"
    assert shown["Link address (direccion de enlace)"] == str(values.get("meter.0.link", 1))
    assert values["mqtt.at_topic"] == shown["Topic it takes commands from"] == "lector102/[IMEI]/AT"
    assert values.get("mqtt.enabled") == ("on" if current else None)
    told = summary.lines(values)
    assert any(line.startswith("reads meter ID00000 at port 1") for line in told)
    delivers = [line for line in told if "deliver" in line]
    if current:
        assert delivers == ["delivers the records to tcp://old:1883, topic lector102/[IMEI]/LOGGER"]
    else:
        assert delivers == ["but nothing is delivered: mqtt.broker is empty; records are kept"]


def test_no_meter_and_no_broker_are_answers_too():
    asked = []

    def ask(text):
        asked.append(text)
        return "no" if text.startswith(("Read a meter", "Deliver the records")) else ""

    current = {"mqtt.broker": "tcp://old:1883", "mqtt.enabled": True, "meter.0.enabled": True}
    values = interview.interview(current, ask, ask, lambda text: None)
    assert values == {"mqtt.enabled": "off", "meter.0.enabled": "off"}
    assert not any(text.startswith(("Broker", "Topic", "Link", "Baud", "  change")) for text in asked)
    told = summary.lines(dict(current, **values))
    assert "but no meter is read: meter.0.enabled is off" in told


def test_the_summary_says_what_the_device_will_do():
    values = {
        "uplink.apn": "internet", "mqtt.enabled": True, "mqtt.broker": "tcp://b:1883", "mqtt.at_topic": "x/AT",
        "meter.0.enabled": True, "meter.0.link": 7, "meter.0.password": 2, "meter.1.enabled": True,
        "meter.1.id": "SECOND", "meter.1.port": 2, "meter.1.interval": 0, "port.2.parity": "even",
    }  # fmt: skip
    assert summary.lines(values) == [
        "goes online over the modem, or WiFi on a board without one, APN internet",
        "reads meter ID00000 at port 1 (9600 baud, parity none), link address 7, measuring point 1, every 15 minutes",
        "reads meter SECOND at port 2 (9600 baud, parity even), link address 1, measuring point 1,"
        " when told (meter.1.interval is 0)",
        "but meter 1 has the password 1 as long as meter.1.password is not set",
        "delivers the records to tcp://b:1883, topic lector102/[IMEI]/LOGGER",
        "takes commands from topic x/AT; they may: view,meter",
    ]
    assert "logger.enabled is off" in "".join(summary.lines(dict(values, **{"logger.enabled": False})))
    assert "mqtt.enabled is off" in "".join(summary.lines(dict(values, **{"mqtt.enabled": False})))


def zipped(path, files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as pack:
        for name, data in files.items():
            pack.writestr(name, data)
    return path


class Shelf:
    """A device that has files only."""

    def __init__(self, **files):
        self.files = files

    def read(self, path):
        return self.files.get(path[1:].replace(".", "_"))

    def write(self, path, data):
        self.files[path[1:].replace(".", "_")] = data

    def reset(self):
        pass


def test_a_damaged_backup_is_told(tmp_path):
    table = json.dumps({"uplink.apn": "internet", "mqtt.broker": "tcp://broker.example:1883"})
    path = zipped(tmp_path / "b.zip", {"config.json": table})
    data = bytearray(path.read_bytes())
    data[45:55] = bytes(255 - byte for byte in data[45:55])
    path.write_bytes(data)
    device = Shelf()
    with pytest.raises(BoardError, match="or a damaged one"):
        backup.restore(device, path, print)
    for name in ("config.json", "board.json"):
        with pytest.raises(BoardError, match="no table.*nothing was changed"):
            backup.restore(device, zipped(path, {name: "[1, 2]"}), print)
    with pytest.raises(BoardError, match="FILE="):
        backup.restore(device, Path(""), print)
    assert device.files == {}


def test_the_wiring_of_another_kind_of_board_is_left_out(tmp_path):
    files = {"config.json": "{}", "board.json": '{"led": 2}', "board.txt": "pico_w"}
    path = zipped(tmp_path / "b.zip", files)
    said = []
    device = Shelf(board_txt=b"generic_esp32")
    assert backup.restore(device, path, said.append) == ["config.json"]
    assert "board_json" not in device.files and "pico_w" in said[0]
    assert backup.restore(Shelf(board_txt=b"pico_w"), path, said.append) == ["board.json", "config.json"]
    assert backup.restore(Shelf(), path, said.append) == ["board.json", "config.json"]


def test_the_port_of_a_board_just_flashed_is_waited_for(tmp_path, monkeypatch):
    """A Pico that waits for its first MicroPython has none, and shows one a second after it has it."""
    looks = []

    def comports():
        looks.append(1)
        return [argparse.Namespace(device="/dev/ttyACM9", vid=1)] if len(looks) > 2 else []

    monkeypatch.setattr(board_main.list_ports, "comports", comports)
    monkeypatch.setattr(flash, "tool", lambda *names: [names[0]])
    ran = []
    real = flash.flash
    monkeypatch.setattr(flash, "flash", lambda *words: real(*words, lambda text: None, lambda line: ran.append(line)))
    image = tmp_path / "m.uf2"
    image.write_bytes(b"x")
    assert board_main.main(["flash", "--board", "pico_w", "--image", str(image)]) == 0
    assert ran and not looks
    assert board_main.find_port(None, 5) == "/dev/ttyACM9"


def test_a_missing_port_is_one_sentence(capsys):
    assert board_main.main(["--port", "/dev/nope", "rollback"]) == 1
    assert "no board at /dev/nope" in capsys.readouterr().err


# --- flashing


def commands(board, image, monkeypatch, tools_found=True):
    found = []
    monkeypatch.setattr(flash, "tool", lambda *names: [names[0]] if tools_found else None)
    flash.flash(board, "/dev/ttyX", image, lambda text: None, lambda c: found.append(c) and 0)
    return found


def test_each_family_is_flashed_its_way(tmp_path, monkeypatch):
    bin_file, uf2 = tmp_path / "m.bin", tmp_path / "m.uf2"
    bin_file.write_bytes(b"x"), uf2.write_bytes(b"x")
    classic = commands("lilygo_t_sim7600", bin_file, monkeypatch)
    assert classic[0][-1] == "erase_flash"
    assert classic[1][-2:] == ["0x1000", str(bin_file)] and "esp32" in classic[1]
    s3 = commands("lilygo_t_sim7080", bin_file, monkeypatch)
    assert s3[1][-2] == "0x0" and "esp32s3" in s3[1]
    pico = commands("pico2_w", uf2, monkeypatch)
    assert pico == [["picotool", "load", "-f", "-x", str(uf2)]]
    assert flash.facts("pico2_w")["firmware"] == "RPI_PICO2_W"
    assert flash.facts("pico_w")["firmware"] == "RPI_PICO_W"


def test_what_is_missing_is_told(tmp_path, monkeypatch):
    bin_file = tmp_path / "m.bin"
    bin_file.write_bytes(b"x")
    for board, image, words in (
        ("pico_w", None, "micropython.org/download/RPI_PICO_W"),
        ("generic_esp32", tmp_path / "none.bin", "there is no file"),
        ("pico_w", bin_file, "takes a .uf2"),
        ("generic_esp32", bin_file, "pip install esptool"),
    ):
        with pytest.raises(BoardError, match=words):
            commands(board, image, monkeypatch, tools_found=False)
    with pytest.raises(BoardError, match="BOOT button"):
        monkeypatch.setattr(flash, "tool", lambda *names: [names[0]])
        flash.flash("generic_esp32", "/dev/x", bin_file, lambda text: None, lambda c: 2)


# --- the console


class Wire(console.Console):
    """A console whose port is a list of what was sent; `hear()` is what comes."""

    def __init__(self, once):
        self.shown = ""
        self._once, self._echo, self._held = once, "", ""
        self._serial = type("Port", (), {"write": staticmethod(lambda data: None)})

    def hear(self, *pieces):
        for text in pieces:
            self.shown += self._without_echo(text) if self._echo else text


@pytest.mark.parametrize(
    "line, comes, shown",
    [
        ("AT", ("AT\n\nOK\n",), "\nOK\n"),
        ("AT", ("A", "T", "\n", "\nOK\n"), "\nOK\n"),
        ("AT^MTXTUNNEL=LOGIN,hush", ("AT^MTXTUNNEL=LOGIN,****\n", "\nOK\n"), "\nOK\n"),
        ("AT", ("\nOK\n",), "\nOK\n"),  # ATE0
        ("AT", ("    9.1 I mqtt: connected\nAT\n\nOK\n",), "    9.1 I mqtt: connected\nAT\n\nOK\n"),
        ("AT", ("A  9.1 I mqtt\n",), "A  9.1 I mqtt\n"),
        ("", ("\n", "x"), "x"),
    ],
)
def test_a_typed_line_stands_on_the_screen_once(line, comes, shown):
    wire = Wire(once=True)
    wire.send(line)
    wire.hear(*comes)
    assert wire.shown == shown
    other = Wire(once=False)
    other.send(line)
    other.hear(*comes)
    assert other.shown == "".join(comes)
