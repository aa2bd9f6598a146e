"""What fails within a request is told in one line, without what a stranger wrote into it."""

from firmware.core import log
from firmware.web import api


def test_a_request_that_fails_is_a_line_with_no_word_of_its_own(monkeypatch):
    said = []
    monkeypatch.setattr(log, "sink", said.append)
    api._noted(ValueError("from a stranger"))
    assert len(said) == 1 and said[0].endswith("I page: a request failed: ValueError"), said
