"""Settings, console, backup and flashing over the cable, against a MicroPython board behind a
pty.
"""

import argparse
import io
import json
import os
import stat
import sys
import zipfile
from pathlib import Path

import pytest

from tests.host import boardlab
from tools import patience
from tools.board import __main__ as board_main
from tools.board import backup, console, flash, settings
from tools.board.device import BoardError, Device
from tools.twin.ptys import Bridge

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def lab(tmp_path):
    with boardlab.Lab(tmp_path) as found:
        found.deploy("1.0")
        found.said("IDLE 1.0")
        yield found


def stored(lab):
    with Device(lab.board.path) as device:
        return settings.read(device)


def tool(lab, *words):
    return board_main.main(["--port", lab.board.path, *words])


# --- settings


def test_settings_from_a_file_go_through_the_device_s_own_check(lab, tmp_path, capsys):
    path = tmp_path / "site.txt"
    path.write_text("# the site\nuplink.apn = internet\nmqtt.password = hidden-word\n")
    start = lab.mark()
    assert tool(lab, "config", "--file", str(path)) == 0
    lab.said("IDLE 1.0", start)
    assert stored(lab) == {"uplink.apn": "internet", "mqtt.password": "hidden-word"}
    assert "others may read it" in capsys.readouterr().out
    assert tool(lab, "config", "--show") == 0
    shown = capsys.readouterr().out
    assert "uplink.apn = internet" in shown
    assert "hidden-word" not in shown and "mqtt.password = ***" in shown


def test_a_wrong_value_is_named_and_nothing_is_written(lab, capsys):
    assert tool(lab, "config", "uplink.apn=a", "mqtt.qos=7") == 1
    assert "mqtt.qos" in capsys.readouterr().err
    assert stored(lab) == {}


def test_a_secret_on_the_command_line_is_refused():
    with pytest.raises(BoardError, match="shell keeps them"):
        settings.pairs(["mqtt.password=oops"])
    asked = []
    values = settings.pairs(
        ["mqtt.password", "mqtt.qos=0"], lambda text: asked.append(text) or "x"
    )
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


# --- backup


def test_backup_and_restore_bring_the_settings_back(lab, tmp_path, capsys):
    with Device(lab.board.path) as device:
        device.exec("import os\nos.mkdir('/log')")
        device.write("/log/00000001", bytes(range(256)) * 20)
        settings.write(device, {"uplink.apn": "first"}, print)
    path = tmp_path / "b.zip"
    assert tool(lab, "backup", str(path)) == 0
    said = capsys.readouterr().out
    assert "It holds the passwords" in said and "mode 0600" in said and "gpg -c %s" % path in said
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    with zipfile.ZipFile(path) as pack:
        assert pack.read("log/00000001") == bytes(range(256)) * 20
        assert json.loads(pack.read("config.json")) == {"uplink.apn": "first", "defaults": 2}
        assert pack.read("board.txt") == b"unix"
    with Device(lab.board.path) as device:
        settings.write(device, {"uplink.apn": "second"}, print)
    assert tool(lab, "restore", str(path)) == 0
    assert stored(lab) == {"uplink.apn": "first"}


def test_a_backup_with_bad_settings_changes_nothing(lab, tmp_path):
    path = tmp_path / "b.zip"
    with zipfile.ZipFile(path, "w") as pack:
        pack.writestr("config.json", '{"mqtt.qos": 9}')
    with Device(lab.board.path) as device, pytest.raises(BoardError, match="nothing was changed"):
        backup.restore(device, path)
    assert stored(lab) == {}
    path.write_bytes(b"no zip")
    with Device(lab.board.path) as device, pytest.raises(BoardError, match="is no backup"):
        backup.restore(device, path)


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


def test_a_backup_that_fails_leaves_the_one_before(lab, tmp_path, monkeypatch, capsys):
    path = tmp_path / "b.zip"
    path.write_bytes(b"the one before")
    start = lab.mark()
    with monkeypatch.context() as patch:
        patch.setattr(Device, "read", lambda device, path: device.exec("1 / 0"))
        assert tool(lab, "backup", str(path)) == 1
    assert path.read_bytes() == b"the one before" and os.listdir(tmp_path / path.parent).count("b.zip.part") == 0
    lab.said("IDLE 1.0", start)
    assert tool(lab, "backup", str(tmp_path / "absent" / "b.zip")) == 1
    assert "absent/b.zip: No such file" in capsys.readouterr().err
    os.chmod(path, 0o644)
    assert tool(lab, "backup", str(path)) == 0
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


# --- the command line


def test_what_a_command_stopped_runs_again_whatever_came_of_it(lab, tmp_path, monkeypatch):
    (tmp_path / "no.zip").write_bytes(b"no zip")
    source = str(lab.tree("1.0"))
    for code, words in (
        (0, ("config", "--show")),
        (1, ("config", "mqtt.qos=7")),
        (0, ("deploy", "--source", source)),  # nothing to do
        (1, ("deploy", "--source", source, "--board", "nonsense")),
        (1, ("rollback",)),
        (1, ("restore", str(tmp_path / "no.zip"))),
    ):
        start = lab.mark()
        assert tool(lab, *words) == code, words
        lab.said("IDLE 1.0", start)

    def ctrl_c(*_):
        raise KeyboardInterrupt

    for name in ("eval", "_quiet_watchdog"):
        start = lab.mark()
        with monkeypatch.context() as patch:
            patch.setattr(Device, name, ctrl_c)
            assert tool(lab, "deploy", "--source", source) == 130
        lab.said("IDLE 1.0", start)


