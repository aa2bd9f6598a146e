"""The whole device behind a modem: MicroPython reads the meter, dials and delivers, whatever happens.

It has the heap of a middle board (tools/micropython.py); what stands in for sockets and pins, which no board has, is
in it, too.
"""

import contextlib
import json
import re
import subprocess
import sys
import threading
import time

import pytest

from firmware.meters import readings
from tests.host.support.modem_process import QUICK, simulator
from tests.host.support.together import together
from tests.host.support.twin_lab import IDENT, LOGGER, Lab
from tools import micropython, patience
from tools.log.reader import Reader
from tools.log.source import fetch
from tools.twin.device import ROOT

pytestmark = pytest.mark.takes(60)

ONLINE = "lector102/%s/ONLINE" % IDENT


class Host:
    """How long this machine kept the firmware waiting for a core, which is nobody's fault in it.

    lwIP is a part of the firmware that has another process here, the modem's (tools/lwip): it counts, too.
    """

    def __init__(self, twin, modem):
        self._twin = twin
        self._modem = modem
        self._seen = []  # (seconds, seconds waited so far), of the process that runs now
        self._ended = threading.Event()
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self):
        number = None
        while not self._ended.wait(0.01):
            process = self._twin.process
            if not process:
                continue
            if process.pid != number:
                number, self._seen = process.pid, []
            try:
                stood = sum(_stood(each) for each in (number, self._modem.pid))
                self._seen.append((time.monotonic(), stood))
            except OSError:
                continue  # it has just ended

    def most(self, within_ms):
        """Milliseconds it stood in line within any `within_ms` of its life, at most."""
        seen, most, first = list(self._seen), 0, 0
        for at, waited in seen:
            while first + 1 < len(seen) and seen[first + 1][0] < at - within_ms / 1000:
                first += 1
            most = max(most, waited - seen[first][1])
        return int(most * 1000)

    def close(self):
        self._ended.set()


def _stood(number):
    """Seconds that a process has waited for a core."""
    with open("/proc/%d/schedstat" % number) as file:
        return int(file.read().split()[1]) / 1e9


@contextlib.contextmanager
def started(folder, *options, **settings):
    """A device with a modem: the laboratory and the modem."""
    values = {"uplink.type": "modem", "uplink.apn": "internet", **settings}
    with contextlib.ExitStack() as parts:
        modem = parts.enter_context(simulator(folder, "--scale", "0.1", *options))
        link = {"pty": modem.pty, "control": modem.control, "timing": QUICK}
        lab = Lab(folder, settings=values, interval=2, heap=micropython.MIDDLE, modem=link)
        parts.enter_context(lab)
        lab.host = parts.enter_context(contextlib.closing(Host(lab.twin, modem)))
        # Every record, also those that somebody who waits for another topic passes over.
        lab.times = []
        passed_on = lab.client.on_message

        def message(client, user, found):
            if found.topic == LOGGER:
                lab.times.append(json.loads(found.payload)["TS"])
            passed_on(client, user, found)

        lab.client.on_message = message
        lab.twin.start()
        yield lab, modem


@pytest.fixture
def online(tmp_path):
    """A function that starts one."""
    with contextlib.ExitStack() as parts:
        yield lambda *options, **settings: parts.enter_context(started(tmp_path, *options, **settings))


def state(lab, seconds=60):
    return json.loads(lab.next(seconds, ONLINE)[1])


def test_the_device_dials_delivers_and_tells_of_its_network(online):
    lab, _ = online("--running", "--profile", "sim7600")
    told = state(lab)
    assert told["STATE"] == "online" and told["UPLINK"] == "modem", told
    for name in ("OPERATOR", "TECHNOLOGY", "SIGNAL", "IP", "CONNECTS", "MEASURES"):
        assert name in told, told
    for _ in range(3):
        lab.record()
    answer = lab.at("AT^MTXTUNNEL=GETSTATUS,link")
    for words in ("link.operator: ", "link.signal: -", "link.ip: ", "link.technology: ", "link.measures.redial: 0"):
        assert words in answer, answer
    # The modem answers while the data flows beside it (CMUX).
    assert re.search(r"\+CSQ: \d+,\d+\r\n\r\nOK\r\n$", lab.at("AT+CSQ")), lab.twin.lines[-5:]
    assert not [line for line in lab.twin.lines if "MemoryError" in line or "starts again" in line]


