"""The references in docs/ are what the tables in the firmware say."""

import re

from firmware.commands import grammar
from firmware.config import settings
from tools import docs


def test_the_references_are_not_stale():
    assert [path.name for path in docs.stale()] == [], "run: make docs"


def test_every_command_has_a_line_and_words():
    text = docs.commands_text()
    for row in grammar.rows():
        found = re.search(r"(?m)^\| `%s` \| (\w+) \| (.+) \|$" % re.escape(grammar.form(row)), text)
        assert found and found.group(1) == row[4] and len(found.group(2)) > 5, row[0]
    for code in range(1, 12):
        assert "| %d | " % code in text


def test_every_setting_has_a_line_with_both_names_and_words():
    text = docs.settings_text()
    for row in settings.rows():
        line = next(line for line in text.splitlines() if line.startswith("| `%s` |" % row[0]))
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)]
        assert settings.titan(row) in cells[2] and len(cells[7]) > 3, line


def test_a_stale_page_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(docs, "ROOT", tmp_path)
    (tmp_path / "docs").mkdir()
    assert len(docs.stale()) == 3
    for path, words in docs.pages().items():
        path.write_text(words, encoding="utf-8")
    assert docs.stale() == []