def test_work_over_the_cable_is_no_crash(lab):
    """Quick start: deploy, twice config, backup; all within ten minutes."""
    for number in range(5):
        start = lab.mark()
        assert tool(lab, "config", "uplink.apn=site%d" % number) == 0
        assert lab.said("APP ", start).startswith("APP 1.0 normal")


def test_a_firmware_that_crashes_at_its_start_is_told(lab, capsys):
    source = lab.tree("2.0", early="1 / 0")
    assert tool(lab, "deploy", "--source", str(source)) == 1
    said = capsys.readouterr()
    assert "ZeroDivisionError" in said.out and "make rollback" in said.err
    start = lab.mark()
    assert tool(lab, "rollback", "--watch", "0") == 0
    lab.said("IDLE 1.0", start)


def test_a_board_with_another_chip_is_refused_before_anything_is_written(lab, capsys):
    esp32 = {"platform": "esp32", "machine": "Generic ESP32 module with ESP32"}
    s3 = {"platform": "esp32", "machine": "Generic ESP32S3 module with ESP32S3"}
    pico = {"platform": "rp2", "machine": "Raspberry Pi Pico W with RP2040"}
    for board, right, wrong in (
        ("lilygo_t_sim7600", esp32, (s3, pico)),
        ("lilygo_t_sim7080", s3, (esp32, pico)),
        ("generic_rp2", pico, (esp32, s3)),
    ):
        flash.check_chip(board, right)
        for found in wrong:
            with pytest.raises(BoardError, match="another BOARD="):
                flash.check_chip(board, found)
    (lab.folder / "1.0" / "firmware" / "boards" / "tables.py").write_text(
        (ROOT / "firmware" / "boards" / "tables.py").read_text()
    )
    for name in ("rp2", "esp32"):
        (lab.folder / "1.0" / "firmware" / "boards" / (name + ".py")).write_text("")
    assert tool(lab, "deploy", "--source", str(lab.folder / "1.0"), "--board", "pico_w") == 1
    assert "another BOARD=" in capsys.readouterr().err
    with Device(lab.board.path) as device:
        assert device.read("/board.txt") == b"unix"

def test_deploy_and_rollback_from_the_command_line(lab, capsys):
    source = lab.tree("2.0")
    assert tool(lab, "deploy", "--source", str(source), "--watch", "0") == 0
    lab.said("IDLE 2.0")
    assert "1 modules sent" in capsys.readouterr().out
    start = lab.mark()
    assert tool(lab, "rollback", "--watch", "0") == 0
    lab.said("IDLE 1.0", start)
    assert "back to 1.0" in capsys.readouterr().out


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
    monkeypatch.setattr(
        flash, "flash", lambda *words: real(*words, lambda text: None, lambda line: ran.append(line))
    )
    image = tmp_path / "m.uf2"
    image.write_bytes(b"x")
    assert board_main.main(["flash", "--board", "pico_w", "--image", str(image)]) == 0
    assert ran and not looks
    assert board_main.find_port(None, 5) == "/dev/ttyACM9"


def test_a_missing_port_is_one_sentence(capsys):
    assert board_main.main(["--port", "/dev/nope", "rollback"]) == 1
    assert "no board at /dev/nope" in capsys.readouterr().err


# --- console


@pytest.fixture
def echo():
    """A twin-like pty: whatever is sent comes back as an answer."""
    bridge = Bridge()
    device = os.open(bridge.device, os.O_RDWR | os.O_NOCTTY)
    import threading

    def answer():
        held = b""
        try:
            while True:
                held += os.read(device, 256)
                while b"\r" in held:
                    line, _, held = held.partition(b"\r")
                    os.write(device, b"+YOU SAID " + line + b"\r\nOK\r\n")
        except OSError:
            return

    threading.Thread(target=answer, daemon=True).start()
    yield bridge
    bridge.close()
    os.close(device)


def test_console_sends_a_pipe_s_lines_and_shows_the_answers(echo):
    done = patience.run([
            sys.executable,
            "-m",
            "tools.board",
            "--port",
            echo.person,
            "console",
            "--silence",
            "0.5",
        ], 60, cwd=ROOT, input="AT^MTXTUNNEL=VERSION\nAT\n")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "+YOU SAID AT^MTXTUNNEL=VERSION\nOK\n+YOU SAID AT\nOK\n"


def test_console_for_a_person_keeps_history_but_no_secrets(echo, tmp_path, monkeypatch):
    history = tmp_path / "history"
    lines = ["AT", "AT^MTXTUNNEL=SETPARAM,MQTT_password,geheim", "AT^MTXTUNNEL=GETSTATUS"]
    monkeypatch.setattr(console.sys, "stdin", io.StringIO())
    monkeypatch.setattr(console.sys.stdin, "isatty", lambda: True, raising=False)

    def type_line():
        if not lines:
            raise EOFError
        return lines.pop(0)

    monkeypatch.setattr("builtins.input", type_line)
    console.run(echo.person, history=history)
    text = history.read_text()
    assert "GETSTATUS" in text and "geheim" not in text
    assert stat.S_IMODE(os.stat(history).st_mode) == 0o600


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
