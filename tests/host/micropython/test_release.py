"""A release's signature on MicroPython."""

import hashlib

from tests.host.unit.update.test_release import ROOT, key  # noqa: F401
from tools import micropython, patience, release


def test_verify_on_micropython_within_the_heap_of_a_board(tmp_path):
    """3072 bits on MicroPython, 64 KiB of heap: right, and no step longer than 200 ms."""
    key = release.generate(3072)
    digest = hashlib.sha256(b"x").digest()
    script = (
        "import asyncio, binascii, sys, time\n"
        "sys.path.append(%r)\n"
        "from cores import Waits\n"
        "from firmware.update import release\n"
        "async def main():\n"
        " worst, waits = 0, Waits()\n"
        " task = asyncio.create_task(release.verify(%r, %r, %r))\n"
        " while not task.done():\n"
        "  t, w = time.ticks_us(), waits.stood_ms(); await asyncio.sleep_ms(0)\n"
        "  worst = max(worst, time.ticks_diff(time.ticks_us(), t) - 1000 * (waits.stood_ms() - w))\n"
        " print(await task, worst)\n"
        "asyncio.run(main())\n"
    ) % (str(ROOT / "tests/host/support/mpy"), digest, release.sign(key, digest), release.modulus(key))
    (tmp_path / "s.py").write_text(script)
    command = micropython.command(tmp_path / "s.py")
    done = patience.run(command, 60, env={"MICROPYPATH": str(ROOT) + ":.frozen"})
    good, worst = done.stdout.split() or [done.stderr, "0"]
    assert good == "True", done.stderr
    assert int(worst) < 200000
