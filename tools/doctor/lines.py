"""Which diagnostic line has a number: a device tells it after a reset that nobody wanted (firmware/core/log.py)."""

import ast
from pathlib import Path

from firmware.core.log import number

_ROOT = Path(__file__).resolve().parents[2]
_LEVELS = ("info", "warn", "error")


def said():
    """(number, file below the project, line in it, source, text) of each diagnostic line in the firmware."""
    for path in sorted((_ROOT / "firmware").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and len(node.args) >= 2):
                continue
            text = node.args[1]
            if node.func.attr in _LEVELS and isinstance(text, ast.Constant) and isinstance(text.value, str):
                source = ast.unparse(node.args[0])
                yield number(text.value), path.relative_to(_ROOT).as_posix(), node.lineno, source, text.value


class LineDoctor:
    """`wanted`: a line's number."""

    def __init__(self, wanted, report):
        self._wanted = wanted
        self._report = report

    async def run(self):
        """Raises Fault when no line of this version has the number."""
        from tools.doctor.report import Fault

        found = [each for each in said() if each[0] == self._wanted]
        for _, path, line, source, text in found:
            self._report.ok("%s: %s  (%s, line %d)" % (source, text, path, line))
        if not found:
            raise Fault(
                "no diagnostic line of this version of the firmware has the number %04X" % self._wanted,
                "take the project's files in the version that the device runs: ONLINE and GETSTATUS tell it",
            )
