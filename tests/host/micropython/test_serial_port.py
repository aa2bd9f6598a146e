"""The Port contract on MicroPython, through a pty."""

import os
import pty
import select
import subprocess
import time
import tty
from pathlib import Path

from tools import micropython, patience

ROOT = Path(__file__).resolve().parents[3]


def _read_some(fd, enough, seconds):
    """Bytes from `fd` until `enough` of them are there or `seconds` have passed."""
    got = b""
    end = patience.Limit(seconds)
    while len(got) < enough and not end.passed():
        if select.select([fd], [], [], 0.2)[0]:
            got += os.read(fd, 4096)
    return got


def test_on_micropython_through_a_pty():
    """The device echoes what it gets, in order, counts its wake-ups, and stays quiet when it
    should.
    """
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    child = subprocess.Popen(
        micropython.command("tests/host/support/mpy/port_echo.py", os.ttyname(theirs)),
        cwd=ROOT,
        env=dict(os.environ, MICROPYPATH=".:.frozen"),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout.readline() == "ready\n"
        blob = bytes(range(256))
        os.write(ours, blob)
        assert _read_some(ours, 256, 20) == blob
        time.sleep(0.5)
        os.write(ours, b"stop")
        assert _read_some(ours, 4, 20) == b"stop"
        out, _ = patience.communicate(child, 30)
    finally:
        child.kill()
        os.close(ours)
        os.close(theirs)
    assert child.returncode == 0
    timeouts, wakes, other = (int(word) for word in out.split())
    assert timeouts >= 1  # half a second of silence, waits of 100 ms
    assert wakes <= 40  # not one per byte
    assert other >= 3  # another task went on meanwhile
