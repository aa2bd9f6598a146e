"""The version of the project stands in one place, and everything that tells it takes it from there."""

import re
import subprocess
from pathlib import Path

import tomllib

from firmware.app import device
from firmware.core import VERSION
from tools.board import deploy

ROOT = Path(__file__).resolve().parents[3]
ONLY = "firmware/core/__init__.py"
# What was true of a version stays true: its chapter of CHANGES.md, and what tests keep of devices that have it.
HISTORY = ("CHANGES.md", "tests/")
# Files that name versions of others.
OTHERS = ("constraints.txt", "lib.lock", "npm.lock")


def written(version):
    """Paths of the files in git in which `version` stands as a version of ours."""
    names = subprocess.run(["git", "-C", ROOT, "ls-files"], capture_output=True, text=True, check=True).stdout
    alone = re.compile(r"(?<![\w.=])%s(?![\w.])" % re.escape(version))
    for name in names.splitlines():
        path = ROOT / name
        if not name.startswith(HISTORY + OTHERS) and path.is_file() and alone.search(path.read_text("latin-1")):
            yield name


def test_one_place_has_it():
    assert re.fullmatch(r"\d+\.\d+\.\d+", VERSION)
    # package.json is made from it (tools/package.py), and compared by its own test.
    assert [name for name in written(VERSION) if name != "package.json"] == [ONLY]


def test_a_second_place_would_be_found():
    text = (ROOT / "README.md").read_text()
    assert not re.search(r"\blector102[ -]v?\d+\.\d", text)
    assert ONLY in written(VERSION) and "pyproject.toml" in written("119")


def test_pyproject_takes_it_from_there():
    table = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "version" not in table["project"] and table["project"]["dynamic"] == ["version"]
    module, _, name = table["tool"]["setuptools"]["dynamic"]["version"]["attr"].rpartition(".")
    assert ROOT / module.replace(".", "/") / "__init__.py" == ROOT / ONLY and name == "VERSION"


def test_firmware_and_tools_take_it_from_there(tmp_path):
    assert device.App.version == VERSION
    assert deploy.version().partition("+")[0] == VERSION
    (tmp_path / "firmware" / "core").mkdir(parents=True)
    assert deploy.version(tmp_path) == "0"
    (tmp_path / ONLY).write_text((ROOT / ONLY).read_text().replace(VERSION, "7.8.9"))
    assert deploy.version(tmp_path) == "7.8.9"


def test_the_changes_tell_of_it_and_what_is_above_it_has_no_number_yet():
    chapters = re.findall(r"(?m)^## (.*)$", (ROOT / "CHANGES.md").read_text())
    numbered = [chapter for chapter in chapters if chapter[0].isdigit()]
    assert numbered[0].split()[0] == VERSION
    assert chapters[: chapters.index(numbered[0])] in ([], ["Not released yet"])
