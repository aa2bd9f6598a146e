"""A run of the tests that is killed, whichever way, leaves no process behind.

Beside the run there is one process more, in a session of its own. It ends what the run has started when the run is
over, when pytest has died, and when the make or the shell has that pytest was started by. What belongs to the run it
knows by a variable in the environment, and by who started whom.
"""

import os
import select
import signal
import subprocess
import sys
import time
import uuid

MARK = "LECTOR_RUN"
_LOOK_S = 0.5
_TIDY_S = 15
_STARTERS = ("make", "sh", "bash", "dash")
_held = []  # the end of the pipe that closes with this process


def begin():
    """Start the guardian of this process; once, by the run's controller."""
    if MARK in os.environ:
        return
    mark = uuid.uuid4().hex
    command = [sys.executable, __file__, mark, *map(str, (os.getpid(), *_starters(os.getpid())))]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    _held.append(process)
    os.environ[MARK] = mark


def _stat(pid):
    """(name, parent, start time) of a process, or None: it is gone, or a zombie."""
    try:
        with open("/proc/%d/stat" % pid) as file:
            text = file.read()
    except OSError:
        return None
    words = text.rpartition(")")[2].split()
    return None if words[0] == "Z" else (text.partition("(")[2].rpartition(")")[0], int(words[1]), words[19])


def _starters(pid):
    found = []
    while True:
        own = _stat(pid)
        parent = _stat(own[1]) if own else None
        if not parent or parent[0] not in _STARTERS:
            return found
        pid = own[1]
        found.append(pid)


def _processes():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def marked(mark):
    """The processes that have `NAME=VALUE` in their environment."""
    found = set()
    for pid in _processes():
        try:
            with open("/proc/%d/environ" % pid, "rb") as file:
                if mark.encode() in file.read().split(b"\0") and _stat(pid):
                    found.add(pid)
        except OSError:
            continue  # gone, or somebody else's
    return found


def _family(pids):
    """These processes and all that they have started."""
    parents = {pid: stat[1] for pid in _processes() for stat in [_stat(pid)] if stat}
    found, more = set(), set(pids)
    while more:
        found |= more
        more = {pid for pid, parent in parents.items() if parent in found} - found
    return found


def _guard(mark, controller, starters):
    watched = {pid: _stat(pid) for pid in (controller, *starters)}
    while not select.select([0], [], [], _LOOK_S)[0]:
        if any(stat is None or _stat(pid) is None for pid, stat in watched.items()):
            break
    if any(_stat(pid) is None for pid in starters) and _stat(controller) == watched[controller]:
        os.kill(controller, signal.SIGINT)
    # It tidies up by itself where it can.
    for _ in range(_TIDY_S * 10):
        if _stat(controller) != watched[controller]:
            break
        time.sleep(0.1)
    while True:
        left = marked("%s=%s" % (MARK, mark)) | ({controller} if _stat(controller) == watched[controller] else set())
        left = _family(left) - {os.getpid()}
        if not left:
            return
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                continue  # it was quicker
        time.sleep(0.1)


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    _guard(sys.argv[1], int(sys.argv[2]), [int(word) for word in sys.argv[3:]])
