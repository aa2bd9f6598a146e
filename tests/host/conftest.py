"""What holds for every test."""

import ast
import gc
import os
import signal
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from firmware.core import errors, log
from tests.host.support import guardian, together
from tests.host.support.failure_summary import pytest_terminal_summary  # noqa: F401
from tests.host.support.hang_timeout import pytest_timeout_cancel_timer, pytest_timeout_set_timer  # noqa: F401
from tools import patience

# How long an example takes says something about the machine only.
settings.register_profile("ours", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ours")


# What a board has of other people, such as microdot.
sys.path.append(str(Path(__file__).resolve().parents[2] / "lib"))


def keep_all(self, *arguments):
    """MicroPython keeps all arguments of an OSError; CPython takes the third for the name of a file."""
    self.args = arguments
    if isinstance(self, OSError) and arguments:
        self.errno = arguments[0]


errors.Coded.__init__ = keep_all

_parse = ast.parse


def parse(*arguments, **options):
    """ast.parse without a collection in its midst.

    One that ends a task tells its exception, whose traceback parses source as well, and CPython 3.11 counts the depth
    of both in one place: SystemError, "AST constructor recursion depth mismatch", seen once in thousands of runs.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        return _parse(*arguments, **options)
    finally:
        if enabled:
            gc.enable()


def pytest_configure(config):
    ast.parse = parse
    # What a shell runs in the background ignores Ctrl-C, and so would all that the tests start there.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Each worker and hundreds of programs would compile each for itself what one may leave to the others.
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", None):
        sys.dont_write_bytecode = False
    if not hasattr(config, "workerinput"):
        guardian.begin()


def pytest_xdist_auto_num_workers(config):
    """Most tests wait: with two for each core that we may use half of each would be idle."""
    return 3 * patience.cores()


def pytest_collection_modifyitems(items):
    """The files that take longest are begun first, so that nobody waits for the last of them alone."""
    items.sort(key=lambda item: -max([0, *(mark.args[0] for mark in item.iter_markers("takes"))]))


@pytest.fixture(autouse=True, scope="module")
def heap_of_its_own():
    """The firmware collects its garbage often, as on a board: what others hold is not looked at.

    Once for all modules is not enough: with 1.5 million objects that tests before have left a collection takes
    0.14 s, and test_supervise.py's virtual hours have thousands of them.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def diagnostic_lines():
    """A test that sends the diagnostic lines elsewhere must not take them from the next one."""
    sink = log.sink
    yield
    log.sink = sink


@pytest.fixture(autouse=True, scope="module")
def side_by_side(request):
    """Cases of tests that mostly wait (together.py) begin with their module."""
    yield from together.begin(request)
