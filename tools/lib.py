"""Fetch the third-party device libraries into lib/, each at the version and SHA-256 that lib.lock names.

`python -m tools.lib` (or `make lib`). What is there already and unchanged is not fetched again. A board gets the
same libraries with the app, or the newest ones with `mpremote mip install umqtt.simple`.
"""

import argparse
import hashlib
import json
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "lib.lock"


class LibError(Exception):
    """A library can't be had as lib.lock names it; the text says why."""


def fetch(pin, folder):
    """Download the pinned file into `folder`; returns its path. The hash is checked by `unpack`."""
    import requests
    from pypi_simple import NoSuchProjectError, PyPISimple

    path = Path(folder) / pin["file"]
    try:
        with PyPISimple() as registry:
            page = registry.get_project_page(pin["package"], timeout=30)
            found = [package for package in page.packages if package.filename == pin["file"]]
            if not found:
                raise LibError("%s is not in the registry any more" % pin["file"])
            registry.download_package(found[0], path, timeout=60, verify=False)
    except NoSuchProjectError:
        raise LibError("the registry does not know %s" % pin["package"]) from None
    except requests.RequestException as error:
        raise LibError(
            "no connection to the package registry: %s" % type(error).__name__
        ) from None
    return path


def unpack(pin, path, root=ROOT):
    """Check the hash of the archive at `path` and copy its pinned members to their places under `root`."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != pin["sha256"]:
        raise LibError("%s has SHA-256 %s, lib.lock wants %s" % (path.name, digest, pin["sha256"]))
    top = path.name[: -len(".tar.gz")]
    with tarfile.open(path) as archive:
        for member, place in pin["members"].items():
            target = root / place
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(archive.extractfile("%s/%s" % (top, member)).read())


def install(root=ROOT, lock=LOCK):
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
            unpack(pin, fetch(pin, folder), root)
            state[name] = pin["sha256"]
            fetched.append("%s %s" % (name, pin["version"]))
    if fetched:  # else nobody else, who reads it at this moment, may find it half written
        state_path.parent.mkdir(exist_ok=True)
        state_path.write_text(json.dumps(state))
    return fetched


def main(argv=None):
    argparse.ArgumentParser(prog="tools.lib", description=__doc__.split("\n\n")[0]).parse_args(
        argv
    )
    try:
        for text in install():
            print("lib: " + text)
    except LibError as error:
        print("lib: %s" % error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
