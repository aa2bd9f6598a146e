"""Some weeks of the log's year (tests/proof/years.py): outages of broker and link, and power cuts inside writes."""

import pytest

from tests.proof.years import lived


@pytest.mark.parametrize("seed", (3, 44))
def test_weeks_with_outages_of_broker_link_and_power_lose_nothing(seed):
    found = lived(seed, 20)
    assert found["records"] > 1200 and found["cuts"] > 0 and sum(found["outages"].values()) >= 3, found
