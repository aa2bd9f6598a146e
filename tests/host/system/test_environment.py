"""The first command of somebody new: which Pythons it takes, what it says to the others, and the pins it installs."""

import platform
import re
import subprocess
import sys
import types
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import tomllib
from packaging import tags
from packaging.specifiers import SpecifierSet
from packaging.utils import parse_wheel_filename

from tools import patience

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = ROOT / "make" / "environment.sh"
PINS = (ROOT / "constraints.txt").read_text().split()
# Without wheels: pure Python, for every version.
SOURCES = ("bitstring", "iec870ree", "pyftpdlib")


def python(folder, version, answers="exit 0"):
    """A `python3` that says it is `version`; `answers`: what it does with everything else, in sh."""
    made = folder / "python3"
    made.write_text('#!/bin/sh\ncase "$*" in *version_info*) echo %s; exit 0;; esac\n%s\n' % (version, answers))
    made.chmod(0o755)
    return str(made)


def set_up(folder, program, **more):
    return patience.run(["sh", str(SCRIPT), program, ".venv"], 60, cwd=folder, **more)


@pytest.mark.parametrize("version", ("2.7", "3.6", "3.10", "3.15", "4.0"))
def test_another_python_gets_one_sentence_and_nothing_is_made(tmp_path, version):
    (tmp_path / "in it").mkdir()
    done = set_up(tmp_path / "in it", python(tmp_path, version))
    assert done.returncode == 1 and not done.stdout
    (sentence,) = done.stderr.splitlines()
    assert "Python %s; lector102's tools need Python 3.11 to 3.14" % version in sentence
    assert not list((tmp_path / "in it").iterdir())


def test_no_python_and_one_without_venv_get_a_sentence(tmp_path):
    done = set_up(tmp_path, "python-that-is-none")
    assert done.returncode == 1 and "is not installed" in done.stderr
    done = set_up(tmp_path, python(tmp_path, "3.11", "exit 1"))
    assert done.returncode == 1 and "apt-get install python3-venv" in done.stderr
    assert len(done.stderr.splitlines()) == 1 and not (tmp_path / ".venv").exists()


@pytest.mark.parametrize("answers", ("mkdir -p .venv/bin; exit 9", "mkdir -p .venv/bin; kill -TERM $PPID; sleep 1"))
def test_nothing_half_made_stays_behind(tmp_path, answers):
    program = python(tmp_path, "3.12", 'case "$*" in *ensurepip*) exit 0;; esac; ' + answers)
    done = set_up(tmp_path, program)
    assert done.returncode and not (tmp_path / ".venv").exists()


def test_what_a_killed_run_left_is_made_anew(tmp_path):
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    done = set_up(tmp_path, python(tmp_path, "3.12", 'case "$*" in *ensurepip*) exit 0;; esac; exit 9'))
    assert "setting up" in done.stdout and not (tmp_path / ".venv").exists()


@pytest.mark.parametrize("words, stamp", (((), ".dev"), (("pico",), ".pico")))
def test_each_extra_has_a_stamp_of_its_own(tmp_path, words, stamp):
    """The basic one, or the one that is named, is installed: it alone."""
    into = 'mkdir -p .venv/bin; [ -e .venv/bin/python ] || cp "$0" .venv/bin/python'
    program = python(tmp_path, "3.12", 'echo "$*" >> calls; %s; exit 0' % into)
    done = patience.run(["sh", str(SCRIPT), program, ".venv", *words], 60, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    made = {path.name for path in (tmp_path / ".venv").iterdir()} - {"bin"}
    assert made == {stamp}
    calls = (tmp_path / "calls").read_text()
    assert re.search(r"optional-dependencies.*\n.*%s$" % stamp[1:], calls, re.MULTILINE), calls


def test_every_extra_is_pinned_as_the_constraints_have_it():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    pinned = {pin.lower().replace("_", "-") for pin in PINS}
    assert set(extras) == {"dev", "page", "pico", "fleet", "types"}
    for wanted in extras.values():
        assert {pin.lower().replace("_", "-") for pin in wanted} <= pinned


def test_all_that_is_installed_is_pinned():
    command = [sys.executable, "-m", "pip", "freeze", "--disable-pip-version-check"]
    installed = patience.run(command, 60, check=True).stdout.lower().replace("_", "-").split()
    pinned = {pin.lower().replace("_", "-") for pin in PINS}
    assert set(installed) - {"pip", "setuptools"} <= pinned


def fits(package, version):
    """Whether a file of the registry is one that pip takes for this version of Python, on a machine like this one."""
    minor = tuple(int(part) for part in version.split(".")[:2])
    platforms = list(tags.platform_tags())
    good = {*tags.cpython_tags(minor, platforms=platforms), *tags.compatible_tags(minor, "cp%d%d" % minor, platforms)}
    if not package.filename.endswith(".whl") or version not in SpecifierSet(package.requires_python or ""):
        return False
    return bool(good & parse_wheel_filename(package.filename)[3])


@pytest.fixture(scope="module")
def offered():
    """{pin: the registry's files of that version}; asked once, nothing is downloaded."""
    from pypi_simple import PyPISimple  # as long as all other imports together

    with PyPISimple() as registry, ThreadPoolExecutor(8) as pool:
        names, versions = zip(*(pin.split("==") for pin in PINS))
        pages = list(pool.map(lambda name: registry.get_project_page(name, timeout=100), names))
    return {
        pin: [package for package in page.packages if package.version == version]
        for pin, version, page in zip(PINS, versions, pages)
    }


@pytest.mark.parametrize("version", ("3.11.0", "3.14.0"))
def test_the_pins_are_to_be_had_for_the_oldest_and_the_newest(version, offered):
    missing = [pin for pin, packages in offered.items() if not any(fits(each, version) for each in packages)]
    assert [pin.split("==")[0] for pin in missing] == list(SOURCES)
    assert all(offered[pin] for pin in missing)


@pytest.mark.parametrize(
    "name, wants, good",
    [
        ("soupsieve-2.10-py3-none-any.whl", ">=3.11.5", False),  # the first command of a stock Debian 12 failed of it
        ("soupsieve-2.8-py3-none-any.whl", ">=3.9", True),
        ("zopfli-0.4-cp314-cp314-manylinux_2_17_%s.whl" % platform.machine(), None, False),
        ("zopfli-0.4-cp38-abi3-manylinux_2_17_%s.whl" % platform.machine(), None, True),
        ("iec870ree-0.14.1.tar.gz", None, False),
    ],
)
def test_what_another_python_cannot_take_is_noticed(name, wants, good):
    assert fits(types.SimpleNamespace(filename=name, requires_python=wants), "3.11.0") == good


def test_the_readme_names_the_same_versions():
    found = re.search(r'requires-python = ">=3\.(\d+),<3\.(\d+)"', (ROOT / "pyproject.toml").read_text())
    first, above = map(int, found.groups())
    assert "Python 3.%d to 3.%d" % (first, above - 1) in (ROOT / "README.md").read_text()
    named = [int(minor) for minor in re.findall(r"3\.(\d+)", re.search(r"3\.11 \|.*\)", SCRIPT.read_text()).group())]
    assert named == list(range(first, above))
    subprocess.run(["sh", "-n", str(SCRIPT)], check=True)
