"""A bad value of any option of any tool gets one sentence that names the option; nothing is begun."""

import argparse
import importlib
import sys
from pathlib import Path

import pytest

import tools
from tools import options

TOOLS = (
    "tools.board", "tools.board.sim", "tools.board.unixboard", "tools.build", "tools.counts", "tools.decode",
    "tools.docs", "tools.doctor", "tools.fleet", "tools.house", "tools.log", "tools.meter", "tools.micropython32",
    "tools.modem", "tools.package", "tools.pico", "tools.release", "tools.sbom", "tools.twin", "bench", "tests.proof",
)  # fmt: skip
# What may be below zero.
SIGNED = {"--ahead", "--drift", "--seed", "--weather"}
# Their words are checked where they are used.
TEXTS = (None, str)


def main(name):
    found = importlib.import_module(name)
    return found.main if hasattr(found, "main") else importlib.import_module(name + ".__main__").main


def parser_of(name, monkeypatch):
    """The parser of a tool, caught before it reads anything."""
    caught = []

    class Caught(Exception):
        pass

    def catch(self, *_):
        caught.append(self)
        raise Caught

    with monkeypatch.context() as patch:
        patch.setattr(options.Parser, "parse_args", catch)
        with pytest.raises(Caught):
            main(name)([])
    return caught[0]


def options_of(parser, before=()):
    """(words before it, action) of each option with a value."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, one in action.choices.items():
                yield from options_of(one, (*before, name))
        elif action.option_strings and action.nargs in (None, "?") and action.const is None:
            yield before, action


def refused(name, words, option, capsys):
    with pytest.raises(SystemExit) as end:
        main(name)(words)
    told = capsys.readouterr()
    assert end.value.code == 2, words
    (line,) = told.err.splitlines()
    assert option in line and "usage:" not in line and "invalid" not in line and "could not" not in line, line
    return line


@pytest.mark.parametrize("name", TOOLS)
def test_a_value_that_is_none_is_refused_by_the_options_name(name, monkeypatch, capsys):
    for before, action in options_of(parser_of(name, monkeypatch)):
        option = action.option_strings[0]
        if action.choices is not None and action.type is None:
            line = refused(name, [*before, option, "abc"], option, capsys)
            assert all(str(choice) in line for choice in action.choices)
        elif action.type not in TEXTS and option != "--folder" and action.type is not Path:
            # A word that has a form of its own (a broker, a place, a probability) is no number, but never `?`.
            bad = ["?"] if "number" not in refused(name, [*before, option, "?"], option, capsys) else ["nan", ""]
            if action.default is not None and option not in SIGNED and isinstance(action.default, (int, float)):
                bad.append("-1")
            for value in bad:
                refused(name, [*before, "%s=%s" % (option, value)], option, capsys)


@pytest.mark.parametrize("name", TOOLS)
def test_an_option_there_is_not_comes_with_the_nearest(name, monkeypatch, capsys):
    parser = parser_of(name, monkeypatch)
    if any(isinstance(action, argparse._SubParsersAction) for action in parser._actions):
        return
    if [action for action in parser._actions if action.required] or getattr(parser._mutually_exclusive_groups, "x", 0):
        return
    names = [option for option in parser.options() if len(option) > 5]
    wrong = names[-1][:-2] + "zz" + names[-1][-1]
    words = [wrong] if name != "tools.meter" else ["--pty", wrong]
    line = refused(name, words, wrong, capsys)
    assert "there is no option" in line and "is it %s?" % names[-1] in line


@pytest.mark.parametrize(
    "name, value, wanted",
    [
        ("INTERVAL", "abc", "--interval: a whole number is wanted, not 'abc'"),
        ("INTERVAL", "0", "--interval: at least 1 is wanted, not 0"),
        ("INTERVAL", "1.5", "--interval: a whole number is wanted, not '1.5'"),
        ("SPEED", "fast", "--speed: a number is wanted, not 'fast'"),
        ("SPEED", "nan", "--speed: a number is wanted, not 'nan'"),
        ("SPEED", "0", "--speed: more than 0 is wanted, not 0"),
        ("METERS", "9", "--meters: 1 to 8 is wanted, not 9"),
        ("BROKER", "nowhere", "--broker: mqtt.broker"),
        ("BROKER", "ws://host", "--broker: mqtt.broker: ws://host is not allowed; allowed: tcp://host:port"),
        ("BOARD_CLASS", "midle", "--board-class: 'midle' is none of small, middle, roomy: is it middle?"),
    ],
)
def test_the_environment_of_make_run_is_checked_like_options(name, value, wanted, monkeypatch, capsys):
    monkeypatch.setenv(name, value)
    assert wanted in refused("tools.twin", [], wanted.split(":")[0], capsys)


def test_both_a_broker_and_none_and_a_folder_that_is_a_file(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    refused("tools.twin", ["--no-broker", "--broker", "tcp://127.0.0.1"], "--no-broker", capsys)
    assert "no folder" in refused("tools.twin", ["--folder", str(tmp_path / "file")], "--folder", capsys)


@pytest.mark.parametrize(
    "words, wanted",
    [
        (("python3", "-m", "tools.twin", "--once"), "run .venv/bin/python -m tools.twin --once, or make run"),
        (("python3", "-m", "tools.doctor", "broker", "a b"), "python -m tools.doctor broker 'a b', or make doctor"),
        (("python3", "-m", "tools.house"), "run .venv/bin/python -m tools.house"),
        (("python3", "script.py"), "run .venv/bin/python -m tools.X"),
    ],
)
def test_without_the_environment_the_right_command_is_told(words, wanted, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = tools.without_environment(list(words), "/usr/bin/python3")
    assert wanted in text and "/usr/bin/python3" in text and "make setup makes .venv first" in text
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").write_text("")
    assert "make setup" not in tools.without_environment(list(words), sys.executable)
