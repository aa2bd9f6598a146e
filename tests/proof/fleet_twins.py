"""Five real twins for a day beside a database that is killed, and a rollout to fifty devices of which five are real.

The tests are tests/host/system/test_service_fleet_twins.py: they need PostgreSQL, and five minutes.
"""

import sys
from pathlib import Path

from tools import patience

ROOT = Path(__file__).resolve().parents[2]
_FILE = "tests/host/system/test_service_fleet_twins.py"
_LIMIT_S = 3600


def proof():
    """{"tests"}: what pytest says at its end. AssertionError: one failed."""
    done = patience.run([sys.executable, "-m", "pytest", "-q", "-n0", "-m", "proof", _FILE], _LIMIT_S, cwd=ROOT)
    assert done.returncode == 0, done.stdout
    return {"tests": done.stdout.strip().splitlines()[-1]}
