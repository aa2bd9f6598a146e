"""Power cuts while the root folder of a flash is written, on littlefs: a sample of tests/proof/root_cuts.py."""

import pytest

from tests.proof.root_cuts import cut

pytestmark = pytest.mark.takes(20)


def test_a_power_cut_at_any_flash_operation_hides_no_file_of_a_root_of_two_blocks():
    found = cut(9)
    assert found["cuts"] > 160 and found["refused by a full flash"] > 0
    # This root is of that kind: a rename in it hides files.
    assert found["hidden by renames"] > 2
