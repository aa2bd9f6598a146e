"""A backup under a password: nothing of it can be read or changed without, and what is typed wrong is asked again."""

import types

import pytest

from tools.board import sealed
from tools.board.device import BoardError

DATA = b"PK\3\4 mqtt.password hush " * 40


def test_it_opens_with_its_password_alone():
    made = sealed.seal(DATA, "for the safe")
    assert sealed.is_sealed(made) and not sealed.is_sealed(DATA) and b"hush" not in made
    assert sealed.unseal(made, "for the safe") == DATA
    for wrong in ("", "for the saf", "for the safe ", "FOR THE SAFE"):
        with pytest.raises(BoardError, match="not the password"):
            sealed.unseal(made, wrong)


def test_two_backups_of_the_same_are_different():
    assert sealed.seal(DATA, "for the safe") != sealed.seal(DATA, "for the safe")


@pytest.mark.parametrize("at", [len(sealed.MAGIC), len(sealed.MAGIC) + 16, len(sealed.MAGIC) + 30, -1])
def test_what_somebody_has_changed_is_refused(at):
    made = bytearray(sealed.seal(DATA, "for the safe"))
    made[at] ^= 1
    with pytest.raises(BoardError, match="or the file is damaged"):
        sealed.unseal(bytes(made), "for the safe")


@pytest.mark.parametrize("size", [len(sealed.MAGIC), len(sealed.MAGIC) + 5, len(sealed.MAGIC) + 28, -1])
def test_what_is_cut_off_is_refused(size):
    with pytest.raises(BoardError, match="or the file is damaged"):
        sealed.unseal(sealed.seal(DATA, "for the safe")[:size], "for the safe")


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.delenv(sealed.VARIABLE, raising=False)
    monkeypatch.setattr(sealed.sys, "stdin", types.SimpleNamespace(isatty=lambda: True))


def test_a_new_password_is_typed_twice_and_has_eight_characters(terminal):
    typed, said = iter(["short", "for the safe", "for the sale", "for the safe", "for the safe"]), []
    assert sealed.new(lambda text: next(typed), said.append) == "for the safe"
    assert said[1:] == ["that is too short", "these are two different ones"]


def test_a_script_says_it_in_the_environment(monkeypatch):
    monkeypatch.setenv(sealed.VARIABLE, "for the safe")
    assert sealed.new() == sealed.known() == "for the safe"
    monkeypatch.setenv(sealed.VARIABLE, "short")
    with pytest.raises(BoardError, match="8 characters or more"):
        sealed.new()


def test_without_a_terminal_nothing_is_asked(monkeypatch):
    monkeypatch.delenv(sealed.VARIABLE, raising=False)
    monkeypatch.setattr(sealed.sys, "stdin", types.SimpleNamespace(isatty=lambda: False))
    for ask in (sealed.new, sealed.known):
        with pytest.raises(BoardError, match="LECTOR_BACKUP_PASSWORD"):
            ask()
