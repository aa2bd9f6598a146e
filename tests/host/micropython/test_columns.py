"""The help of settings and commands: one row in the source, rows without words and words alone on a board."""

import re
import subprocess
from pathlib import Path

import pytest

from firmware.commands import grammar
from firmware.commands.handlers import help as commands_help
from firmware.config import help, settings
from tools import build, columns, micropython

ROOT = Path(__file__).resolve().parents[3]

# What the compiled modules have: a row's fields in a line, then its help.
ROWS = """
from firmware.commands import grammar
from firmware.config import settings
for row in list(settings.rows()) + list(grammar.rows()):
    print("|".join(row))
"""
HELPS = """
from firmware.commands import grammar
from firmware.commands.handlers import help as commands_help
from firmware.config import help, settings
for row in settings.rows():
    print(help.of(row[0]))
for row in grammar.rows():
    print(commands_help.of(row[0]))
"""


def printed(script):
    build.build()
    done = subprocess.run(
        micropython.command("-c", script),
        cwd="/",
        env={"MICROPYPATH": "%s:.frozen" % build.DEVICE},
        capture_output=True,
        text=True,
    )
    assert not done.returncode, done.stderr
    return done.stdout.splitlines()


def source_rows():
    return [*settings.rows(), *grammar.rows()]


def test_a_board_has_the_rows_of_the_source_without_their_help_and_in_its_order():
    assert printed(ROWS) == ["|".join(row[:6]) for row in source_rows()]


def test_a_board_tells_the_help_that_stands_in_the_row():
    helps = printed(HELPS)
    assert helps == [row[6] for row in source_rows()] and all(helps)
    assert helps == [help.of(row[0]) for row in settings.rows()] + [commands_help.of(row[0]) for row in grammar.rows()]


def test_the_words_are_nowhere_but_where_they_are_told():
    build.build()
    for words, (rows, _) in columns.TABLES.items():
        kept, told = ((build.DEVICE / path).with_suffix(".mpy").read_bytes() for path in (rows, words))
        each = [row[6].encode() for row in (settings if "config" in words else grammar).rows() if len(row[6]) > 20]
        assert len(each) > 15 and not any(word in kept for word in each) and all(word in told for word in each)


def test_no_line_of_a_module_moves():
    for pair in columns.TABLES.items():
        for path in (pair[0], pair[1][0]):
            source = (ROOT / path).read_text().split("\n")
            made = columns.text(Path(path), ROOT).split("\n")
            assert len(made) == len(source)
            last = max(at for at in range(len(source)) if made[at] != source[at])
            assert made[last + 1 :] == source[last + 1 :]
    assert columns.text(Path("firmware/core/log.py"), ROOT) is None


@pytest.mark.parametrize("row", ["AT||0|0|view|general", "AT||0|0|view|general|", "AT"])
def test_a_row_without_help_is_told_by_the_build(tmp_path, row):
    for path in ("firmware/commands/grammar.py", "firmware/commands/handlers/help.py"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text((ROOT / path).read_text().replace("AT||0|0|view|general|answers OK", row))
    with pytest.raises(build.CompileError, match="grammar.py does not compile(.|\n)*'AT.*lacks a field"):
        build.text_of(Path("firmware/commands/grammar.py"), tmp_path)


def test_what_the_guide_says_of_a_command_and_a_setting_is_so():
    """docs/development.md: one file for all that is said of it, beside the one that acts."""
    guide = (ROOT / "docs" / "development.md").read_text().split("# Six tasks", 1)[1]
    for path in re.findall(r"`((?:firmware|tests|tools)/\S+?)`", guide):
        assert (ROOT / path).exists(), path
    sources = {path: path.read_text().replace("\\\n", "") for path in sorted((ROOT / "firmware").rglob("*.py"))}
    for row in source_rows():
        where = [path.name for path, text in sources.items() if "|" + row[6] + "\n" in text]
        assert where == [{True: "settings_table.py", False: "grammar.py"}["." in row[0]]], row[0]
    for row in grammar.rows():
        handlers = (ROOT / "firmware" / "commands" / "handlers" / (row[5] + ".py")).read_text()
        assert "async def %s(call)" % row[0].lower() in handlers or "async def run(call)" in handlers, row[0]
