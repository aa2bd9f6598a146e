"""Some days of a device's life in virtual time, a sample of tests/proof/months.py: all that a month has is in them."""

import pytest

from tests.proof.months import lived, moment

pytestmark = pytest.mark.takes(35)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "begin, order, profile, days",
    [
        (moment(3, 20), "lifo", "both", 12),  # the switch of summer time comes while the device has no power
        (moment(10, 22), "fifo", "extended", 11),  # here it comes while one meter does not answer
    ],
)
def test_every_period_arrives_once(begin, order, profile, days):
    assert lived(begin, order, profile, days) > 1000
