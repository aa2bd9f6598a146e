"""A test that cannot run because a program is missing is no success: it fails, and none is ever skipped."""

import re
from pathlib import Path

import pytest

from tests.host.support import brokers, programs

ROOT = Path(__file__).resolve().parents[4]
TESTS = ROOT / "tests"


@pytest.fixture
def nothing_installed(monkeypatch):
    monkeypatch.setattr(programs.shutil, "which", lambda *_, **__: None)
    for name in ("LECTOR_NO_SKIP", "LECTOR_EMBEDDED", "CI"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("name", programs.PACKAGES)
def test_a_missing_program_fails_and_says_what_to_install(nothing_installed, name):
    with pytest.raises(pytest.fail.Exception, match="%s is missing: apt-get install " % name):
        programs.need(name)


def test_without_mosquitto_other_tests_have_the_embedded_broker(nothing_installed):
    assert brokers.mosquitto_path() is None


@pytest.mark.parametrize(("variable", "value"), [("LECTOR_NO_SKIP", "1"), ("CI", "true"), ("CI", "1")])
def test_but_not_in_ci(nothing_installed, monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    with pytest.raises(AssertionError, match="Mosquitto is not installed"):
        brokers.mosquitto_path()


def test_ci_installs_every_program_and_runs_all_three_commands():
    script = (ROOT / ".ci" / "run").read_text()
    assert "LECTOR_NO_SKIP=1" in script
    for name, package in programs.PACKAGES.items():
        assert re.search(r"^need %s %s$" % (name, package), script, re.M), name
    assert re.findall(r"^make (\S+)$", script, re.M) == ["test", "test-services", "test-page"]


def functions(path):
    """(text of decorators, text of the body) of each top-level function of a file."""
    text = path.read_text()
    for part in re.split(r"\n\n\n", text):
        head, _, body = part.partition("\ndef ") if not part.startswith("def ") else ("", "", part)
        yield head, body


def test_what_needs_a_program_is_a_test_of_services():
    ways = re.compile(r"programs\.need\(|(?<!\w)need\(")
    found = 0
    for path in sorted((TESTS / "host").rglob("test_*.py")):
        if path.name == Path(__file__).name:
            continue
        for head, body in functions(path):
            if ways.search(body):
                assert "@pytest.mark.services" in head, "%s: %s" % (path.name, body.partition("(")[0])
                found += 1
    assert found >= 2


def test_no_test_is_skipped_in_another_way():
    ways = re.compile(r"pytest\.skip\(|mark\.skip|importorskip|mark\.xfail")
    found = {path.name: ways.findall(path.read_text()) for path in TESTS.rglob("*.py")}
    del found[Path(__file__).name]
    for name, marks in found.items():
        assert set(marks) <= {"mark.xfail"}, name
    # What cannot be done yet, each strict: what passes one day fails until its mark is gone.
    for path in TESTS.rglob("*.py"):
        if path.name != Path(__file__).name:
            text = path.read_text()
            assert len(ways.findall(text)) == len(re.findall(r"mark\.xfail\(\s*strict=True", text)), path.name
