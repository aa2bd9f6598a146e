"""The publisher is killed (SIGKILL) again and again while it drains: nothing is lost, a window at most comes twice."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.host.support import brokers
from tests.host.support.together import together
from tests.host.support.uplink_peers import Listener
from tools import micropython, patience

ROOT = Path(__file__).resolve().parents[3]
RECORDS, KILLS = 400, 5


@pytest.mark.parametrize("window", (1, 8))
@together
def test_kill_9_costs_at_most_one_window_of_duplicates(tmp_path, window):
    broker = brokers.start_broker()
    # A line slow enough that a whole window is on the way at any moment.
    proxy = brokers.Proxy(broker.port, 0.01)
    listener = Listener(broker.port, "drain/t")
    command = micropython.command("tests/host/support/mpy/log_drain.py")
    command += [str(tmp_path / "flash.img"), str(proxy.port), str(RECORDS), str(window)]
    environment = dict(os.environ, MICROPYPATH="lib:.frozen")

    def started():
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    process = None
    try:
        for kill in range(1, KILLS + 1):
            process = started()
            mark = RECORDS * kill // (KILLS + 2)
            listener.wait(lambda mark=mark: len(set(listener.payloads())) >= mark)
            process.send_signal(signal.SIGKILL)
            process.wait()
            # What was on the line still arrives.
            time.sleep(0.5)
        process = started()
        out = patience.communicate(process, 90)[0]
        assert process.returncode == 0 and out.strip().endswith("drained"), out
        listener.wait(lambda: len(set(listener.payloads())) == RECORDS)
        time.sleep(0.5)
        got = [int(payload) for payload in listener.payloads()]
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        proxy.close()
        broker.stop()
    assert list(dict.fromkeys(got)) == list(range(1, RECORDS + 1))
    # Each start begins again with what the killed one had not noted: a window at most, as one piece.
    steps = [at for at in range(1, len(got)) if got[at] <= got[at - 1]]
    assert len(steps) <= KILLS
    assert all(got[at - 1] - got[at] + 1 <= window for at in steps), [got[a - 9 : a + 9] for a in steps]
    assert len(got) <= RECORDS + KILLS * window
