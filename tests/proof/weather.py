"""Two hundred lives of ten hours in bad weather (tests/host/support/weather_lab.py), each from another seed.

Every period of every curve arrives once, each quarter's values arrive or their loss is told with its reason, no
service ends, and where the line is good no healthy meter is read late because of the sick one.
"""

from tests.host.support import weather_lab

SEEDS = 200


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
    return {"lives": SEEDS, "hours each": 10, "records": records, "connections": connections}
