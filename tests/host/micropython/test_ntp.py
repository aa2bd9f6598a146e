"""Network time on MicroPython, against servers of every kind."""

import socket
import struct
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.host.unit.net.test_ntp import NOW
from tools import micropython, patience

ROOT = Path(__file__).resolve().parents[3]
ERA = 2208988800


def answer(query, utc, *, first=0x24, stratum=2, originate=None, transmit=True, kiss=b"PPS\0"):
    """An NTP packet of RFC 5905, written without the code under test."""
    seconds = (utc + ERA) & 0xFFFFFFFF
    packet = struct.pack(">BBbb", first, stratum, 6, -20) + bytes(8) + kiss
    packet += struct.pack(">II", seconds - 10, 0)
    packet += query[40:48] if originate is None else originate
    packet += struct.pack(">II", seconds, 0)
    packet += struct.pack(">II", seconds, 0x10000000) if transmit else bytes(8)
    return packet


class Server:
    """A UDP server in a thread; `reply(query)` gives the list of packets to send back."""

    def __init__(self, reply):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.host = "127.0.0.1:%d" % self.socket.getsockname()[1]
        self.queries = []
        self._reply = reply
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while True:
            query, peer = self.socket.recvfrom(512)
            if query == b"end":
                return
            self.queries.append(query)
            for packet in self._reply(query):
                self.socket.sendto(packet, peer)

    def close(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            end.sendto(b"end", self.socket.getsockname())
        self._thread.join()
        self.socket.close()


KINDS = {
    "good": (lambda q: [answer(q, NOW)], "ok %d" % NOW),
    "version 3": (lambda q: [answer(q, NOW, first=0x1C)], "ok %d" % NOW),
    "after 2036": (lambda q: [answer(q, 2200000000)], "ok 2200000000"),
    "silent": (lambda q: [], "no answer"),
    "garbage": (lambda q: [b"", b"hello", bytes(48), b"\xff" * 48], "not an answer of a server"),
    "garbage, then good": (lambda q: [b"\xff" * 60, answer(q, NOW)], "ok %d" % NOW),
    "echo": (lambda q: [bytes(q)], "not an answer of a server"),
    "not ours": (lambda q: [answer(q, NOW, originate=b"12345678")], "not the answer to our"),
    "unsynchronised": (lambda q: [answer(q, NOW, first=0xE4)], "clock is not set"),
    "stratum 16": (lambda q: [answer(q, NOW, stratum=16)], "clock is not set"),
    "no time": (lambda q: [answer(q, NOW, transmit=False)], "no time"),
    "kiss": (lambda q: [answer(q, NOW, stratum=0, kiss=b"RATE")], "TimeRefused RATE"),
    "forged kiss": (
        lambda q: [answer(q, 0, stratum=0, kiss=b"DENY", originate=bytes(8)), answer(q, NOW)],
        "ok %d" % NOW,
    ),
}

ASK = """
import asyncio, socket
from firmware.app import time_sync as timesync
async def one(host):
    try:
        return "ok %%d" %% await timesync.ask(socket, host, %d)
    except OSError as error:
        return " ".join([type(error).__name__] + [str(x) for x in error.args])
async def main():
    for line in await asyncio.gather(*[one(host) for host in %r]):
        print(line)
asyncio.run(main())
"""


@pytest.mark.parametrize("command", [micropython.command(), [sys.executable]])
def test_servers_of_every_kind(command):
    servers = [Server(reply) for reply, _ in KINDS.values()]
    try:
        hosts = [server.host for server in servers] + ["127.0.0.1:1"]
        script = ASK % (3000, hosts)
        done = patience.run([*command, "-c", script], 120, cwd=ROOT)
    finally:
        for server in servers:
            server.close()
    lines = done.stdout.splitlines()
    assert len(lines) == len(KINDS) + 1, done.stderr
    for (name, (_, wanted)), line in zip(KINDS.items(), lines):
        # A slow machine's delay counts as time under way: a second more is no mistake.
        later = "ok %d" % (int(wanted[3:]) + 1) if wanted.startswith("ok") else wanted
        assert wanted in line or later in line, (name, line)
    assert lines[-1].startswith(("OSError", "ConnectionRefused"))
    nonces = [query[40:48] for server in servers for query in server.queries]
    assert len(set(nonces)) == len(servers)
    assert {query[0] for server in servers for query in server.queries} == {0x23}
    assert all(len(query) == 48 and query[1:40] == bytes(39) for s in servers for query in s.queries)


KEEP = """
import asyncio, gc, socket, sys
from firmware.app.device import TimeKeeper
from firmware.core import clock
from firmware.core import log as diag
from firmware.meters import readings
from firmware.core import overlay
from firmware.core.compat import sleep_ms
class Rtc:
    now = 0
    def get(self):
        return self.now
    def set(self, utc):
        self.now = utc
class Config:
    def get(self, name):
        return {"ntp.server": %r, "ntp.server2": "", "ntp.hours": 12}[name]
class Device:
    clock = clock.Clock(Rtc(), "UTC")
    config = Config()
    lines = []
    time_wanted = False
    class link:
        socket = socket
        is_up = staticmethod(lambda: True)
    class board:
        feed = staticmethod(lambda: None)
device = Device()
async def main():
    keeper = TimeKeeper(device)
    task = asyncio.create_task(keeper.run())
    while not device.clock.known:
        await sleep_ms(20)
    await sleep_ms(50)
    overlay.reclaim()
    before = gc.mem_alloc()
    print("state", device.clock.utc(), device.clock.source_name(), "firmware.app.time_sync" in sys.modules)
    device.time_wanted = True
    while device.time_wanted:
        await sleep_ms(20)
    await sleep_ms(50)
    task.cancel()
    # The names of that code are known by then, and stay.
    overlay.reclaim()
    print("grown", gc.mem_alloc() - before)
asyncio.run(main())
"""


def test_the_service_on_micropython_and_sync():
    server = Server(lambda q: [answer(q, NOW)])
    try:
        command = micropython.command("-c", KEEP % server.host)
        done = patience.run(command, 120, cwd=ROOT)
        deadline = patience.Limit(30)
        while len(server.queries) < 2 and not deadline.passed():
            time.sleep(0.05)
    finally:
        server.close()
    state = [line.split() for line in done.stdout.splitlines() if line.startswith("state")]
    assert len(state) == 1, done.stderr
    assert int(state[0][1]) in (NOW, NOW + 1)
    assert state[0][2:4] == ["ntp", "False"]
    assert int(done.stdout.split("grown ")[1]) < 1000
    assert len(server.queries) == 2, "SYNC has to ask once more"
