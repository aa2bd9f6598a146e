"""Time limits that a slow machine does not use up.

Tests and tools start real processes and wait for what they do. A limit in seconds of the wall clock says nothing then:
beside a compiler the same work takes three times as long. The clock here goes as fast as whoever wants a core gets
one: with six processes for two cores a second of it lasts three. Where nothing competes it is the wall clock, so that
what hangs is still found, and what only sleeps is not given more time than that.
"""

import os
import queue
import subprocess
import threading
import time

# However crowded the machine is, a limit runs out in the end.
_SLOWEST = 1 / 40
_SLICE_S = 0.25
_OWN = "/proc/thread-self/schedstat"


def cores():
    """How many cores this process may use (int)."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        return os.cpu_count() or 1


class Machine:
    """What the kernel tells of who wants its cores."""

    def __init__(self, stat="/proc/stat"):
        self._stat = stat
        self._stolen = self._ticks = 0

    def now(self):
        return time.monotonic()

    def rate(self):
        """The share of a core that somebody who wants one gets now, 0..1."""
        try:
            with open(self._stat) as file:
                text = file.read()
        except OSError:
            return min(1.0, cores() / max(os.getloadavg()[0], 1))
        running = int(text.rpartition("procs_running ")[2].split()[0])  # this process, too
        ticks = [int(word) for word in text.partition("\n")[0].split()[1:9]]
        return min(1.0, cores() / max(running, 1)) * (1 - self._taken(ticks[7], sum(ticks)))

    def _taken(self, stolen, ticks):
        """Share of the cores that other machines on the same hardware had since the last look."""
        new, every = stolen - self._stolen, ticks - self._ticks
        self._stolen, self._ticks = stolen, ticks
        return min(0.9, new / every) if every > 0 else 0


def own_seconds():
    """The clock (float seconds) less what the calling thread has stood in line for a core: what it did and awaited."""
    try:
        with open(_OWN) as file:
            waited = int(file.read().split()[1]) / 1e9
    except OSError:
        waited = 0
    return time.monotonic() - waited


class Clock:
    """Goes on at the rate of the moment, seen each time somebody looks."""

    def __init__(self, machine):
        self._machine = machine
        self._lock = threading.Lock()
        self._at = machine.now()
        self._seconds = 0.0
        self._rate = 1.0

    def seconds(self):
        with self._lock:
            now = self._machine.now()
            # A look costs a file: no more than some of them a second.
            if now - self._at > 0.02:
                rate = max(self._machine.rate(), _SLOWEST)
                # One look sees one moment only.
                self._rate += (rate - self._rate) * min(1, 4 * (now - self._at))
            self._seconds += (now - self._at) * self._rate
            self._at = now
            return self._seconds


_clock = Clock(Machine())


class Limit:
    """`seconds` from now on, as an idle machine would count them."""

    def __init__(self, seconds, clock=_clock):
        self._clock = clock
        self._end = clock.seconds() + seconds

    def left(self):
        """Seconds until it has passed (float, 0 at least)."""
        return max(0.0, self._end - self._clock.seconds())

    def passed(self):
        return self.left() <= 0


def until(look, seconds, pause=0.05):
    """The first true value of `look()`; what it gave last when the limit has passed."""
    limit = Limit(seconds)
    while True:
        found = look()
        if found or limit.passed():
            return found
        time.sleep(pause)


def get(source, seconds):
    """The next item of a queue.Queue. Raises queue.Empty."""
    limit = Limit(seconds)
    while True:
        try:
            return source.get(timeout=_SLICE_S)
        except queue.Empty:
            if limit.passed():
                raise


def communicate(process, seconds, text=None):
    """`process.communicate(text)` within the limit. Raises subprocess.TimeoutExpired; the process goes on then."""
    limit = Limit(seconds)
    while True:
        try:
            return process.communicate(text, timeout=_SLICE_S)
        except subprocess.TimeoutExpired:
            text = None  # under way
            if limit.passed():
                raise


def run(command, seconds=60, *, input=None, check=False, **options):
    """`subprocess.run(command, capture_output=True, text=True, **options)` within the limit.

    Raises subprocess.TimeoutExpired with what was said until then, CalledProcessError when `check` is set.
    """
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
    if input is not None:
        options["stdin"] = subprocess.PIPE
    with subprocess.Popen(command, **options) as process:
        try:
            out, err = communicate(process, seconds, input)
        except BaseException as error:
            process.kill()
            out, err = process.communicate()
            if isinstance(error, subprocess.TimeoutExpired):
                raise subprocess.TimeoutExpired(command, seconds, out, err) from None
            raise
    done = subprocess.CompletedProcess(command, process.returncode, out, err)
    if check:
        done.check_returncode()
    return done


def wait(process, seconds):
    """`process.wait()` within the limit: its exit code. Raises subprocess.TimeoutExpired."""
    limit = Limit(seconds)
    while True:
        try:
            return process.wait(_SLICE_S)
        except subprocess.TimeoutExpired:
            if limit.passed():
                raise
