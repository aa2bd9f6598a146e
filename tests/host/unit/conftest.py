"""Unit tests, by the rooms of firmware/ and of the tools: in one process, without a wait of the real clock."""

from pathlib import Path

import pytest

from tests.host.support import no_processes


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    # pytest asks this file about every test of the run.
    no_processes.begin()
    no_processes.refuse(Path(__file__).parent in item.path.parents)
    try:
        return (yield)
    finally:
        no_processes.refuse(False)
