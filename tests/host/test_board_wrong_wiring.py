"""A wrong pin, UART or format costs what hangs on it, and is told; everything else goes on."""

import importlib
import json

import pytest

from firmware.services import App
from tests.host.fakes_machine import Chip, config

_GOOD = {"uart": 2, "tx": 22, "rx": 21, "de": 19}
_SETTINGS = {
    "meter.0.enabled": True, "meter.0.port": 1, "meter.0.id": "GOOD",
    "meter.1.enabled": True, "meter.1.port": 2, "meter.1.id": "BAD",
    "port.2.enabled": True,
}  # fmt: skip


def board(monkeypatch, tmp_path, family="esp32", **table):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "board.json").write_text(json.dumps(table))
    (tmp_path / "config.json").write_text(json.dumps(_SETTINGS))
    chip = Chip(family).install(monkeypatch)
    module = importlib.import_module("firmware.boards.generic_" + family)
    monkeypatch.setattr(module.Board, "root", str(tmp_path))
    monkeypatch.setattr(module.Board, "console", lambda self: None)
    return chip, module.Board()


def built(made):
    app = App(made)
    app.build()
    return app


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
    settings = {"port.1.at": True, "port.2.at": True, "port.2.enabled": True}
    ports = [{"uart": 1, "tx": 5, "rx": 4}, {"uart": 0, "tx": 12, "rx": 13}]
    _, made = board(monkeypatch, tmp_path, "rp2", ports=ports, modem=None)
    (tmp_path / "config.json").write_text(json.dumps(settings))
    app = built(made)
    assert [tagged.name for tagged in app.tags] == ["port 2"]
    assert "port 1 can't be used" in capsys.readouterr().out


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


@pytest.mark.parametrize(
    "table", [[], {"ports": 5}, {"ports": ["a"]}, {"modem": 7}, {"ports": [_GOOD], "modem": "x"}]
)
def test_a_table_of_another_form_is_told(table, monkeypatch, tmp_path, capsys):
    _, made = board(monkeypatch, tmp_path)
    (tmp_path / "board.json").write_text(json.dumps(table))
    again = type(made).__new__(type(made))
    type(made)._overrule(again)
    assert "ignored" in capsys.readouterr().out
    assert again.wiring and again.modem


def test_no_modem(monkeypatch, tmp_path):
    _, made = board(monkeypatch, tmp_path, modem=None)
    assert made.modem is None
