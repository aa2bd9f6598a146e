"""The page's source: both languages complete, small enough, nothing from elsewhere, what a browser is told fits it."""

import base64
import gzip
import hashlib
import re

import pytest

from firmware.config import settings
from tools.page import build

SCRIPTS = {path.name: path.read_text() for path in build.SOURCE.glob("*.js")}
TEXTS = build.texts()
# Keys that are made of a part and a name.
MADE = {
    "way.": ("device", "cable", "broker"),
    "menu.": re.findall(r"\['(\w+)'(?:, '\w+')*\]", re.search(r"const MENUS = (.*);", SCRIPTS["settings.js"])[1]),
    "group.": settings.NAMES,
    "when.": {row[5] for row in settings.rows()} - {""},
}


def used():
    """Keys of texts that the scripts name."""
    text = "\n".join(SCRIPTS.values())
    found = set(re.findall(r"\bt\('([\w.]+)'", text)) | set(re.findall(r"\bpart\('(\w+)'", text))
    found |= set(re.findall(r"'(k\.\w+)'", text))
    return found - {*MADE, "v."}


def test_every_text_that_the_scripts_use_is_there_in_both_languages():
    assert used() - TEXTS.keys() == set()
    for start, names in MADE.items():
        assert {start + name for name in names} - TEXTS.keys() == set(), start
    for english, spanish in TEXTS.values():
        assert set(re.findall(r"%\d", english)) == set(re.findall(r"%\d", spanish)), english


def test_no_text_is_there_for_nothing():
    text = "\n".join(SCRIPTS.values())
    named = used() | {"on", "off"} | {key for key in TEXTS if key.startswith((*MADE, "v."))}
    assert [key for key in TEXTS if key not in named and "'%s'" % key not in text] == []


def test_every_setting_has_its_help_in_spanish():
    assert build.spanish().keys() == {row[0] for row in settings.rows()}


def test_every_setting_is_on_the_page():
    table = build.table()
    assert {group + "." + row[0] for group, each in table.items() for row in each["rows"]} == {
        row[0] for row in settings.rows()
    }


def test_it_has_at_most_24_kb_packed(tmp_path):
    assert build.build(tmp_path) <= 24 * 1024 == build.MOST
    data = (tmp_path / "page.gz").read_bytes()
    assert len(data) <= build.MOST and gzip.decompress(data) == build.page()[0]


@pytest.mark.parametrize(
    "before",
    [b"", b"no gzip", gzip.compress(b"another page"), gzip.compress(b"x" * 999)[:-9]],
    ids=["empty", "no gzip", "another page", "half a gzip"],
)
def test_what_lay_there_before_is_made_anew(tmp_path, before):
    (tmp_path / "page.gz").write_bytes(before)
    build.build(tmp_path)
    assert gzip.decompress((tmp_path / "page.gz").read_bytes()) == build.page()[0]


def test_the_policy_allows_its_own_script_and_style_alone():
    html, policy = build.page()
    html = html.decode()
    for tag, name in (("script", "script-src"), ("style", "style-src")):
        parts = re.findall(r"(?s)<%s>(.*?)</%s>" % (tag, tag), html)
        assert len(parts) == 1
        digest = base64.b64encode(hashlib.sha256(parts[0].encode()).digest()).decode()
        assert "%s 'sha256-%s'" % (name, digest) in policy
    assert "unsafe" not in policy and "default-src 'none'" in policy and "connect-src 'self'" in policy


def test_it_asks_no_other_host():
    html = build.page()[0].decode()
    addresses = set(re.findall(r"""(?:src|href|url|fetch)\W{1,3}https?://([^/'"\s]+)""", html))
    assert addresses == set() and "@import" not in html
    assert "eval(" not in html and "innerHTML" not in html and " style=" not in html


@pytest.mark.parametrize("bad", ["key|only", "key||x", "a|b|c\na|b|c"])
def test_a_line_of_texts_that_is_not_whole_is_named(bad, tmp_path, monkeypatch):
    (tmp_path / "texts.txt").write_text(bad)
    monkeypatch.setattr(build, "SOURCE", tmp_path)
    with pytest.raises(build.PageError, match="line"):
        build.texts()
