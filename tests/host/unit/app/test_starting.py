"""What a start does for a heap that is short, and spares one that is not."""

import pytest

from firmware.app import starting
from firmware.core import overlay
from tests.host.support.fake_machine import Chip, board_of
from tools import micropython

# What a 64-bit heap shows in use at that point; 57,000 bytes of a board's were seen.
_IN_USE = 73000


@pytest.mark.parametrize(("heap", "loads"), ((micropython.SMALL, 1), (micropython.MIDDLE, 0), (micropython.ROOMY, 0)))
def test_code_is_loaded_in_advance_only_where_its_names_would_be_in_the_way(monkeypatch, tmp_path, heap, loads):
    """It took 6.6 of the 24 s that a Pico W with 440,000 bytes of heap needs for its start, for nothing."""
    monkeypatch.chdir(tmp_path)
    Chip("rp2").install(monkeypatch)
    kind = board_of("pico_w", monkeypatch, tmp_path)
    monkeypatch.setattr(kind, "console", lambda self: None)
    monkeypatch.setattr(overlay, "_free", lambda: micropython.size(heap) - _IN_USE)
    done = []
    monkeypatch.setattr(starting, "_load", lambda: done.append("load"))
    starting.make(kind())
    assert len(done) == loads
