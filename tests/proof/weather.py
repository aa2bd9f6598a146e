"""Two hundred lives of ten hours in bad weather (tests/host/support/weather_lab.py), each from another seed, and three
of an hour on MicroPython with modem and broker (weather_twin.py), at the same time.

Every period of every curve arrives once, each quarter's values arrive or their loss is told with its reason, no
service ends, and where the line is good no healthy meter is read late because of the sick one.
"""

import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.host.support import weather_lab, weather_twin

SEEDS = 200
TWINS = 3


def proof():
    records = connections = 0
    for seed in range(SEEDS):
        try:
            found = weather_lab.live(seed)
        except Exception as error:
            error.add_note("weather of seed %d" % seed)
            raise
        records += found["records"]
        connections += found["connections"]
        if seed % 20 == 19:
            print("      %d lives" % (seed + 1), flush=True)
    found = {"lives": SEEDS, "hours each": 10, "records": records, "connections": connections}
    for seed, twin in enumerate(twins()):
        found["twin of seed %d" % seed] = twin
    return found


def twins(seconds=3600):
    """What weather_twin.live() tells of each seed."""

    def live(seed):
        with tempfile.TemporaryDirectory() as folder:
            return weather_twin.live(Path(folder), seed, seconds)

    with ThreadPoolExecutor(TWINS) as pool:
        return list(pool.map(live, range(TWINS)))
