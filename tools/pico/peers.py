"""The simulators and the broker around an emulated board, as the kernel sees them: at work, or waiting for something.

Emulated time stands still while one of them works (`settle`). So what they take, and what others on this machine take
from them, is none of the board's time: an answer is there in the turn after the question.
"""

import os
import time

# One that never comes to rest stops the board once for so long; from then on nobody is waited for.
_MOST_S = 10.0
_PAUSE_S = 0.0001
# How often threads that have begun or ended are looked for.
_ANEW_S = 0.25


class _Task:
    """A thread of a process: `run()` changes whenever it gets a core, `sleeps()` while it wants none."""

    def __init__(self, folder):
        self._files = [os.open(folder + "/" + name, os.O_RDONLY) for name in ("schedstat", "stat")]

    def run(self):
        return os.pread(self._files[0], 128, 0)

    def sleeps(self):
        # proc(5): the state stands behind the name, which may have blanks and brackets in it.
        return os.pread(self._files[1], 512, 0).rpartition(b") ")[2][:1] not in (b"R", b"D")

    def close(self):
        for file in self._files:
            os.close(file)


class Peers:
    """`pids`: their process ids. Without Linux's /proc, and for those that are gone, nothing is waited for."""

    def __init__(self, pids, most=_MOST_S):
        self._most = most
        self._pids = pids
        self._tasks = {}
        self._looked = None

    def settle(self):
        """Wait until all of them wait; seconds (float) that took."""
        start = now = time.monotonic()
        while self._pids:
            if self._looked is None or now - self._looked > _ANEW_S:
                self._looked = now
                self._find()
            if self._at_rest():
                break
            time.sleep(_PAUSE_S)
            now = time.monotonic()
            if now - start > self._most:
                self._pids = ()
        return time.monotonic() - start

    def _find(self):
        tasks = {}
        for pid in self._pids:
            folder = "/proc/%d/task" % pid
            try:
                for name in os.listdir(folder):
                    path = folder + "/" + name
                    tasks[path] = self._tasks.pop(path, None) or _Task(path)
            except OSError:
                pass  # it has ended
        for task in self._tasks.values():
            task.close()
        self._tasks = tasks

    def _at_rest(self):
        """One look at each is not enough: seen last, the first may be at work again for what the others have done."""
        try:
            tasks = list(self._tasks.values())
            before = [task.run() for task in tasks]
            return all(task.sleeps() for task in tasks) and before == [task.run() for task in tasks]
        except OSError:
            self._looked = None  # one has ended
            return False