def test_without_a_setting_the_device_is_who_its_modem_is(online):
    """device.imei empty: the modem's, in topics, commands and records; from the next start on before it is asked."""
    imei = "861122334455667"
    lab, _ = online("--running", "--imei", imei)
    told = json.loads(lab.next(60, "lector102/%s/ONLINE" % imei)[1])
    assert told["IMEI"] == imei and told["STATE"] == "online"
    lab.client.publish("lector102/%s/AT" % imei, "AT^MTXTUNNEL=GETSTATUS", qos=1)
    assert imei in lab.next(20, "lector102/%s/ATR" % imei)[1].decode()
    while json.loads(lab.next(30, "lector102/%s/LOGGER" % imei)[1])["IMEI"] != imei:
        pass  # read before the modem was asked
    lab.twin.stop()
    lab.twin.start()
    lab.twin.wait_line("start: identity " + imei)


def read_so_far(lab):
    return sum("instant read in" in line for line in lab.twin.lines)


def nothing_is_lost(lab, folder):
    """Stop the device and compare: every reading is in its log, every one noted as delivered was delivered."""
    lab.twin.stop()
    read = read_so_far(lab)
    time.sleep(1)
    copied = folder / "read-out"
    copied.mkdir()
    log = Reader(fetch(str(folder / "flash.img"), copied, print))
    assert log.lost == 0 and not log.damaged, log.damaged
    kept = [json.loads(record[3]) for record in log.records if record[1] == readings.INSTANT]
    assert len(kept) >= read, "\n".join(lab.twin.lines[-40:])
    done = {json.loads(r[3])["TS"] for r in log.records if r[4] and r[1] == readings.INSTANT}
    assert not done - set(lab.times)
    firsts = list(dict.fromkeys(lab.times))
    assert firsts == sorted(firsts)


def caught_up(lab, more=2, seconds=90):
    """Wait until what was read by now, and `more` records from afterwards, have arrived."""
    goal = read_so_far(lab) + more
    deadline = patience.Limit(seconds)
    while len(set(lab.times)) < goal:
        time.sleep(0.2)
        assert not deadline.passed(), "\n".join(lab.twin.lines[-40:])


def never_stuck(lab):
    """Nothing of all that may hold the loop up for more than 200 ms; what this machine took away is allowed for."""
    answer = lab.at("AT^MTXTUNNEL=GETSTATUS,turn_ms", 60)
    turn = int(re.search(r"turn_ms: (\d+)", answer).group(1))
    waited = lab.host.most(turn)
    assert turn <= 200 + waited, "%d ms, %d of them for a core" % (turn, waited)


# Name -> (what is done to the modem of a device that is online, what ends it, words of the reason).
FAULTS = {
    "carrier lost": ("drop-carrier", "", "no carrier"),
    "multiplexer forgotten": ("forget-mux", "", "multiplexer"),
    "spontaneous restart": ("restart", "", "multiplexer"),
    "dead carrier": ("fault swallow", "fault swallow off", "no traffic"),
    "frozen until reset": ("fault freeze reset", "", "does not answer"),
}


@pytest.mark.parametrize("fault", FAULTS)
@together
def test_the_meter_is_read_meanwhile_and_nothing_is_lost(tmp_path, fault):
    harm, end, reason = FAULTS[fault]
    settings = {"mqtt.puback_timeout": 5, "uplink.model": "ec25"}
    with started(tmp_path, "--running", "--profile", "ec25", **settings) as (lab, modem):
        lab.record(60)
        modem.tell(harm)
        lab.twin.wait_line("mqtt: connection lost", 60)
        read = read_so_far(lab)
        if end:
            modem.tell(end)
        told = state(lab, 90)
        # Not that of the first login, nor what the broker says for a device that is gone.
        while "LAST_REASON" not in told:
            told = state(lab, 90)
        # Whoever listens is told what happened.
        assert reason in told["LAST_REASON"] and told["CONNECTS"] == 2, told
        assert told["LAST_MEASURE"] and sum(told["MEASURES"].values()) >= 1 and "UPTIME" in told, told
        caught_up(lab)
        assert read_so_far(lab) > read
        answer = lab.at("AT^MTXTUNNEL=GETSTATUS,link")
        assert "link.uptime: " in answer and reason in answer, answer
        never_stuck(lab)
        nothing_is_lost(lab, tmp_path)


