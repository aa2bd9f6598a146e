"""A new board's page gets a password, told once; a board that was there before keeps what it has."""

import re
import types
from pathlib import Path

import pytest

from firmware.config import check, password, settings
from tools.board import page

FULL = {Path("web/page.gz"): b"", Path("firmware/app/main.mpy"): b""}
BASE = {Path("firmware/app/main.mpy"): b""}


@pytest.fixture
def board(monkeypatch):
    """What is stored, and what was written."""
    found = types.SimpleNamespace(stored={}, written={}, said=[])
    monkeypatch.setattr(page.settings, "read", lambda device: found.stored)
    monkeypatch.setattr(page.settings, "write", lambda device, values, out: found.written.update(values))
    return found


def give(board, first, files):
    return page.give(None, types.SimpleNamespace(first=first, files=files), board.said.append)


def test_a_new_board_gets_one_that_opens_its_page(board):
    assert give(board, True, FULL)
    (told,) = board.said
    text = re.search(r"its password is (\S+);", told)[1]
    sealed = board.written["page.password"]
    assert text not in sealed and password.sealed(sealed) and password.fits(sealed, text)
    assert check.check(settings.row("page.password"), "page.password", text) == text
    assert page.make() != page.make() and re.fullmatch(r"(\w{3}-){2}\w{3}", page.make())


@pytest.mark.parametrize(
    ("first", "files", "stored"),
    [(False, FULL, {}), (True, BASE, {}), (True, FULL, {"page.password": "$1$"})],
    ids=["there before", "base version", "has one"],
)
def test_no_other_board_gets_one(board, first, files, stored):
    board.stored = stored
    assert not give(board, first, files) and board.written == {} and board.said == []
