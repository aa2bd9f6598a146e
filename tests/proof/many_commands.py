"""Commands cost no memory for good, whatever they change, and REBOOT works in a heap with no room for any other."""

import json
import os
import tempfile
from pathlib import Path

from tools import build, micropython, patience

ROOT = Path(__file__).resolve().parents[2]
_SCRIPT = "tests/proof/mpy/many_commands.py"
_COUNT = 10000
_MOST_BYTES = 2048


def carried_out(count, device=build.DEVICE):
    """What mpy/many_commands.py prints for `count` changes and as many questions. AssertionError."""
    with tempfile.TemporaryDirectory() as folder:
        command = micropython.command(_SCRIPT, folder, count, heap=micropython.MIDDLE)
        environment = dict(os.environ, MICROPYPATH="%s:%s/lib:.frozen" % (device, device))
        done = patience.run(command, 60 + count // 5, cwd=ROOT, env=environment)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        found = json.loads(done.stdout.splitlines()[-1])
    assert found["errors"] == 0 and found["settings"] > 160, found
    assert found["last"] - found["first"] <= _MOST_BYTES, found
    assert found["restart"] == "command on console", found
    return found


def proof():
    build.build()
    found = carried_out(_COUNT)
    return {
        "changes of %d settings" % found["settings"]: _COUNT,
        "bytes of heap after the first hundred": found["first"],
        "bytes of heap after the last": found["last"],
    }