# Name -> (simulator's options, settings, what ends it or None where it ends by itself).
STARTS = {
    "slow boot": (("--off", "--fault", "slow-boot=3"), {}, None),
    "registration takes its time": (("--running", "--fault", "register=30"), {}, None),
    "stuck in data mode": (("--running", "--fault", "stuck"), {}, None),
    "at another speed": (("--running", "--baud", "9600"), {}, None),
    "chatter, echo, noise": (
        ("--running", "--fault", "chatter=0.2", "--fault", "echo", "--fault", "noise=30"), {}, None,
    ),
    # A packet of 400 bytes in seven is broken, and comes again after lwIP's time-outs, as on a line that bad.
    "dropped and inserted bytes": (
        ("--running", "--fault", "drop=0.0002", "--fault", "insert=0.0002"), {}, None,
    ),
    "no CMUX": (("--running", "--fault", "no-cmux"), {}, None),
    "denied": (("--running", "--fault", "denied"), {}, "fault denied off"),
    "no signal": (("--running", "--fault", "no-signal"), {}, "fault no-signal off"),
    "PUK": (
        ("--running", "--pin", "1234", "--fault", "puk"), {"uplink.pin": "1234"}, "fault puk off",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", STARTS)
@together
def test_a_modem_that_begins_badly_costs_no_reading(tmp_path, fault):
    options, settings, end = STARTS[fault]
    with started(tmp_path, *options, **settings) as (lab, modem):
        if end:
            lab.twin.wait_line("modem: .*(denied|no network|PUK)", 60)
            read = read_so_far(lab)
            deadline = patience.Limit(60)
            while read_so_far(lab) < read + 2:
                assert not deadline.passed(), "\n".join(lab.twin.lines[-40:])
                time.sleep(0.1)
            modem.tell(end)
        lab.record(90)
        caught_up(lab)
        never_stuck(lab)
        nothing_is_lost(lab, tmp_path)


def test_with_a_wrong_pin_the_meter_is_read_and_the_pin_tried_once(online, tmp_path):
    lab, modem = online("--running", "--pin", "1234", **{"uplink.pin": "9999"})
    lab.twin.wait_line("the PIN is wrong", 60)
    lab.twin.wait_line("not tried again", 60)
    deadline = patience.Limit(60)
    while read_so_far(lab) < 4:
        assert not deadline.passed(), "\n".join(lab.twin.lines[-40:])
        time.sleep(0.1)
    # A device that starts again knows it, too.
    lab.twin.kill()
    lab.twin.start()
    lab.twin.wait_line("(?s)not tried again", 60)
    time.sleep(3)
    assert json.loads(modem.tell("state"))["pin_attempts"] == 1
    nothing_is_lost(lab, tmp_path)


def test_a_short_message_from_an_allowed_number_runs_a_command(online):
    settings = {"sms.enabled": True, "sms.phones": "+34600111222", "sms.alias": "WHO>AT^MTXTUNNEL=VERSION|X>AT"}
    lab, modem = online("--running", "--profile", "sim7600", **settings)
    lab.record(60)
    modem.tell("sms +34600111222 who")
    lab.twin.wait_line("sms: .34600111222: AT.MTXTUNNEL", 30)
    modem.tell("sms +34999999999 mtx at^mtxtunnel=reboot")
    lab.twin.wait_line("sms: refused: .34999999999", 30)
    deadline = patience.Limit(20)
    while "lector102" not in modem.tell("state") and not deadline.passed():
        time.sleep(0.2)
    assert "lector102 0." in modem.tell("state"), modem.tell("state")


def test_short_messages_are_nothing_by_default(online):
    lab, modem = online("--running", "--profile", "sim7600")
    lab.record(60)
    modem.tell("sms +34600111222 mtx at^mtxtunnel=reboot")
    lab.record()
    lab.record()
    assert not [line for line in lab.twin.lines if "restart" in line or " sms:" in line]


def test_the_status_comes_as_a_short_message(online):
    settings = {"sms.status": 1, "sms.status_phone": "+34600111222"}
    lab, modem = online("--running", "--profile", "sim7600", **settings)
    lab.record(60)
    deadline = patience.Limit(30)
    while "records wait" not in modem.tell("state") and not deadline.passed():
        time.sleep(0.2)
    ((number, text),) = json.loads(modem.tell("state"))["sent"]
    assert number == "+34600111222" and len(text) <= 160
    assert re.search(r"\d+ records wait, (last reading \d+ min ago|nothing read yet)", text), text


def test_a_run_can_have_a_modem_and_its_weather(tmp_path):
    """`make run -- --modem --weather N`: the first record comes through a modem that has its faults."""
    words = ["--once", "--interval", "2", "--modem", "ec25", "--weather", 2, "--folder", tmp_path]
    command = [sys.executable, "-m", "tools.twin", *map(str, words)]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280)
    assert found.returncode == 0, found.stdout + found.stderr
    assert re.search(r"^modem +ec25, simulated, .*its faults: \{.+\}$", found.stdout, re.M), found.stdout
    assert '"TYPE":"IEC102"' in found.stdout
