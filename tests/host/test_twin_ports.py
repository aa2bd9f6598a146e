"""Eight meters on two ports in 192 KiB, one of them silent: the others are read all the same."""

import time

import pytest

from tests.host.twinlab import Lab, meter_settings
from tools.twin.device import MeterProcess


@pytest.mark.timeout(240)
def test_eight_meters_on_two_ports_and_a_silent_one(tmp_path):
    settings = {"iec102.answer_timeout": 300, "iec102.retries": 1, "port.2.enabled": True}
    for index in range(4, 8):
        settings.update(
            meter_settings(index, interval=6, link=index - 3, password=index - 3, port=2)
        )
    settings["meter.7.link"] = 99  # nobody has that
    second = MeterProcess("--pty", "--meters", 4, "--password", 1)
    try:
        with Lab(tmp_path / "t", meters=4, interval=6, settings=settings) as lab:
            lab.twin.setup["ports"].append(second.path)
            lab.twin.start()
            want = {"ID%05d" % index for index in range(7)}
            times = {name: set() for name in want}
            deadline = time.monotonic() + 150
            while any(len(found) < 3 for found in times.values()):
                assert time.monotonic() < deadline, (times, lab.twin.lines[-20:])
                record = lab.record(60)
                if record["TYPE"] == "IEC102":
                    times[record["ID"]].add(record["TS"])
            lab.twin.wait_line("ID00007: NoAnswerError", 30)
    finally:
        second.stop()
