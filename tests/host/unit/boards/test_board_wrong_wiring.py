"""A wrong pin, UART or format costs what hangs on it, and is told; everything else goes on."""

import asyncio
import importlib
import json

import pytest

from firmware.app import starting
from tests.host.support.fake_machine import Chip, board_of, config

_GOOD = {"uart": 2, "tx": 22, "rx": 21, "de": 19}
_SETTINGS = {
    "meter.0.enabled": True, "meter.0.port": 1, "meter.0.id": "GOOD",
    "meter.1.enabled": True, "meter.1.port": 2, "meter.1.id": "BAD",
    "port.2.enabled": True, "sms.commands": "*",
}  # fmt: skip


def board(monkeypatch, tmp_path, family="esp32", **table):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "board.json").write_text(json.dumps(table))
    (tmp_path / "config.json").write_text(json.dumps(_SETTINGS))
    chip = Chip(family).install(monkeypatch)
    kind = board_of("generic_" + family, monkeypatch, tmp_path)
    monkeypatch.setattr(kind, "console", lambda self: None)
    return chip, kind()


def built(made):
    return starting.make(made)


def answer(app, command):
    return asyncio.run(app.processor.answer("AT^MTXTUNNEL=" + command, "sms"))


@pytest.mark.parametrize(
    ("port", "words"),
    [
        ({"uart": 1, "tx": 99, "rx": 33}, "UART 1, tx 99, rx 33: invalid pin"),
        ({"uart": 1, "tx": 34, "rx": 33}, "pin can only be input"),
        ({"uart": 7, "tx": 32, "rx": 33}, "UART(7) does not exist"),
        ({"uart": 0, "tx": 32, "rx": 33}, "REPL UART"),
        ({"uart": 1, "tx": "a", "rx": 33}, "tx a"),
        ({"uart": 1, "rx": 33}, "the wiring has no 'tx'"),
        ({"uart": 1, "tx": 32, "rx": 33, "de": 35}, "pin 35 can't be used"),
    ],
)
def test_the_other_port_is_read_and_the_wrong_one_is_told(port, words, monkeypatch, tmp_path, capsys):
    chip, made = board(monkeypatch, tmp_path, ports=[_GOOD, port])
    app = built(made)
    assert [line.name for line in app.lines] == ["port 1"]
    assert [meter.ident for meter in app.lines[0].meters] == ["GOOD"]
    assert 2 in chip.uarts and app.link.is_up() is False
    (told,) = [line for line in capsys.readouterr().out.split("\n") if "port 2 can't be used" in line]
    assert words in told
    # Days later, when nobody has the lines of the start any more.
    status = answer(app, "GETSTATUS,start")
    assert "start.faults.0: port 2 can't be used (9600 baud 8N1): " in status
    assert words in status and "not read: BAD" in status and "faults.1" not in status
    said = answer(app, "DOCTOR")
    assert "port 2: FAULT port 2 can't be used" in said and words in said
    assert "do: correct its pins (board.json) or its port.2 settings, then REBOOT" in said
    assert "meter GOOD: not read yet" in said
    app.config.change({"device.mtxerr": True})
    asked = answer(app, "DOCTOR,bad")
    assert "there is no meter bad; there are: GOOD; port 2 can't be used" in asked and words in asked


def test_a_board_in_order_has_no_faults_to_tell(monkeypatch, tmp_path):
    _, made = board(monkeypatch, tmp_path, ports=[_GOOD, {"uart": 1, "tx": 32, "rx": 33}], modem=None)
    app = built(made)
    assert [line.name for line in app.lines] == ["port 1", "port 2"]
    assert "faults" not in answer(app, "GETSTATUS,start") and "FAULT port" not in answer(app, "DOCTOR")


def test_a_meter_on_a_port_that_is_not_there_is_told_later_too(monkeypatch, tmp_path):
    _, made = board(monkeypatch, tmp_path, ports=[])
    app = built(made)
    status, said = answer(app, "GETSTATUS,start"), answer(app, "DOCTOR")
    for index, (port, name) in enumerate(((1, "GOOD"), (2, "BAD"))):
        text = "this board has no port %d; its meters are not read: %s" % (port, name)
        assert "start.faults.%d: %s" % (index, text) in status
        assert "port %d: FAULT %s" % (port, text) in said
    assert "set meter.N.port to a port the board has" in said
    assert "none is set up" not in said


