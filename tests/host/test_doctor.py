"""`python -m tools.doctor` against simulators and brokers: each fault in turn is named, and what to do about it."""

import os
import re
import subprocess
import sys

import pytest

from tests.host import brokers
from tests.host.modem_rig import ROOT
from tools.twin.device import MeterProcess, finish, spawn

LINE = ("--baud", "9600", "--only")


def doctor(*arguments, **secrets):
    """(exit code, what it prints)."""
    done = subprocess.run(
        [sys.executable, "-m", "tools.doctor", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **secrets},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=110,
    )
    return done.returncode, done.stdout + done.stderr


def faults(text):
    return [line[7:] for line in text.splitlines() if line.startswith("FAULT")]


def meter(simulator, *options, password="42"):
    place = simulator.path
    return doctor("meter", "--port", place, *options, LECTOR_METER_PASSWORD=password)


@pytest.fixture
def simulated(request):
    made = MeterProcess("--pty", "--link", 7, "--point", 3, "--password", 42, *getattr(request, "param", ()))
    yield made
    made.stop()


# --- the meter


def test_a_meter_is_found_and_its_settings_are_told(simulated):
    code, text = meter(simulated, "--trace")
    assert code == 0 and not faults(text), text
    for line in ("meter.0.link = 7", "meter.0.point = 3", "port.1.baud = 9600"):
        assert line in text
    assert "ok     load curve" in text and text.rstrip().endswith("all is well")
    # The password is 42: neither its frame nor the mirrored answer shows it.
    assert not re.search(r"\b2a 00 00 00\b", text) and "ASDU 183" in text


SPOILT = {
    "wrong link address": ((), ("--link", 1, *LINE), "wrong link address: 1 was given, the meter has 7"),
    "wrong point": ((), ("--link", 7, "--point", 1, *LINE), "wrong measuring point: 1 was given, the meter has 3"),
    "mute": (("--mute",), ("--link", 7, *LINE), "the meter is mute: nothing answers"),
    "echo": (("--mute", "--echo"), ("--link", 7, *LINE), "the meter is mute: only our own frames come back"),
    "busy": (("--busy", "100000"), ("--link", 7, "--point", 3, *LINE), "busy: the meter answers, but has had no data"),
    "noise": (("--corrupt", "1.0"), ("--link", 7, *LINE), "noise: something answers"),
}


@pytest.mark.parametrize("name", SPOILT)
def test_each_fault_of_a_line_is_named(name):
    simulator, options, wanted = SPOILT[name]
    made = MeterProcess("--pty", "--link", 7, "--point", 3, "--password", 42, *simulator)
    try:
        code, text = meter(made, *options)
        assert code == 1 and any(wanted in fault for fault in faults(text)), text
        assert "\ndo     " in text
    finally:
        made.stop()


PASSWORDS = {
    "negative": "wrong password (negative answer)",
    "nack": "NACK: the meter refuses the frame",
    "silent": "the meter falls silent at the password",
}


@pytest.mark.parametrize("how", PASSWORDS)
def test_a_wrong_password_is_named_however_the_meter_tells_it(how):
    made = MeterProcess("--pty", "--link", 7, "--point", 3, "--password", 42, "--wrong-password", how)
    try:
        code, text = meter(made, "--link", 7, "--point", 3, *LINE, password="41")
        assert code == 1 and any(PASSWORDS[how] in fault for fault in faults(text)), text
        assert "password" in text.partition("\ndo ")[2]
    finally:
        made.stop()


def test_a_reading_the_meter_lacks_is_explained_and_the_rest_goes_on():
    made = MeterProcess("--pty", "--password", 42, "--no-type", 123, "--no-type", 162)
    try:
        code, text = meter(made, *LINE)
        assert code == 1 and len(faults(text)) == 1, text
        assert "does not know this ASDU type (cause 14)" in faults(text)[0]
        assert "note   load curve" in text and "ok     events" in text
    finally:
        made.stop()


def test_a_line_without_a_port_and_bad_words(tmp_path):
    code, text = doctor("meter", "--port", tmp_path / "none", LECTOR_METER_PASSWORD="1")
    assert code == 1 and "can't be opened" in text
    code, text = doctor("meter", "--port", "x")
    assert code == 2 and "LECTOR_METER_PASSWORD" in text
    assert doctor("meter", "--port", "x", "--link", "70000")[0] == 2
    assert doctor("broker", "ftp://x")[0] == 2


# --- the modem


def modem(*options, tool=(), **secrets):
    command = [sys.executable, "-u", "-m", "tools.modem", "--tcp", "0", "--running", "--quiet", "--scale", "0.2"]
    process = spawn([*command, *options], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        port = process.stdout.readline().split()[1].rpartition(":")[2]
        return doctor("modem", "--port", "tcp://127.0.0.1:" + port, "--wait", 4, *tool, **secrets)
    finally:
        finish(process)
        process.stdout.close()


def test_a_good_modem_gets_an_address_and_is_left_in_command_mode():
    code, text = modem("--profile", "sim7600")
    assert code == 0, text
    for line in ("ok     modem", "ok     the SIM is ready", "ok     data connection: address "):
        assert line in text


MODEMS = {
    "no-sim": "no SIM card",
    "puk": "the SIM is blocked and wants its PUK",
    "denied": "registration denied by the network",
    "no-signal": "no signal: the modem finds no network",
    "no-pdp": "the network refuses the data connection",
    "freeze": "the modem does not answer to AT",
}


@pytest.mark.parametrize("fault", MODEMS)
def test_each_fault_of_a_modem_is_named(fault):
    code, text = modem("--fault", fault)
    assert code == 1 and any(MODEMS[fault] in found for found in faults(text)), text
    assert "\ndo     " in text


def test_a_wrong_pin_is_tried_once_and_a_missing_one_asked_for():
    code, text = modem("--pin", "1234", LECTOR_SIM_PIN="4321")
    assert code == 1 and "wrong PIN" in faults(text), text
    code, text = modem("--pin", "1234")
    assert code == 1 and "wants a PIN" in faults(text)[0]


# --- the broker


def test_the_whole_way_to_a_broker_works():
    made = brokers.start_broker()
    try:
        code, text = doctor("broker", "tcp://127.0.0.1:%d" % made.port)
        assert code == 0 and "the message came back" in text, text
    finally:
        made.stop()


BROKERS = {
    "silent": "no CONNACK",
    "refuse": "login refused",
    "stall": "no SUBACK",
    "no_puback": "no PUBACK",
}


@pytest.mark.parametrize("mode", BROKERS)
def test_each_fault_of_a_broker_is_named(mode):
    bad = brokers.BadBroker(mode)
    try:
        code, text = doctor("broker", "tcp://127.0.0.1:%d" % bad.port, "--timeout", 2)
        assert code == 1 and BROKERS[mode] in faults(text)[0], text
        assert "not checked: " in text
    finally:
        bad.close()


def test_a_name_a_port_and_tls_that_are_wrong():
    code, text = doctor("broker", "tcp://no-such-host.invalid", "--timeout", 5)
    assert code == 1 and faults(text)[0].startswith("DNS"), text
    code, text = doctor("broker", "tcp://127.0.0.1:%d" % brokers.free_port(), "--timeout", 5)
    assert code == 1 and "nothing listens on this port" in faults(text)[0], text
    made = brokers.start_broker()
    try:
        code, text = doctor("broker", "tls://127.0.0.1:%d" % made.port, "--timeout", 5)
        assert code == 1 and faults(text)[0].startswith("TLS"), text
    finally:
        made.stop()
