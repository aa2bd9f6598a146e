"""What holds for every test."""

import pytest

from firmware import diag


@pytest.fixture(autouse=True)
def diagnostic_lines():
    """A test that sends the diagnostic lines elsewhere must not take them from the next one."""
    sink = diag.sink
    yield
    diag.sink = sink