def test_a_format_the_chip_does_not_have(monkeypatch, tmp_path, capsys):
    chip, made = board(monkeypatch, tmp_path, ports=[_GOOD, {"uart": 1, "tx": 32, "rx": 33}])
    real = chip.machine.UART

    def picky(number, **options):
        if options["bits"] == 7:
            raise ValueError("unsupported data bits")
        return real(number, **options)

    monkeypatch.setattr(chip.machine, "UART", picky)
    monkeypatch.setitem(_SETTINGS, "port.2.bits", "7")
    (tmp_path / "config.json").write_text(json.dumps(_SETTINGS))
    app = built(made)
    assert [line.name for line in app.lines] == ["port 1"]
    assert "port 2 can't be used (9600 baud 7" in capsys.readouterr().out


def test_commands_in_tags_on_a_wrong_port(monkeypatch, tmp_path, capsys):
    settings = {"port.1.at": True, "port.2.at": True, "port.2.enabled": True, "sms.commands": "*"}
    ports = [{"uart": 1, "tx": 5, "rx": 4}, {"uart": 0, "tx": 12, "rx": 13}]
    _, made = board(monkeypatch, tmp_path, "rp2", ports=ports, modem=None)
    (tmp_path / "config.json").write_text(json.dumps(settings))
    app = built(made)
    assert [tagged.name for tagged in app.tags] == ["port 2"]
    assert "port 1 can't be used" in capsys.readouterr().out
    assert "start.faults.0: port 1 can't be used" in answer(app, "GETSTATUS,start")
    said = answer(app, "DOCTOR")
    assert "it takes no commands" in said and "board.json" in said


def test_commands_in_tags_on_a_meter_s_port(monkeypatch, tmp_path):
    _, made = board(monkeypatch, tmp_path, ports=[_GOOD])
    settings = {"meter.0.enabled": True, "meter.0.id": "GOOD", "port.1.at": True}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    app = built(made)
    assert [line.name for line in app.lines] == ["port 1"]
    said = answer(app, "DOCTOR")
    assert "port 1: FAULT port 1 takes no commands" in said and "SETPARAM,port.1.at,off" in said
    assert "meter GOOD: not read yet" in said


@pytest.mark.parametrize("family", ["esp32", "rp2"])
def test_a_modem_on_wrong_pins_is_no_way_out_and_the_meters_are_read(family, monkeypatch, tmp_path):
    wiring = {"ports": [_GOOD]} if family == "esp32" else {}
    _, made = board(monkeypatch, tmp_path, family, modem={"tx": 98, "rx": 99}, **wiring)
    link = made.link(config(uplink_type="modem"))
    assert "the modem's wiring can't be used: UART" in link.status()["problem"]
    assert [line.name for line in built(made).lines] == ["port 1"]


def test_a_wrong_key_and_a_wrong_led_cost_themselves_only(monkeypatch, tmp_path, capsys):
    _, made = board(monkeypatch, tmp_path, ports=[_GOOD], led=36, modem={"power_key": 39, "high": [37]})
    made.led(2)
    made.blink()
    assert made.link(config(uplink_type="modem")).status()["uplink"] == "modem"
    told = capsys.readouterr().out
    for words in ("led: pin 36", "power_key: pin 39", "modem high: pin 37"):
        assert words + " can't be used" in told


@pytest.mark.parametrize("table", [[], {"ports": 5}, {"ports": ["a"]}, {"modem": 7}, {"ports": [_GOOD], "modem": "x"}])
def test_a_table_of_another_form_is_told(table, monkeypatch, tmp_path, capsys):
    _, made = board(monkeypatch, tmp_path)
    (tmp_path / "board.json").write_text(json.dumps(table))
    again = type(made).__new__(type(made))
    importlib.import_module("firmware.boards.wiring")._overrule(again)
    assert "ignored" in capsys.readouterr().out
    assert again.wiring and again.modem


def test_no_modem(monkeypatch, tmp_path):
    _, made = board(monkeypatch, tmp_path, modem=None)
    assert made.modem is None
