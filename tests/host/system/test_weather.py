"""A few of the lives that `make proof` tries two hundred of (tests/proof/weather.py)."""

import pytest

from tests.host.support import weather_lab
from tools.meter import weather
from tools.meter.control import Orders
from tools.meter.faults import Faults
from tools.meter.manners import Manners


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(5))
def test_ten_hours_of_bad_weather_cost_no_record(seed):
    found = weather_lab.live(seed)
    assert found["records"] > 200 and found["connections"] > 2


def test_a_seed_is_always_the_same_weather_and_it_clears_up():
    for seed in range(50):
        story = weather.story(seed, 10 * 3600, (1, 2))
        assert story == weather.story(seed, 10 * 3600, (1, 2))
        faults, odd = Faults(), Manners()
        orders = Orders(faults, (), odd)
        for second, order in story:
            assert second < 10 * 3600
            answer = orders.execute(order)
            assert "drop P" not in answer and "TYPE" not in answer, order
        assert faults.show() == Faults().show() and not odd.show()
