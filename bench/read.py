"""A complete instantaneous read at 9600 baud against the pure time of its bytes on the wire (10 bits each).

Session opened, objects 192, 193 and 194 read with one 162, session closed: by the firmware on MicroPython (the
small boards' heap, through a pty) and by iec870ree on CPython (over TCP), both from the same simulator, which paces
the line. The median of the sessions counts; the first of each, which still loads modules, is listed but left out.
"""

import json
import os
import socket
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from bench._rows import row
from tests.host.support.peer_client import load_peer
from tools import micropython
from tools.twin.device import MeterProcess

ROOT = Path(__file__).resolve().parents[1]
BAUD = 9600
BITS = 10
OBJECTS = [192, 193, 194]  # as tests/host/support/mpy/master_read.py asks for them
TARGET = 1.15
_ATTEMPTS = 5


class Disturbed(RuntimeError):
    """A session on a clean line that was not clean: this machine had no time for it, or somebody is at fault."""


def run(quick=False):
    count = 2 if quick else 11
    with tempfile.TemporaryDirectory() as folder:
        ours, peers = (undisturbed(who, count, folder) for who in (firmware_sessions, peer_sessions))
    return [
        summary("complete instantaneous read at 9600 baud", ours, TARGET),
        summary("the same with iec870ree", peers),
    ]


def undisturbed(measure, count, folder):
    """The sessions that `measure` makes; made again when one was disturbed, some times."""
    meter = ["--link", 1, "--point", 1, "--password", 1, "--baud", BAUD, "--log"]
    for attempt in range(_ATTEMPTS):
        log = "%s/%s.%d" % (folder, measure.__name__, attempt)
        try:
            sessions = measure([*meter, log], count)
        except Disturbed as error:
            print("  %s" % error, flush=True)
            disturbed = error
        else:
            check(sessions, log)
            return sessions
    raise disturbed


def check(sessions, log):
    """The simulator must have seen on its line exactly the bytes that were counted at the other end."""
    with open(log) as file:
        seen = sum(len(json.loads(line)["hex"]) // 2 for line in file)
    counted = sum(sent + received for _, sent, received in sessions)
    if seen != counted:
        raise RuntimeError("%d bytes were on the line, %d were counted" % (seen, counted))


def summary(name, sessions, limit=None):
    """A row from a list of (ms, bytes sent, bytes received)."""
    counted = sorted(sessions[1:])
    ms, sent, received = counted[len(counted) // 2]
    wire = (sent + received) * BITS * 1000 / BAUD
    every = [session[0] for session in sessions]
    more = {"bytes": sent + received, "sessions_ms": every, "spread_ms": statistics.pstdev(every[1:])}
    if limit:
        more.update(target="at most %.2f" % limit, met=ms / wire <= limit, timed=True)
    return row(name, ms, "ms", ("bytes on the wire", wire), **more)


def firmware_sessions(meter, count):
    process = MeterProcess("--pty", *meter)
    try:
        command = micropython.command("tests/host/support/mpy/master_read.py")
        command += [process.path, str(BAUD), "1", "1", "1", str(count)]
        env = dict(os.environ, MICROPYPATH=".:.frozen")
        result = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120 + 10 * count)
    finally:
        process.stop()
    if result.returncode:
        raise RuntimeError("the firmware failed: %s" % result.stderr)
    found = json.loads(result.stdout)
    if found["failures"] or found["repeats"]:
        raise Disturbed("a clean line had failures: %r, repeats: %d" % (found["failures"], found["repeats"]))
    if [item["address"] for item in found["objects"]] != OBJECTS:
        raise RuntimeError("the firmware read %r" % found["objects"])
    return [tuple(session) for session in found["sessions"]]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def peer_sessions(meter, count):
    """The same sessions by iec870ree, the time of its TCP connect and its start-up pause left out."""
    peer = load_peer()

    class Counted(peer.Ip):
        sent = received = 0

        def send_bytes(self, data):
            self.sent += len(data)
            super().send_bytes(data)

        def get_byte(self, timeout=60):
            byte = super().get_byte(timeout)
            self.received += 1
            return byte

    port = free_port()
    process = MeterProcess("--tcp", "127.0.0.1:%d" % port, *meter)
    line = Counted(("127.0.0.1", port), waiting=0.2)
    try:
        line.connect()
        sessions = []
        for _ in range(count):
            line.sent = line.received = 0
            link, app = peer.LinkLayer(1, 1), peer.AppLayer()
            link.initialize(line)
            app.initialize(link)
            start = time.perf_counter()
            link.link_state_request()
            link.remote_link_reposition()
            app.authenticate(1)
            answer = app.ext_read_instant_values(objects=OBJECTS)
            app.finish_session()
            ms = (time.perf_counter() - start) * 1000
            if answer is None or len(answer.content.valores) != len(OBJECTS):
                raise Disturbed("iec870ree got no whole answer")
            sessions.append((ms, line.sent, line.received))
        return sessions
    finally:
        line.disconnect()
        process.stop()
