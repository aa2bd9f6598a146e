"""The rows of boards/tables.py make the same classes on MicroPython."""

import ast
import subprocess

from firmware import boards
from firmware.boards import tables
from tests.host.unit.boards.test_boards_tables import chip_of
from tools import build, micropython

ON_A_BOARD = """
import sys
for name in ("machine", "_thread"):
    sys.modules[name] = sys
from firmware import boards
for name in %r:
    found = boards.board(name)
    print([found.name, found.firmware, list(found.wiring), found.modem, found.led_pin, found.led_low])
"""


def test_a_row_is_a_class_on_micropython_too(monkeypatch):
    names = list(tables.BOARDS)
    build.build()
    done = subprocess.run(
        micropython.command("-c", ON_A_BOARD % names),
        env={"MICROPYPATH": "%s:.frozen" % build.DEVICE},
        capture_output=True,
        text=True,
    )
    assert not done.returncode, done.stderr
    for name, line in zip(names, done.stdout.splitlines(), strict=True):
        chip_of(name).install(monkeypatch)
        found = boards.board(name)
        here = [found.name, found.firmware, list(found.wiring), found.modem, found.led_pin, found.led_low]
        assert ast.literal_eval(line) == here and found.name == name
