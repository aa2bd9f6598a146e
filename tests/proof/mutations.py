"""Each fault of mutants.py makes some test of `make test` fail: what is tested there is really held."""

import itertools
import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.proof.mutants import MUTANTS
from tools import patience

ROOT = Path(__file__).resolve().parents[2]
_HOST = "tests/host/"
_LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "__pycache__", ".hypothesis", ".pytest_cache", ".ruff_cache")
_MADE = {"twin", "bench/results"}  # by runs of a person's; tools/twin is none of them
_FAILED = 1  # exit code of pytest: tests failed; others mean that there was nothing to see
_LIMIT_S = 600
_WHOLE_LIMIT_S = 3600
_stamps = itertools.count(1)  # seconds since 1970, each for one writing


def proof():
    """{"faults", "noticed"}; prints which test notices each, and after how long. AssertionError: none does."""
    missed = []
    with tempfile.TemporaryDirectory() as name:
        copies = queue.Queue()
        for number in range(patience.cores()):
            copies.put(_copy(Path(name) / str(number)))
        # What is red of itself proves nothing.
        files = sorted({file for mutant in MUTANTS for file in mutant.tests})
        folder = copies.get()
        code, text = _pytest(folder, files, "-n", "auto")
        assert code == 0, "red without any fault:\n" + text
        copies.put(folder)
        with ThreadPoolExecutor(copies.qsize()) as pool:
            for mutant, words in zip(MUTANTS, pool.map(lambda mutant: _tried(copies, mutant), MUTANTS)):
                print("      %-29s %-32s %s" % (mutant.name, mutant.file, words or "NO TEST NOTICES"), flush=True)
                missed += [] if words else [mutant.name]
    assert not missed, "no test notices: " + ", ".join(missed)
    return {"faults": len(MUTANTS), "noticed": len(MUTANTS)}


def broken(mutant, source):
    """The `source` of a mutant's file with its fault in it. AssertionError: its piece does not stand there once."""
    count = source.count(mutant.piece)
    assert count == 1, "%s: the piece %r stands %d times in %s" % (mutant.name, mutant.piece, count, mutant.file)
    return source.replace(mutant.piece, mutant.fault)


def _left_out(folder, names):
    inside = Path(folder).relative_to(ROOT)
    return _LEFT_OUT(folder, names) | {name for name in names if (inside / name).as_posix() in _MADE}


def _copy(folder):
    shutil.copytree(ROOT, folder, ignore=_left_out, symlinks=True)
    (folder / ".venv").symlink_to((ROOT / ".venv").resolve())
    return folder


def _tried(copies, mutant):
    """Which test notices, "" for none."""
    folder = copies.get()
    path = folder / mutant.file
    source = path.read_text()
    start = time.monotonic()
    try:
        _write(path, broken(mutant, source))
        for files, options, limit in ((mutant.tests, ("-n0",), _LIMIT_S), ((), (), _WHOLE_LIMIT_S)):
            code, text = _pytest(folder, files, "-x", *options, limit=limit)
            assert code in (0, _FAILED), "%s: pytest ended with %d\n%s" % (mutant.name, code, text)
            if code:
                test = re.search(r"^(?:FAILED|ERROR) (?:%s)?(\S+)" % _HOST, text, re.M)[1]
                return "%s (%.0f s)" % (test, time.monotonic() - start)
        return ""
    finally:
        _write(path, source)
        copies.put(folder)


def _write(path, text):
    """With a time of its own: bytecode of one of the same second and length would be taken for this one's."""
    path.write_text(text)
    stamp = next(_stamps)
    os.utime(path, (stamp, stamp))


def _pytest(folder, files, *options, limit=_LIMIT_S):
    """(exit code, the end of what it says)."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    command += [_HOST + file for file in files]
    done = patience.run(command, limit, cwd=folder, stderr=subprocess.STDOUT, stdout=subprocess.PIPE)
    return done.returncode, done.stdout[-4000:]
