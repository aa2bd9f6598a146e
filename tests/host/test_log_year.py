"""Some weeks of bench/device/year.py: the real log and publisher, with outages and power cuts inside writes."""

import json
from pathlib import Path

import pytest

from tools import micropython, patience

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("seed", (3, 44, 90))
def test_weeks_with_outages_of_broker_link_and_power_lose_nothing(seed):
    command = micropython.command("bench/device/year.py", seed, 25, heap=micropython.HARNESS)
    done = patience.run(command, 100, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["records"] > 1500 and found["cuts"] > 0 and sum(found["outages"].values()) > 5
    assert found["lost"] == found["invented"] == found["unordered"] == found["counted_lost"] == 0
    # One window, at most, for each power cut or broken connection.
    assert found["duplicates"] <= 8 * (found["cuts"] + sum(found["outages"].values()))
    assert found["per_byte"] < 5
