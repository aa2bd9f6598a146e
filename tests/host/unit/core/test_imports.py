"""What stands in for a board's parts lies in tools/: firmware/ imports nothing of it, and makes no PPP of its own."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[4]
_HOST = ("tools", "tests", "bench")


def _modules():
    for path in sorted((ROOT / "firmware").rglob("*.py")):
        yield path.relative_to(ROOT), list(ast.walk(ast.parse(path.read_text())))


def test_firmware_imports_nothing_of_the_computer_s_side():
    for path, nodes in _modules():
        names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
        names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
        assert not [name for name in names if name.split(".")[0] in _HOST], path


def test_firmware_has_no_stand_in_for_ppp_or_sockets():
    """It imports network and socket wherever it runs; who starts the twin lays them into MicroPython's path."""
    for path, nodes in _modules():
        made = [node.name for node in nodes if isinstance(node, ast.ClassDef)]
        assert not {"PPP", "Socket"}.intersection(made), path
