"""Classes of errors on MicroPython."""

import subprocess
import sys
from pathlib import Path

import pytest

from tools import micropython

ROOT = Path(__file__).resolve().parents[3]
MADE = """
from firmware.app.time_sync import TimeRefused
from firmware.core import errors
from firmware.iec102.errors import AsduError, NotAvailableError
from firmware.net.modem.exchange import CommandError
from firmware.net.modem.link import Failure
from firmware.update.source import OrderError
for made in (
    Failure(204, blocked=True), Failure((226, -9), floor=2),
    Failure((208, CommandError("AT", "+CME ERROR: 14", lines=()).why())),
    NotAvailableError(cause=14, type=162), errors.BrokerError(308, "h:1"), errors.LogError(421, 7),
    errors.BrokerError(305, 5), TimeRefused("RATE"), AsduError(124, 5, 6), OrderError(4, "no"),
):
    try:
        raise made
    except OSError as error:
        print("OSError", error)
    except Exception as error:
        print(type(error).__name__, error)
"""


@pytest.mark.parametrize("command", [micropython.command(heap=micropython.HARNESS), [sys.executable]])
def test_they_are_made_and_caught_alike_on_micropython(command):
    done = subprocess.run([*command, "-c", MADE], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines() == [
        "Failure the PIN is wrong",
        "Failure PPP: the other end does not answer",
        "Failure SIM: AT: SIM busy",
        "NotAvailableError the meter does not know this ASDU type (cause 14, type 162)",
        "OSError ECONNREFUSED by h:1",
        "OSError record 7 is not there",
        "OSError refused: login: not authorised",
        "OSError RATE",
        "AsduError ASDU type 5: a length of 6 bytes does not fit",
        "OrderError no",
    ], done.stderr
