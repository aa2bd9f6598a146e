"""A new board's page gets a password, told once; a board that was there before keeps what it has."""

import json
import re
import types

import pytest

from firmware.config import check, files, password, settings
from tools import pack
from tools.board import page

FULL = {"web/page.gz": b"", "firmware/app/main.mpy": b""}
BASE = {"firmware/app/main.mpy": b""}


@pytest.fixture
def board(monkeypatch):
    """What is stored, and what was written."""
    found = types.SimpleNamespace(stored={}, written={}, said=[])
    found.write = lambda path, data: found.written.update(json.loads(data)) if path == "/config.json" else None
    monkeypatch.setattr(page.settings, "read", lambda device: dict(found.stored))
    return found


def give(board, first, found, free=500_000):
    return page.give(
        types.SimpleNamespace(eval=lambda code: free, write=board.write),
        types.SimpleNamespace(first=first, files=found),
        board.said.append,
    )


def test_a_new_board_gets_one_that_opens_its_page(board):
    assert give(board, True, FULL)
    (told,) = board.said
    text = re.search(r"its password is (\S+);", told)[1]
    sealed = board.written["page.password"]
    assert board.written[files.NUMBER] == files.DEFAULTS, "it is no device of the first defaults"
    assert text not in sealed and password.sealed(sealed) and password.fits(sealed, text)
    assert check.check(settings.row("page.password"), "page.password", text) == text
    assert page.make() != page.make() and re.fullmatch(r"(\w{3}-){2}\w{3}", page.make())


@pytest.mark.parametrize(
    ("first", "found", "stored"),
    [(False, FULL, {}), (True, BASE, {}), (True, FULL, {"page.password": "$1$"})],
    ids=["there before", "base version", "has one"],
)
def test_no_other_board_gets_one(board, first, found, stored):
    board.stored = stored
    assert not give(board, first, found) and board.written == {} and board.said == []


def test_what_is_stored_already_stays(board):
    board.stored = {"mqtt.qos": 0}
    assert give(board, True, FULL) and set(board.written) == {"mqtt.qos", "page.password"}


def test_a_board_without_the_memory_gets_none(board):
    assert not give(board, True, FULL, 240_000) and board.written == {}


def test_the_page_is_named_in_the_full_version_as_here_and_in_that_alone():
    assert page._PAGE == "web/page.gz" and not pack.in_base(page._PAGE)
