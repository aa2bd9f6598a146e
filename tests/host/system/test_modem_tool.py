"""`python -m tools.modem` as a program: pty, TCP, control port, faults on the command line, the
line's speed.
"""

import json
import socket
import subprocess
import sys

import pytest

from tests.host.support.modem_process import ROOT, simulator
from tools import patience
from tools.modem.faults import NAMES, Faults
from tools.modem.host import Pacer
from tools.modem.profiles import PROFILES


def _tool(*arguments):
    return patience.run([sys.executable, "-m", "tools.modem", *arguments], 60, cwd=ROOT)


def test_help_names_every_fault_and_model():
    text = _tool("--help").stdout
    for name in (*NAMES, *PROFILES):
        assert name in text
    assert _tool("--fault", "gremlins").returncode != 0


def test_over_tcp():
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "tools.modem",
            "--tcp",
            "0",
            "--control",
            "0",
            "--running",
            "--quiet",
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        words = process.stdout.readline().split()
        port, control = int(words[1].partition(":")[2]), int(words[3])
        with socket.create_connection(("127.0.0.1", port), 60) as line:
            line.sendall(b"ATE0\rAT+CGMM\r")
            got = b""
            while b"GENERIC LTE\r\n\r\nOK\r\n" not in got:
                got += line.recv(100)
            # The latest caller wins; a second one gets the line.
            with socket.create_connection(("127.0.0.1", port), 60) as second:
                second.sendall(b"AT\r")
                assert b"OK" in second.recv(100)
        with socket.create_connection(("127.0.0.1", control), 60) as sock:
            lines = sock.makefile("rw")
            answers = []
            for line in ("state", "fault drop 0.5", "fault gremlins", "what", "fault drop off"):
                lines.write(line + "\n")
                lines.flush()
                answers.append(lines.readline().strip())
        assert json.loads(answers[0])["profile"] == "generic"
        assert answers[1] == "ok" and answers[2].startswith("error: no fault called")
        assert answers[3] == "unknown: what" and answers[4] == "ok"
    finally:
        process.terminate()
        patience.wait(process, 10)


def test_a_message_and_a_chatter_line_by_hand(tmp_path):
    with simulator(tmp_path, "--running") as modem, open(modem.pty, "r+b", buffering=0) as line:
        modem.tell("urc +CTZV: +4")
        modem.tell("sms +34600123456 mtx at")
        got = b""
        while b"+CMTI" not in got:
            got += line.read(100)
        assert b"+CTZV: +4" in got


def test_faults_are_parsed():
    faults = Faults.parse(["echo", "drop=0.01", "stuck=hard"])
    assert faults == {"echo": 1.0, "drop": 0.01, "stuck": "hard"}
    faults.set("drop", "off")
    assert "drop" not in faults
    with pytest.raises(ValueError):
        Faults.parse(["gremlins"])


def test_the_pacer_lets_through_what_the_line_would():
    now = [0.0]
    pacer = Pacer(9600, lambda: now[0])
    sent = 0
    for _ in range(1000):
        now[0] += 0.01
        count = min(pacer.allowed(), 5000)
        pacer.used(count)
        sent += count
    assert 9500 <= sent <= 9700
    assert Pacer(0).allowed() is None
