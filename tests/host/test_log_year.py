"""Some weeks of bench/device/year.py: the real log and publisher, with outages and power cuts inside writes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MICROPYTHON = Path(sys.executable).parent / "micropython"


@pytest.mark.parametrize("seed", (3, 44, 90))
def test_weeks_with_outages_of_broker_link_and_power_lose_nothing(seed):
    command = [str(MICROPYTHON), "-X", "heapsize=8m", "bench/device/year.py", str(seed), "25"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["records"] > 1500 and found["cuts"] > 0 and sum(found["outages"].values()) > 5
    assert found["lost"] == found["invented"] == found["unordered"] == found["counted_lost"] == 0
    # One window, at most, for each power cut or broken connection.
    assert found["duplicates"] <= 8 * (found["cuts"] + sum(found["outages"].values()))
    assert found["per_byte"] < 5
