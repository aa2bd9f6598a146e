"""Settings, console, backup and flashing over the cable, against a MicroPython board behind a
pty.
"""

import io
import json
import os
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.host import boardlab
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


# --- backup


def test_backup_and_restore_bring_the_settings_back(lab, tmp_path, capsys):
    with Device(lab.board.path) as device:
        device.exec("import os\nos.mkdir('/log')")
        device.write("/log/00000001", bytes(range(256)) * 20)
        settings.write(device, {"uplink.apn": "first"}, print)
    path = tmp_path / "b.zip"
    assert tool(lab, "backup", str(path)) == 0
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    with zipfile.ZipFile(path) as pack:
        assert pack.read("log/00000001") == bytes(range(256)) * 20
        assert json.loads(pack.read("config.json")) == {"uplink.apn": "first"}
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


# --- the command line


def test_deploy_and_rollback_from_the_command_line(lab, capsys):
    source = lab.tree("2.0")
    assert tool(lab, "deploy", "--source", str(source), "--watch", "0") == 0
    lab.said("IDLE 2.0")
    assert "1 modules sent" in capsys.readouterr().out
    start = lab.mark()
    assert tool(lab, "rollback", "--watch", "0") == 0
    lab.said("IDLE 1.0", start)
    assert "back to 1.0" in capsys.readouterr().out


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
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tools.board",
            "--port",
            echo.person,
            "console",
            "--silence",
            "0.5",
        ],
        cwd=ROOT,
        input="AT^MTXTUNNEL=VERSION\nAT\n",
        capture_output=True,
        text=True,
        timeout=60,
    )
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
