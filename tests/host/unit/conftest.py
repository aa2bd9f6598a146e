"""Unit tests, by the rooms of firmware/ and of the tools: in one process, without a wait of the real clock."""

from pathlib import Path

import pytest

from firmware.core import log
from tests.host.support import no_processes


@pytest.fixture(autouse=True)
def nothing_is_noted():
    """For the audit log: what the test before has."""
    log.notes.clear()
    log.due = 0


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    # pytest asks this file about every test of the run.
    no_processes.begin()
    no_processes.refuse(Path(__file__).parent in item.path.parents)
    try:
        return (yield)
    finally:
        no_processes.refuse(False)
