"""The parts list of a release (SBOM): CycloneDX 1.6 as JSON, made of the lock files and of NOTICE alone.

`python -m tools.sbom` shows that of this tree; `tools.release make` writes it beside a release. Versions and hashes
are those of lib.lock, npm.lock and constraints.txt (the last has no hashes), licences those of NOTICE. The same files
give the same bytes; the time in it is the release's own, or SOURCE_DATE_EPOCH.

What is in the MicroPython image a board was flashed with is named without a version: no lock file of ours chooses it.
Source of the form: CycloneDX specification, schema/bom-1.6.schema.json.
"""

import base64
import datetime
import hashlib
import json
import os
import re
import sys
import uuid
from pathlib import Path
from urllib.parse import quote

from firmware.core import VERSION
from tools.options import Parser

ROOT = Path(__file__).resolve().parent.parent
SUFFIX = ".cdx.json"
# Where a part is; the value of the property lector102:use.
RELEASE, IMAGE, HOST = "release", "image", "host"
# The chapters of NOTICE have them in this order.
_CHAPTERS = (RELEASE, IMAGE, HOST)
# Of NOTICE's licences those that are SPDX identifiers; others are words.
SPDX = {
    "AGPL-3.0-only", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "EPL-2.0", "ISC", "LGPL-3.0-only", "MIT", "MIT-0",
    "MPL-2.0", "PSF-2.0", "Zlib",
}  # fmt: skip
UNKNOWN = "not told"
_US = "lector102"
_MICROPYTHON = "MicroPython"
_ROW = re.compile(r"(?m)^\| ([^|\n]+) \| ([^|\n]+) \| ([^|\n]+) \|$")
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "lector102/sbom")


class SbomError(Exception):
    """Something would be on the device that the list does not have; the text names it."""


# --- what the files say


def notice(root=ROOT):
    """{package: (licence, RELEASE, IMAGE or HOST)} of the tables in NOTICE; empty where there is no such file."""
    path = root / "NOTICE"
    if not path.exists():
        return {}
    found = {}
    chapters = re.split(r"(?m)^\d\. ", path.read_text(encoding="utf-8"))[1:]
    for use, text in zip(_CHAPTERS, chapters):
        for name, licence, _ in _ROW.findall(text)[1:]:
            if name != "---":
                found[name] = (licence, use)
    return found


def _lock(root, name):
    path = root / name
    return json.loads(path.read_text()) if path.exists() else {}


def libraries(root=ROOT):
    """{name: pin} of lib.lock, each with `use`: RELEASE where a member of it goes into lib/."""
    pins = _lock(root, "lib.lock")
    for pin in pins.values():
        pin["use"] = RELEASE if any(place.startswith("lib/") for place in pin["members"].values()) else HOST
    return pins


def packages(root=ROOT):
    """[(name, version)] of constraints.txt, sorted."""
    path = root / "constraints.txt"
    lines = path.read_text().split() if path.exists() else []
    return sorted(tuple(line.split("==")) for line in lines)


def uncovered(files, root=ROOT):
    """Paths among `files` (of a compiled release) in lib/ that no library of lib.lock has brought there."""
    known = {
        Path(place).with_suffix("").as_posix() for pin in libraries(root).values() for place in pin["members"].values()
    }
    return sorted(
        path for path in files if path.startswith("lib/") and Path(path).with_suffix("").as_posix() not in known
    )


# --- the list


def _licences(licence):
    if licence == UNKNOWN:
        return {}
    if " OR " in licence or " AND " in licence:
        return {"licenses": [{"expression": licence}]}
    return {"licenses": [{"license": {"id" if licence in SPDX else "name": licence}}]}


def _part(name, version, purl, licence, use, hashes=()):
    found = {"type": "platform" if name == _MICROPYTHON else "library", "bom-ref": purl or name, "name": name}
    if version:
        found["version"] = version
    # What is not on the device is listed all the same: who builds a release trusts it.
    found["scope"] = "excluded" if use == HOST else "required"
    if hashes:
        found["hashes"] = [{"alg": algorithm, "content": digest} for algorithm, digest in hashes]
    found.update(_licences(licence))
    if purl:
        found["purl"] = purl
    found["properties"] = [{"name": "lector102:use", "value": use}]
    return found


