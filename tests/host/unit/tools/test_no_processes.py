"""A unit test that starts a process or meets a socket fails (tests/host/support/no_processes.py)."""

import asyncio
import os
import pty
import socket
import subprocess
import sys

import pytest


def _connect():
    with socket.socket() as one:
        one.connect(("127.0.0.1", 9))


def _bind():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))


async def _child():
    await asyncio.create_subprocess_exec("true")


@pytest.mark.parametrize(
    "meet",
    [
        lambda: subprocess.run(["true"]),
        lambda: os.system("true"),
        lambda: os.posix_spawn(sys.executable, [sys.executable, "-c", ""], {}),
        lambda: os.fork() or os._exit(0),
        lambda: asyncio.run(_child()),
        lambda: os.openpty(),
        lambda: pty.openpty(),
        _connect,
        _bind,
        lambda: socket.getaddrinfo("localhost", 80),
    ],
)
def test_it_fails_there_and_then(meet):
    with pytest.raises(pytest.fail.Exception, match="a unit test meets no process, pty or socket"):
        meet()


def test_what_stays_in_the_process_goes_on():
    async def one():
        await asyncio.sleep(0)
        return 1

    assert asyncio.run(one()) == 1
