"""The sample of `make proof`'s mutated inputs, each kind of what comes from outside: only a module's own errors."""

import pytest

from tests.proof import fuzz


@pytest.mark.parametrize("kind", fuzz.KINDS)
def test_nothing_but_a_module_s_own_errors_comes_out(kind):
    found, _ = fuzz.sample(kind)
    assert found["inputs"] >= 50 and len(found) > 2, found
