"""NOTICE names every package of the lock files, each once, with the licence that the package itself tells."""

import importlib.metadata
import json
import re
from pathlib import Path

import pytest

from tools import sbom

ROOT = Path(__file__).resolve().parents[4]
TEXT = (ROOT / "NOTICE").read_text()
KNOWN = sbom.notice()
LIBRARIES = sbom.libraries()
PACKAGES = sbom.packages()
NPM = [pin["package"] for pin in json.loads((ROOT / "npm.lock").read_text()).values()]
# What packages that give no SPDX identifier say instead.
SAID = {
    "AGPL-3.0-only": ("GNU Affero General Public License v3",),
    "Apache-2.0": ("Apache 2.0", "Apache Software License"),
    "BSD-3-Clause": ("BSD", "BSD License"),
    "ISC": ("ISC License", "ISC License (ISCL)"),
    "MIT": ("MIT License", "The MIT License: http://www.opensource.org/licenses/mit-license.php"),
    "public domain": ("Public domain", "Public Domain"),
}


def test_every_locked_package_stands_in_it_once_and_nothing_else():
    names = [name for name, _ in PACKAGES] + [*LIBRARIES, *NPM]
    image = [name for name, (_, use) in KNOWN.items() if use == sbom.IMAGE]
    assert sorted(KNOWN) == sorted(names + image)
    for name in KNOWN:
        assert len(re.findall(r"(?m)^\| %s \|" % re.escape(name), TEXT)) == 1, name


def test_each_stands_in_the_chapter_of_where_it_is():
    for name, pin in LIBRARIES.items():
        assert KNOWN[name][1] == pin["use"], name
    for name in [name for name, _ in PACKAGES] + NPM:
        assert KNOWN[name][1] == (sbom.RELEASE if name == "certifi" else sbom.HOST), name  # its roots


@pytest.mark.parametrize("name", [name for name, _ in PACKAGES])
def test_a_licence_is_the_one_the_installed_package_tells(name):
    try:
        told = importlib.metadata.metadata(name)
    except importlib.metadata.PackageNotFoundError:
        return  # one of an extra that is not installed here
    classes = [each.split(" :: ")[-1] for each in told.get_all("Classifier") or () if each.startswith("License")]
    words = {told.get("License-Expression"), told.get("License"), *classes} - {None, ""}
    licence = KNOWN[name][0]
    assert words & {licence, *SAID.get(licence, ())} if words else licence == sbom.UNKNOWN, (licence, words)
