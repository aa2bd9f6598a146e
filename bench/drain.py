"""Records a second through a line with 100 ms round trip: the uplink's window against umqtt.robust's stop-and-wait.

One broker (Mosquitto, or amqtt where it is missing) and one proxy serve both, in MicroPython with 192 kB of heap.
Ours come out of the real log on littlefs and are noted there as delivered; umqtt.robust publishes what it makes up,
QoS 1, one after the other. Of ours every record must arrive, first arrivals in order, with and without a broker
restart in the middle; umqtt.robust is measured on the undisturbed line in both cases.
"""

import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import paho.mqtt.client as mqtt

from tests.host import brokers
from tools import lib, micropython

ROOT = Path(__file__).resolve().parents[1]
RECORDS = 1000
REFERENCE_RECORDS = 100
ROUND_TRIP_MS = 100
WINDOW = 8
TARGET = 6


class Listener:
    """What the broker passes on to a subscriber that sits beside it."""

    def __init__(self, port):
        self.payloads = []
        ready = threading.Event()
        version = mqtt.CallbackAPIVersion.VERSION2
        self.client = mqtt.Client(version, "bench-listener", clean_session=False)
        self.client.on_connect = lambda c, *_: c.subscribe("bench/#", 1)
        self.client.on_subscribe = lambda *_: ready.set()
        self.client.on_message = lambda _c, _u, m: self.payloads.append(m.payload)
        self.client.reconnect_delay_set(1, 1)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        if not ready.wait(15):
            raise RuntimeError("the listener could not subscribe")

    def wait(self, count, seconds=90):
        """Until `count` different payloads are there, or `seconds` have passed."""
        deadline = time.monotonic() + seconds
        while len(set(self.payloads)) < count and time.monotonic() < deadline:
            time.sleep(0.02)

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


def drain(libraries, broker, proxy, who, count, restart):
    """One drain of `count` records by `who`; a dict with ms, lost, in_order, duplicates, reconnects."""
    listener = Listener(broker.port)
    env = dict(os.environ, MICROPYPATH="%s:.frozen" % libraries)
    command = micropython.command("bench/device/drain.py")
    folder = tempfile.mkdtemp()
    command += [who, str(proxy.port), str(count), str(WINDOW), folder + "/flash.img"]
    process = subprocess.Popen(
        command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        if restart:
            listener.wait(count // 2)
            broker.stop()
            broker.start()
        out = process.communicate(timeout=240)[0]
        if process.returncode:
            raise RuntimeError("%s failed:\n%s" % (who, out))
        listener.wait(count)
    finally:
        process.kill()
        process.wait()
        listener.close()
        shutil.rmtree(folder)
    return judge(listener.payloads, count, json.loads(out.strip().splitlines()[-1]))


def judge(payloads, count, found):
    numbers = [int(payload.split(b" ", 1)[0]) for payload in payloads]
    firsts = list(dict.fromkeys(numbers))
    found["lost"] = count - len(firsts)
    found["in_order"] = firsts == sorted(firsts)
    found["duplicates"] = len(numbers) - len(firsts)
    found["per_second"] = count * 1000 / found["ms"]
    return found


def run():
    lib.install()
    with tempfile.TemporaryDirectory() as libraries:
        # umqtt.robust looks for umqtt.simple beside itself.
        package = Path(libraries) / "umqtt"
        package.mkdir()
        for source in ("lib/umqtt/simple.py", "build/bench-lib/umqtt/robust.py"):
            shutil.copy(ROOT / source, package)
        broker = brokers.start_broker()
        proxy = brokers.Proxy(broker.port, ROUND_TRIP_MS / 2000)
        try:
            return rows(libraries, broker, proxy)
        finally:
            proxy.close()
            broker.stop()


def rows(libraries, broker, proxy):
    reference = drain(libraries, broker, proxy, "robust", REFERENCE_RECORDS, False)
    found = []
    for name, restart in (("drain of a full log", False), ("with a broker restart", True)):
        ours = drain(libraries, broker, proxy, "firmware", RECORDS, restart)
        ratio = ours["per_second"] / reference["per_second"]
        whole = ours["lost"] == 0 and ours["in_order"]
        found.append(
            {
                "name": "%s, %d records, %d ms" % (name, RECORDS, ROUND_TRIP_MS),
                "value": ours["per_second"],
                "unit": "1/s",
                "reference": "umqtt.robust, %d records" % REFERENCE_RECORDS,
                "reference_value": reference["per_second"],
                "ratio": ratio,
                "target": "at least %d, none lost, in order" % TARGET,
                "met": whole and ratio >= TARGET,
                "lost": ours["lost"],
                "in_order": ours["in_order"],
                "duplicates": ours["duplicates"],
                "reconnects": ours["reconnects"],
                "longest_ms": ours["longest_ms"],
            }
        )
    return found
