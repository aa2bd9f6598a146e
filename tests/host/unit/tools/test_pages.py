"""Every page of the project: its links and anchors lead somewhere, and what it cites or gives to type is there."""

import re
from pathlib import Path

import pytest

from tools.twin import arguments

ROOT = Path(__file__).resolve().parents[4]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
FENCE = re.compile(r"(?ms)^ *```.*?^ *```")
RULES = "".join(path.read_text() for path in (ROOT / "Makefile", *(ROOT / "make").glob("*.mk")))
# What appears while something runs, or belongs to whoever reads: no files of ours.
MADE = (
    "build/",
    "twin/",
    "board-sim/",
    "keys/",
    "bench/results/",
    "lib/umqtt",
    "firmware/net/modem/acme",
    "firmware/boards/my_board.py",
)


def anchors(page):
    """The anchors of a page's headings, as GitHub makes them; a heading that comes twice counts up."""
    found = []
    for heading in re.findall(r"(?m)^#+ +(.*)$", FENCE.sub("", page.read_text())):
        text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
        found.append(re.sub(r"[^\w\- ]", "", text).strip().replace(" ", "-"))
    return {name if not found[:at].count(name) else "%s-%d" % (name, found[:at].count(name))
            for at, name in enumerate(found)}  # fmt: skip


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_anchors_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", page.read_text())):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        other = page.parent / name if name else page
        assert other.exists(), target
        assert not anchor or anchor in anchors(other), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_files_that_a_page_cites_are_there(page):
    cited = re.findall(r"`((?:firmware|tools|tests|docs|bench|make|lib)/[\w./-]*|[\w-]+\.mk)`", page.read_text())
    for name in cited:
        base = ROOT / "make" if name.endswith(".mk") and "/" not in name else ROOT
        if not name.startswith(MADE) and not re.search("[A-Z]{4}", name.replace("README", "")):
            assert (base / name).exists(), name


def test_the_architecture_names_functions_and_modules_that_there_are():
    """`file.py: Class.method` and `name.py` alone: somebody follows them with an editor."""
    text = (ROOT / "docs" / "architecture.md").read_text()
    stations = re.findall(r"`([\w/]+\.py): ([\w.]+)`", text)
    assert len(stations) > 10
    for name, what in stations:
        source = (ROOT / name).read_text()
        for part in what.split("."):
            assert re.search(r"(?m)^\s*(?:async )?(?:def|class) %s\b|^\s*%s = " % (part, part), source), (name, what)
    names = {path.name for top in ("firmware", "tools", "tests", "bench") for path in (ROOT / top).rglob("*.py")}
    names |= {"boot.py", "main.py"}
    for name in re.findall(r"`(?:[\w/]*/)?(\w+\.py)`", text):
        assert name in names, name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_is_to_be_typed_exists(page):
    text = page.read_text()
    for target in set(
        re.findall(r"(?:`|^)(?:[A-Z_]+=\S+ )?make ([a-z][a-z-]+)(?=[\s`]|$)", "\n".join(typed(text)), re.MULTILINE)
    ):
        assert re.search(r"(?m)^(?:\.PHONY:.* )?%s\b.*" % target, RULES), target
    for name in re.findall(r"python -m (tools[\w.]*)", text):
        path = ROOT / name.replace(".", "/")
        assert (
            path.with_suffix(".py").exists() or (path / "__main__.py").exists() or name in ("tools.X", "tools.NAME")
        ), name
    known = arguments._parser().options()
    for option in re.findall(r"make run -- [^`\n]*?(--[\w-]+)", text):
        assert option in known, option


def typed(text):
    """What stands in a page as something to type: in fences, and between backticks."""
    return FENCE.findall(text) + re.findall(r"`[^`\n]+`", FENCE.sub("", text))


def test_an_anchor_that_is_wrong_would_be_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# One, two: `three`\n\n## Same\n\n## Same\n\n```\n# no heading\n```\n")
    assert anchors(page) == {"one-two-three", "same", "same-1"}


def test_the_words_before_the_first_record_are_as_many_as_told():
    text = (ROOT / "docs" / "development.md").read_text()
    first = (ROOT / "README.md").read_text().partition("```\nmake run\n```")[0]
    quick = (ROOT / "docs" / "quickstart.md").read_text().partition("## 2.")[0]
    told = [int(number) for number in re.findall(r"(?m)^\| words [^|]*\| (\d+) \|$", text)]
    assert told == [len(first.split()), len(quick.split())]
    assert max(told) < 400
