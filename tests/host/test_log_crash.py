"""Killed while it drains the log, again and again: all arrives, in order, and at most a window comes twice."""

import os
import subprocess
import sys
from pathlib import Path

from tests.host import brokers, umqtts
from tests.host.test_uplink import Listener

ROOT = Path(__file__).resolve().parents[2]
MICROPYTHON = Path(sys.executable).parent / "micropython"
RECORDS = 300
WINDOW = 8
KILLS = (1, 3, 20, 21, 60, 111, 150, 222, 290)  # when so many records have arrived


def test_a_kill_costs_no_record_and_brings_at_most_a_window_twice(tmp_path):
    folder = umqtts.folder(umqtts.VERSIONS[0], tmp_path)
    environment = dict(os.environ, MICROPYPATH="%s:.frozen" % folder)
    broker = brokers.start_broker()
    # A line that takes its time: the window is full whenever the power fails.
    proxy = brokers.Proxy(broker.port, 0.02)
    listener = Listener(broker.port, "up")
    command = [str(MICROPYTHON), "-X", "heapsize=192k", "tests/host/mpy/crash_drain.py"]
    command += [str(proxy.port), str(RECORDS), str(tmp_path / "flash.img")]

    def start():
        return subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )

    process = start()
    kills = 0
    try:
        for mark in KILLS:
            listener.wait(lambda mark=mark: len(set(listener.payloads())) >= mark)
            if process.poll() is None:
                process.kill()  # SIGKILL: nothing more is written
                kills += 1
            process.wait()
            process.stdout.close()
            process = start()
        out = process.communicate(timeout=60)[0]
        assert out.strip().endswith(b"drained"), out
        listener.wait(lambda: len(set(listener.payloads())) == RECORDS)
    finally:
        process.kill()
        process.wait()
        listener.client.loop_stop()
        proxy.close()
        broker.stop()
    numbers = [int(payload.split()[0]) for payload in listener.payloads()]
    assert list(dict.fromkeys(numbers)) == list(range(1, RECORDS + 1))
    assert kills >= len(KILLS) - 2
    twice = listener.published() - RECORDS
    print("%d kills, %d of %d records came twice" % (kills, twice, RECORDS))
    assert 0 <= twice <= WINDOW * kills
