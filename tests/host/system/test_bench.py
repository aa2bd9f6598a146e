"""The benches cannot rot: each runs its quick form here, and the run of all of them says what went wrong."""

import re
import sys
import types
from pathlib import Path

import pytest

import bench.__main__ as main
from bench import _air_tls, _rows, air

pytestmark = pytest.mark.takes(40)

ROOT = Path(__file__).resolve().parents[3]
KEYS = {"name", "value", "unit", "reference", "reference_value", "ratio", "target", "met", "timed"}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", main.names())
def test_the_quick_form_of_every_bench(name):
    rows = main.importlib.import_module("bench." + name).run(quick=True)
    text = _rows.table({name: rows}, quick=True)
    verdicts = {}
    for found in rows:
        assert set(found) >= KEYS, found
        verdicts.setdefault(_rows.verdict(found, quick=True), []).append(found["name"])
    assert verdicts.get("met") or verdicts.get("not judged"), text
    assert "MISSED" not in verdicts and "FAILED" not in verdicts, text


@pytest.fixture
def benches(monkeypatch, tmp_path):
    """Give the benches as {name: what run() does}; `.run(words)` is the command."""

    def made(**runs):
        for name, run in runs.items():
            module = types.ModuleType("bench." + name)
            module.run = run
            module.__spec__ = types.SimpleNamespace(name=module.__name__)
            monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setattr(main, "names", lambda: sorted(runs))
        monkeypatch.setattr(main, "RESULTS", tmp_path)
        return main.main

    return made


def good(quick=False):
    return [_rows.at_most("bytes of it", 10, "bytes", "what may be", 20)]


def missed(quick=False):
    return [_rows.at_most("slow one", 30, "ms", "limit", 20, timed=True), *good()]


def broken(quick=False):
    raise RuntimeError("lost bytes")


def test_one_that_fails_does_not_keep_the_others_from_running(benches, capsys, tmp_path):
    assert benches(a=broken, b=good, c=missed)([]) == 1
    out = capsys.readouterr().out
    progress, _, table = out.partition("reference")
    assert "[1/3] a ..." in progress and "RuntimeError: lost bytes" in progress and "Traceback" in progress
    for words in (("lost bytes", "FAILED"), ("bytes of it", "met"), ("slow one", "MISSED")):
        assert any(all(word in line for word in words) for line in table.splitlines()), words
    assert out.rstrip().endswith("1 target MISSED, 1 bench FAILED")
    assert (tmp_path / "b.json").exists() and "slow one" in (tmp_path / "table.txt").read_text()


@pytest.mark.parametrize(
    "runs, words, code",
    [
        ({"a": good}, [], 0),
        ({"a": missed}, [], 1),
        ({"a": missed}, ["--quick"], 0),  # times are not judged then
        ({"a": broken}, ["--quick"], 1),
        ({"a": broken, "b": good}, ["b"], 0),
    ],
)
def test_the_exit_code(benches, capsys, runs, words, code):
    assert benches(**runs)(words) == code
    assert ("every target met" in capsys.readouterr().out) == (code == 0)


def test_a_name_that_is_none(benches, capsys):
    with pytest.raises(SystemExit) as ended:
        benches(a=good)(["nonsense"])
    assert ended.value.code == 2 and "there is no bench nonsense" in capsys.readouterr().err


@pytest.mark.parametrize("tls", [False, True])
def test_pings_each_half_minute_miss_the_target_of_the_air(tls):
    """As they were before `mqtt.keepalive_max`: that bench can fail."""
    authority = None
    if tls:
        authority = _air_tls.Authority()
        authority.cipher = "ECDHE-RSA-AES256-GCM-SHA384"
    before, _, _ = air.ours(air.QUICK, authority, **{"mqtt.keepalive_max": 0})
    assert before.total > 4 * (air.MOST_TLS if tls else air.MOST)


def test_the_page_about_the_air_says_what_the_bench_finds():
    found = air.bills(quick=True)[0]
    page = (ROOT / "docs/air.md").read_text()
    told = dict(re.findall(r"^\| ([\w/]+) \| ([\d,]+ \| [\d,]+ \| [\d,]+) \|$", page, re.M))
    assert set(told) == {*air.KINDS, "together"}
    for kind, cells in told.items():
        for bill, cell in zip(found.values(), cells.split(" | ")):
            counted = bill.day[kind] if kind in air.KINDS else bill.total
            # The quick form has six hours, in which more pings are tried and the time is asked once.
            assert int(cell.replace(",", "")) == pytest.approx(counted, rel=0.1, abs=400), kind
    bill, secure, _ = found.values()
    for words, name in (("record with its", "record"), ("ping", "ping"), ("login", "login")):
        cells = re.search(r"^\| %s[^|]*\| ([\d,]+) \| ([\d,]+) \|$" % words, page, re.M).groups()
        for each, cell in zip((bill, secure), cells):
            assert int(cell.replace(",", "")) == pytest.approx(getattr(each, name), rel=0.05), name
