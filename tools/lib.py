"""Fetch the third-party device libraries into lib/, each at the version and SHA-256 that lib.lock names.

`python -m tools.lib` (or `make lib`). What is there already and unchanged is not fetched again. A board gets the
same libraries with the app, or the newest ones with `mpremote mip install umqtt.simple`.

pip itself, with --require-hashes, does not take them: they were made for MicroPython, without setup.py and
pyproject.toml, and pip refuses such a file after it has fetched and checked it. So pypi-simple fetches and checks.
"""

import dataclasses
import json
import sys
import tarfile
import tempfile
from pathlib import Path

import requests
from pypi_simple import PYPI_SIMPLE_ENDPOINT, DigestMismatchError, NoSuchProjectError, PyPISimple

from tools.options import Parser

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "lib.lock"


class LibError(Exception):
    """A library can't be had as lib.lock names it; the text says why."""


def fetch(pin, folder, endpoint=PYPI_SIMPLE_ENDPOINT):
    """Download the pinned file into `folder`; returns its path. LibError, also where its SHA-256 is another one."""
    path = Path(folder) / pin["file"]
    try:
        with PyPISimple(endpoint) as registry:
            page = registry.get_project_page(pin["package"], timeout=30)
            found = [package for package in page.packages if package.filename == pin["file"]]
            if not found:
                raise LibError("%s is not in the registry any more" % pin["file"])
            # The hash of lib.lock, whichever one the registry tells.
            wanted = dataclasses.replace(found[0], digests={"sha256": pin["sha256"]})
            registry.download_package(wanted, path, timeout=60)
    except NoSuchProjectError:
        raise LibError("the registry does not know %s" % pin["package"]) from None
    except DigestMismatchError as error:
        text = "%s has SHA-256 %s, lib.lock wants %s"
        raise LibError(text % (pin["file"], error.actual_digest, pin["sha256"])) from None
    except requests.RequestException as error:
        raise LibError("no connection to the package registry: %s" % type(error).__name__) from None
    return path


def unpack(pin, path, root=ROOT):
    """Copy the pinned members of the archive at `path`, which fetch() has checked, to their places under `root`."""
    top = path.name[: -len(".tar.gz")]
    with tarfile.open(path) as archive:
        for member, place in pin["members"].items():
            target = root / place
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(archive.extractfile("%s/%s" % (top, member)).read())


def install(root=ROOT, lock=LOCK, endpoint=PYPI_SIMPLE_ENDPOINT):
    """Bring every pinned library to its place; returns the names of those that were fetched."""
    pins = json.loads(lock.read_text())
    state_path = root / "lib" / ".pins.json"
    state = json.loads(state_path.read_text()) if state_path.exists() else {}
    fetched = []
    with tempfile.TemporaryDirectory() as folder:
        for name, pin in pins.items():
            there = all((root / place).exists() for place in pin["members"].values())
            if there and state.get(name) == pin["sha256"]:
                continue
            unpack(pin, fetch(pin, folder, endpoint), root)
            state[name] = pin["sha256"]
            fetched.append("%s %s" % (name, pin["version"]))
    if fetched:  # else nobody else, who reads it at this moment, may find it half written
        state_path.parent.mkdir(exist_ok=True)
        state_path.write_text(json.dumps(state))
    return fetched


def main(argv=None):
    Parser(prog="tools.lib", description=__doc__.split("\n\n")[0]).parse_args(argv)
    try:
        for text in install():
            print("lib: " + text)
    except LibError as error:
        print("lib: %s" % error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