def _pypi(name, version):
    return "pkg:pypi/%s@%s" % (re.sub(r"[-_.]+", "-", name).lower(), version)


def parts(root=ROOT):
    """Every component, in the order of their references."""
    known = notice(root)

    def licence(name):
        return known.get(name, (UNKNOWN,))[0]

    found = []
    for name, pin in libraries(root).items():
        purl = _pypi(pin["package"], pin["version"])
        found.append(_part(name, pin["version"], purl, licence(name), pin["use"], [("SHA-256", pin["sha256"])]))
    for pin in _lock(root, "npm.lock").values():
        name = pin["package"]
        hashes = [("SHA-512", base64.b64decode(pin["sha512"]).hex())]
        purl = "pkg:npm/%s@%s" % (quote(name, safe="/"), pin["version"])
        found.append(_part(name, pin["version"], purl, licence(name), HOST, hashes))
    for name, version in packages(root):
        use = RELEASE if known.get(name, ("", HOST))[1] == RELEASE else HOST
        found.append(_part(name, version, _pypi(name, version), licence(name), use))
    for name, (words, use) in known.items():
        if use == IMAGE:
            found.append(_part(name, "", "", words, use))
    return sorted(found, key=lambda part: part["bom-ref"])


def make(version=VERSION, when=None, root=ROOT):
    """The list as bytes. `when`: seconds since 1970 (UTC) of the release; None: no time stands in it."""
    components = parts(root)
    used = {use: [] for use in _CHAPTERS}
    for part in components:
        used[part["properties"][0]["value"]].append(part["bom-ref"])
    below = [ref for ref in used[IMAGE] if ref != _MICROPYTHON]
    platform = [_MICROPYTHON] if _MICROPYTHON in used[IMAGE] else []
    metadata = {
        "lifecycles": [{"phase": "build"}],
        "tools": {"components": [{"type": "application", "name": "tools.sbom", "version": VERSION}]},
        "component": {
            "type": "firmware",
            "bom-ref": _US,
            "name": _US,
            "version": version,
            "publisher": "the lector102 authors",
            "licenses": [{"license": {"id": "MIT"}}],
        },
    }
    if when is not None:
        stamp = datetime.datetime.fromtimestamp(when, datetime.timezone.utc)
        metadata["timestamp"] = stamp.strftime("%Y-%m-%dT%H:%M:%SZ")
    table = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": metadata,
        "components": components,
        "dependencies": [
            {"ref": _US, "dependsOn": used[RELEASE] + platform},
            *({"ref": ref, "dependsOn": below} for ref in platform),
        ],
    }
    if platform:
        # The image has more than what the firmware is known to use of it.
        table["compositions"] = [{"aggregate": "incomplete", "assemblies": platform}]
    digest = hashlib.sha256(json.dumps(table, sort_keys=True).encode()).hexdigest()
    table["serialNumber"] = "urn:uuid:%s" % uuid.uuid5(_NAMESPACE, digest)
    return (json.dumps(table, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def for_release(files, version, when, root=ROOT):
    """The list of a release of the compiled `files`; SbomError when it would leave out one of them."""
    missing = uncovered(files, root)
    if missing:
        raise SbomError("in no lock file, so in no parts list: %s" % ", ".join(missing))
    return make(version, when, root)


def main(argv=None):
    parser = Parser(prog="tools.sbom", description=__doc__.split("\n\n")[0])
    parser.add_argument("--out", type=Path, help="file to write; default: standard output")
    parser.add_argument("--version", help="default: the project's version and commit")
    args = parser.parse_args(argv)
    from tools.board.deploy import version as tree_version

    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    try:
        data = make(args.version or tree_version(ROOT), int(epoch) if epoch else None)
        if args.out:
            args.out.parent.mkdir(parents=True, exist_ok=True)
            args.out.write_bytes(data)
            print("%s: %d parts" % (args.out, len(json.loads(data)["components"])))
        else:
            sys.stdout.write(data.decode())
    except (OSError, ValueError) as error:
        print("sbom: %s" % error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
