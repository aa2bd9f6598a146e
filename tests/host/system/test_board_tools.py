"""Settings, backup and deployment over the cable, against a MicroPython board behind a pty."""

import io
import json
import os
import stat
import sys
import zipfile
from pathlib import Path

import pytest

from tests.host.support import unix_board
from tools import patience
from tools.board import __main__ as board_main
from tools.board import backup, console, flash, sealed, settings
from tools.board.device import BoardError, Device
from tools.twin.ptys import Bridge

pytestmark = pytest.mark.takes(25)

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def lab(tmp_path):
    with unix_board.Lab(tmp_path) as found:
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


# --- backup


def test_backup_and_restore_bring_the_settings_back(lab, tmp_path, capsys, monkeypatch):
    with Device(lab.board.path) as device:
        device.exec("import os\nos.mkdir('/log')")
        device.write("/log/00000001", bytes(range(256)) * 20)
        settings.write(device, {"uplink.apn": "first"}, print)
    path = tmp_path / "b.backup"
    monkeypatch.setenv(sealed.VARIABLE, "for the safe")
    assert tool(lab, "backup", str(path)) == 0
    assert "It is encrypted; make restore FILE=%s" % path in capsys.readouterr().out
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert b"first" not in path.read_bytes() and b"config.json" not in path.read_bytes()
    with zipfile.ZipFile(io.BytesIO(sealed.unseal(path.read_bytes(), "for the safe"))) as pack:
        assert pack.read("log/00000001") == bytes(range(256)) * 20
        assert json.loads(pack.read("config.json")) == {"uplink.apn": "first", "defaults": 2}
        assert pack.read("board.txt") == b"unix"
    with Device(lab.board.path) as device:
        settings.write(device, {"uplink.apn": "second"}, print)
    monkeypatch.setenv(sealed.VARIABLE, "for the sale")
    assert tool(lab, "restore", str(path)) == 1
    assert "not the password of this backup" in capsys.readouterr().err
    assert stored(lab) == {"uplink.apn": "second"}
    monkeypatch.setenv(sealed.VARIABLE, "for the safe")
    assert tool(lab, "restore", str(path)) == 0
    assert stored(lab) == {"uplink.apn": "first"}


def test_a_bare_zip_is_made_when_told_and_those_of_before_are_taken(lab, tmp_path, capsys):
    with Device(lab.board.path) as device:
        settings.write(device, {"uplink.apn": "first"}, print)
    path = tmp_path / "b.zip"
    assert tool(lab, "backup", "--plain", str(path)) == 0
    assert "in the clear; only you may read it (mode 0600)" in capsys.readouterr().out
    assert zipfile.is_zipfile(path) and stat.S_IMODE(os.stat(path).st_mode) == 0o600
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


def test_a_backup_that_fails_leaves_the_one_before(lab, tmp_path, monkeypatch, capsys):
    path = tmp_path / "b.zip"
    path.write_bytes(b"the one before")
    monkeypatch.setenv(sealed.VARIABLE, "for the safe")
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
    done = patience.run(
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
        60,
        cwd=ROOT,
        input="AT^MTXTUNNEL=VERSION\nAT\n",
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
