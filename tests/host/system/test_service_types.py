"""What `make types` looks at: pyright finds nothing in the firmware and the tools, and would find what is wrong."""

import json
import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from tools import patience

ROOT = Path(__file__).resolve().parents[3]
CONFIGS = ("pyrightconfig.json", "tools/pyrightconfig.json")


def checked(config, folder=ROOT):
    """(exit code, what pyright says) of a configuration."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    program = shutil.which("basedpyright", path=path)
    if not program or not (ROOT / "build" / "stubs" / "machine.pyi").exists():
        pytest.fail("basedpyright or the stubs of MicroPython are missing: make types brings them")
    done = patience.run([program, "-p", str(folder / config)], 240, cwd=folder)
    return done.returncode, done.stdout


@pytest.mark.services
@pytest.mark.timeout(300)
@pytest.mark.parametrize("config", CONFIGS)
def test_nothing_is_found(config):
    code, said = checked(config)
    assert code == 0, said


@pytest.mark.services
@pytest.mark.timeout(300)
def test_an_unknown_name_and_an_import_of_nothing_would_be_found(tmp_path):
    values = json.loads((ROOT / CONFIGS[0]).read_text())
    for name in ("typeshedPath", "stubPath"):
        values[name] = str(ROOT / values[name])
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(values))
    (tmp_path / "firmware").mkdir()
    (tmp_path / "firmware" / "wrong.py").write_text("import machine, nothing\n\n\ndef wrong():\n    return nowhere\n")
    code, said = checked("pyrightconfig.json", tmp_path)
    assert code == 1 and '"nowhere" is not defined' in said and 'Import "nothing" could not be resolved' in said
    assert "machine" not in said


def test_the_stubs_are_pinned_with_their_hashes():
    lines = (ROOT / "make" / "stubs.txt").read_text().splitlines()
    assert len(lines) == 3
    for line in lines[1:]:
        assert re.fullmatch(r"micropython-[\w-]+-stubs==1\.29\.0\.post\d --hash=sha256:[0-9a-f]{64}", line), line
