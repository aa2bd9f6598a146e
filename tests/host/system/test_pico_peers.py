"""Emulated time stands still while those around the board are at work (tools/pico/peers.py)."""

import socket
import subprocess
import sys

import pytest

from tools.pico.peers import Peers

# Works for 0.1 s of a core for each byte, then hands it on.
_WORKER = """
import socket, sys, time
there = socket.socket(fileno=int(sys.argv[1])), socket.socket(fileno=int(sys.argv[2]))
there[1].sendall(there[0].recv(1))
while True:
    data = there[0].recv(1)
    end = time.process_time() + 0.1
    while time.process_time() < end:
        pass
    there[1].sendall(data)
"""


@pytest.fixture
def chain():
    """(our end, the pids of two workers): what goes in there comes out there again, through both."""
    lines = [socket.socketpair() for _ in range(3)]
    # One after the other, and back to us.
    ways = (lines[0][1], lines[1][0]), (lines[1][1], lines[2][0])
    workers = []
    for pair in ways:
        numbers = [end.fileno() for end in pair]
        command = [sys.executable, "-c", _WORKER, *map(str, numbers)]
        workers.append(subprocess.Popen(command, pass_fds=numbers))
    lines[0][0].sendall(b"1")
    lines[2][1].recv(1)  # both have started
    lines[2][1].setblocking(False)
    yield lines[0][0], lines[2][1], [worker.pid for worker in workers]
    for worker in workers:
        worker.kill()
        worker.wait()
    for line in lines:
        for end in line:
            end.close()


# Whichever is looked at first: the one that works, or the one that is asked later.
@pytest.mark.parametrize("turned", (False, True))
def test_an_answer_is_there_when_all_have_come_to_rest(chain, turned):
    ours, back, pids = chain
    peers = Peers(pids[::-1] if turned else pids)
    peers.settle()
    for _ in range(3):
        ours.sendall(b"2")
        assert peers.settle() > 0.1
        assert back.recv(1) == b"2"


def test_who_waits_for_something_is_not_waited_for(chain):
    peers = Peers(chain[2])
    peers.settle()
    assert min(peers.settle() for _ in range(10)) < 0.1


def test_who_has_ended_is_not_waited_for():
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert Peers([ended.pid]).settle() < 0.5
    assert Peers([]).settle() < 0.5


def test_who_never_rests_is_waited_for_once():
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as endless:
        try:
            peers = Peers([endless.pid], 0.5)
            assert peers.settle() > 0.5
            assert peers.settle() < 0.5
        finally:
            endless.kill()
