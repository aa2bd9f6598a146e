"""End to end: MicroPython reads a meter over a pty, keeps the record in littlefs and delivers it to a real broker."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from tests.host.support import brokers
from tests.host.support.together import together
from tests.host.support.twin_lab import IDENT, LOGGER, Lab
from tools import patience
from tools.twin.device import ROOT

pytestmark = pytest.mark.takes(35)

KEYS = [
    "IMEI", "TYPE", "TS", "P", "ID", "VABA", "VABRI", "VABRC", "PAT", "PRT", "FPT", "PAF1", "PRF1", "FPF1", "PAF2",
    "PRF2", "FPF2", "PAF3", "PRF3", "FPF3", "IF1", "TF1", "IF2", "TF2", "IF3", "TF3",
]  # fmt: skip


def seconds_of(record):
    """The seconds of the day in a record's TS."""
    h, m, s = map(int, re.search(r"T(\d+):(\d+):(\d+)Z", record["TS"]).groups())
    return h * 3600 + m * 60 + s


def run_twin(tmp_path, *options, timeout=90):
    command = [sys.executable, "-m", "tools.twin", "--folder", str(tmp_path / "twin"), *options]
    return patience.run(command, timeout, cwd=ROOT)


def test_once_ends_with_success_after_the_first_record(tmp_path):
    done = run_twin(tmp_path, "--once", "--interval", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    header, record = done.stdout.strip().splitlines()[-2:]
    assert header == "--- %s from ID00000" % LOGGER
    assert list(json.loads(record)) == KEYS
    assert "/dev/pts/" in done.stdout and "tcp://127.0.0.1:" in done.stdout


def test_once_says_why_when_there_is_no_broker(tmp_path):
    port = brokers.free_port()
    done = run_twin(tmp_path, "--once", "--broker", "tcp://127.0.0.1:%d" % port)
    assert done.returncode == 1
    assert "no broker at tcp://127.0.0.1:%d" % port in done.stderr


@pytest.mark.parametrize("option", [("--meters", "9"), ("--interval", "0"), ("--broker", "nowhere")])
def test_bad_options_are_refused_by_name(tmp_path, option):
    done = run_twin(tmp_path, *option)
    assert done.returncode == 2 and option[0] in done.stderr


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_running(tmp_path, how):
    command = [
        sys.executable,
        "-m",
        "tools.twin",
        "--folder",
        str(tmp_path / "t"),
        "--interval",
        "2",
    ]
    run = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        for line in run.stdout:
            if line.startswith("{"):
                break
        children = descendants(run.pid)
        assert len(children) >= 2
        run.send_signal(how)
        patience.wait(run, 20)
        deadline = patience.Limit(20)
        while any(alive(pid) for pid in children) and not deadline.passed():
            time.sleep(0.1)
        assert not [pid for pid in children if alive(pid)]
    finally:
        run.kill()
        run.stdout.close()
        run.wait()


def descendants(pid):
    tasks = "/proc/%d/task" % pid
    found = []
    for task in os.listdir(tasks):
        with open("%s/%s/children" % (tasks, task)) as file:
            for child in map(int, file.read().split()):
                found += [child, *descendants(child)]
    return found


def alive(pid):
    try:
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_records_of_three_meters_arrive_once_per_interval(tmp_path):
    with Lab(tmp_path, meters=3, interval=4) as lab:
        lab.twin.start()
        first = {}
        while len(first) < 3:
            record = lab.record()
            first.setdefault(record["ID"], record)
        for _ in range(6):
            lab.record()
        slots = [(r["ID"], seconds_of(r) // 4) for r in lab.records]
        assert sorted(set(slots)) == sorted(slots)
        assert {name for name, _ in slots} == {"ID00000", "ID00001", "ID00002"}


def test_a_killed_firmware_loses_nothing_it_has_read(tmp_path):
    with Lab(tmp_path, broker=False) as lab:
        lab.twin.start()
        deadline = patience.Limit(30)
        while sum("read in" in line for line in lab.twin.lines) < 3 and not deadline.passed():
            time.sleep(0.02)
        lab.twin.kill()
        read = sum("read in" in line for line in lab.twin.lines)
        assert read >= 3
        lab.start_broker()
        lab.twin.start()
        times = [lab.record()["TS"] for _ in range(read + 1)]
        assert times == sorted(set(times))


def test_a_broker_that_is_away_for_a_while_costs_nothing_and_order_is_kept(tmp_path):
    with Lab(tmp_path, interval=1) as lab:
        lab.twin.start()
        lab.record()
        lab.broker.stop()
        lab.twin.wait_line("mqtt.*(lost|again|refused|down)", 30)
        before = sum("read in" in line for line in lab.twin.lines)
        deadline = patience.Limit(30)
        while sum("read in" in line for line in lab.twin.lines) < before + 5:
            assert not deadline.passed()
            time.sleep(0.1)
        lab.start_broker()
        reads = sum("read in" in line for line in lab.twin.lines)
        deadline = patience.Limit(60)
        seen = {}
        while len(seen) < reads and not deadline.passed():
            record = lab.record()
            seen[record["TS"]] = record
        times = [r["TS"] for r in lab.records]
        assert len(set(times)) >= reads
        # At least once: what was in flight when the broker went may come twice, nothing may be missing.
        firsts = list(dict.fromkeys(times))
        assert firsts == sorted(firsts)


FAULTS = {
    "drop": ("--drop", "0.15"),
    "corrupt": ("--corrupt", "0.15"),
    "noise": ("--noise", "0.4"),
    "delay": ("--delay", "150"),
    "busy": ("--busy", "3"),
    "half": ("--half", "0.15"),
    "echo": ("--echo",),
}


@pytest.mark.parametrize("fault", FAULTS)
@together
def test_with_a_faulty_line_each_interval_has_its_record_or_a_reported_error(tmp_path, fault):
    timing = {"iec102.answer_timeout": 300}
    with Lab(tmp_path, meter=(*FAULTS[fault], "--seed", "7"), interval=4, settings=timing) as lab:
        lab.twin.start()
        account(lab, intervals=5, interval=4)


def test_a_mute_meter_is_counted_and_reported_and_comes_back(tmp_path):
    timing = {"iec102.answer_timeout": 200, "iec102.session_deadline": 2}
    with Lab(tmp_path, meter=("--mute",), interval=4, settings=timing) as lab:
        lab.twin.start()
        lab.twin.wait_line("reading given up.*NoAnswer", 40)
        report = json.loads(lab.next(30, "lector102/%s/STATUS" % IDENT)[1])
        assert (report["TYPE"], report["ID"], report["MISSED"]) == ("IEC102_ERR", "ID00000", 1)
        assert report["ERR"].startswith("NoAnswer")
        lab.meter.control("clear")
        lab.record()


def account(lab, intervals, interval):
    """Wait for `intervals` due moments; each has exactly one record or one line that reports it given up."""
    deadline = patience.Limit((intervals + 4) * interval + 20)
    while not deadline.passed():
        lab.collect(0.5)
        given_up = [line for line in lab.twin.lines if "reading given up" in line]
        if len(lab.records) + len(given_up) >= intervals:
            break
    slots = [seconds_of(r) // interval for r in lab.records]
    assert len(slots) == len(set(slots)), "an interval came twice: %s" % slots
    assert len(slots) + len(given_up) >= intervals, "\n".join(lab.twin.lines[-40:])
    if slots:
        span = slots[-1] - slots[0] + 1
        assert span - len(slots) <= len(given_up), (slots, given_up)
