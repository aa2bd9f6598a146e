"""Settings, backup, console and flashing over the cable, as far as no board is wanted for it."""

import argparse
import json
import zipfile
from pathlib import Path

import pytest

from tools.board import __main__ as board_main
from tools.board import backup, flash, settings
from tools.board.device import BoardError


def test_a_secret_on_the_command_line_is_refused():
    with pytest.raises(BoardError, match="shell keeps them"):
        settings.pairs(["mqtt.password=oops"])
    asked = []
    values = settings.pairs(["mqtt.password", "mqtt.qos=0"], lambda text: asked.append(text) or "x")
    assert values == {"mqtt.password": "x", "mqtt.qos": "0"} and len(asked) == 1
    with pytest.raises(BoardError, match="there is no setting"):
        settings.pairs(["nonsense=1"])


def test_encrypted_delivery_is_not_offered_and_the_answer_to_it_says_so():
    assert not [name for name, question in settings.QUESTIONS if "tls" in question.lower()]
    answers = {"mqtt.broker": ["tls://broker.example:8883", "mqtts://broker.example", "tcp://broker.example"]}
    told = []

    def ask(question):
        for name, words in settings.QUESTIONS:
            if question.startswith(words) and answers.get(name):
                return answers[name].pop(0)
        return ""

    values = settings.interview({}, ask, ask, told.append)
    assert values["mqtt.broker"] == "tcp://broker.example"
    refusals = [text for text in told if "mqtt.broker" in text]
    assert len(refusals) == 2
    for text in refusals:
        assert "encrypted delivery is not part of this version" in text and "tcp://host:port" in text


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
    values = settings.interview(current, ask, ask_secret, lambda text: None)
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
        args = argparse.Namespace(show=False, file=path, set=[])
        with pytest.raises(BoardError, match=words):
            settings.run(None, args)
    path.write_bytes(b"\xef\xbb\xbfuplink.apn = x\r\n")  # as Windows editors save it
    assert settings.parse_file(path) == {"uplink.apn": "x"}


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
