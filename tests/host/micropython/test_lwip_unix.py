"""The stand-in for lwIP on MicroPython itself: what test_lwip.py can't show on CPython, a locked heap above all."""

import json
import os

import pytest

from tests.host.support import brokers
from tests.host.support.modem_process import ROOT, simulator
from tools import build, micropython, patience
from tools.lwip import lay

_CRASH = 70  # network.fatal()


@pytest.fixture
def run(tmp_path):
    """Run a case of mpy/lwip_run.py: what it found, or the words of what ended it."""
    build.build()

    def once(case):
        with simulator(tmp_path, "--running", "--scale", "0.1") as modem:
            setup = {"pty": modem.pty, "control": modem.control, "port": brokers.free_port(), "case": case}
            path = tmp_path / "setup.json"
            path.write_text(json.dumps(setup))
            command = micropython.command("tests/host/support/mpy/lwip_run.py", path)
            environment = dict(os.environ, **lay.environment(modem.control, "build/device:build/device/lib:.frozen"))
            done = patience.run(command, 60, cwd=ROOT, env=environment)
        if done.returncode == _CRASH:
            return next(text for text in done.stdout.splitlines() if text.startswith("lwip: "))
        assert not done.returncode, done.stdout + done.stderr
        return dict(json.loads(done.stdout.splitlines()[-1]), said=done.stdout.splitlines()[:-1])

    return once


CRASHES = {
    "polls": "lwip: PPP.poll within its own output",
    # A stream of Python that lets the UART's interrupt through, as the firmware's once did.
    "python": "lwip: PPP.poll within its own output",
    "allocates": "lwip: MemoryError in write() of PPP's stream",
    "raises": "lwip: ValueError in write() of PPP's stream",
}


@pytest.mark.parametrize("case", CRASHES)
def test_what_would_destroy_lwip_s_lists_ends_the_process(run, case):
    assert run(case) == CRASHES[case]


def test_an_irq_that_allocates_in_the_collector_costs_the_only_control_block(run):
    """A lone "MemoryError:" is all that is heard of it, and no link ever comes back."""
    found = run("irq")
    assert found["second"] == "pppos_create failed" and "MemoryError:" in found["said"]


def test_a_link_that_is_taken_off_its_line_first_gives_its_block_back(run):
    assert run("freed") == {"status": 0, "second": None, "said": []}


def test_a_line_that_takes_less_than_it_is_given_is_err_if(run):
    assert run("takes_one_frame") == {"connected": 106, "send": -1, "said": []}


def test_a_refused_connection_reads_ebadf(run):
    found = run("refused")
    assert found["last"] == 9 and set(found["later"]) <= {114, 115}
