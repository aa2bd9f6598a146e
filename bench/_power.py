"""The whole power-cut proof (`make proof`): after each cut the workload goes on to its end. Takes some ten minutes."""

from tests.host.test_log_power import sweep


def run():
    found = sweep(parts=2, further=1)
    return [
        {"name": "power cuts, each at another byte", "value": found["cuts"], "unit": ""},
        {"name": "flash operations of the workload", "value": found["operations"], "unit": ""},
        {"name": "workloads carried on to their end", "value": found["ends"], "unit": ""},
    ]
