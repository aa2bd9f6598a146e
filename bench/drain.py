"""Records a second through a line with 100 ms round trip: the uplink's window against umqtt.robust's stop-and-wait.

One broker (Mosquitto, or amqtt where it is missing) and one proxy serve both, in MicroPython with the small boards'
heap. Ours come out of the real log on littlefs and are noted there as delivered; umqtt.robust publishes what it makes
up, QoS 1, one after the other. Of ours every record must arrive, first arrivals in order, with and without a broker
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

from bench._rows import none, row
from tests.host.support import brokers
from tools import lib, micropython

ROOT = Path(__file__).resolve().parents[1]
ROUND_TRIP_MS = 100
WINDOW = 8
TARGET = 6
# Whoever does nothing for so long hangs.
_STUCK_S = 120


class Listener:
    """What the broker passes on to a subscriber beside it; of amqtt, which forgets him, what it has taken."""

    def __init__(self, broker):
        embedded = isinstance(broker, brokers.Embedded)
        self._taken, self._before = (broker.taken, len(broker.taken)) if embedded else (None, 0)
        self._came = []
        ready = threading.Event()
        version = mqtt.CallbackAPIVersion.VERSION2
        self.client = mqtt.Client(version, "bench-listener", clean_session=False)
        self.client.on_connect = lambda c, *_: c.subscribe("bench/#", 1)
        self.client.on_subscribe = lambda *_: ready.set()
        self.client.on_message = lambda _c, _u, m: self._came.append(m.payload)
        self.client.reconnect_delay_set(1, 1)
        self.client.connect("127.0.0.1", broker.port)
        self.client.loop_start()
        if not ready.wait(_STUCK_S):
            raise RuntimeError("the listener could not subscribe")

    @property
    def payloads(self):
        if self._taken is None:
            return list(self._came)
        return [payload for topic, payload in self._taken[self._before :] if topic.startswith("bench/")]

    def wait(self, count):
        """Until `count` different payloads are there, or none has come for long."""
        there, since = 0, time.monotonic()
        while there < count and time.monotonic() < since + _STUCK_S:
            time.sleep(0.02)
            now = len(set(self.payloads))
            if now > there:
                there, since = now, time.monotonic()

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


def drain(libraries, broker, proxy, who, count, restart):
    """One drain of `count` records by `who`; a dict with ms, lost, in_order, duplicates, reconnects."""
    listener = Listener(broker)
    env = dict(os.environ, MICROPYPATH="%s:.frozen" % libraries)
    command = micropython.command("bench/device/drain.py")
    folder = tempfile.mkdtemp()
    command += [who, str(proxy.port), str(count), str(WINDOW), folder + "/flash.img"]
    process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        if restart:
            listener.wait(count // 2)
            broker.stop()
            broker.start()
        out = process.communicate(timeout=count + _STUCK_S)[0]
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


def run(quick=False):
    lib.install()
    with tempfile.TemporaryDirectory() as libraries:
        # umqtt.robust looks for umqtt.simple beside itself.
        package = Path(libraries) / "umqtt"
        package.mkdir()
        for source in ("lib/umqtt/simple.py", "build/bench-lib/umqtt/robust.py"):
            shutil.copy(ROOT / source, package)
        broker = brokers.start_broker()
        proxy = brokers.Proxy(broker.port, ROUND_TRIP_MS / 2000)
        counts = (10, 400) if quick else (100, 1000)
        try:
            return rows(libraries, broker, proxy, *counts)
        finally:
            proxy.close()
            broker.stop()


def rows(libraries, broker, proxy, few, count):
    """`few`: records for umqtt.robust, `count` for ours."""
    reference = drain(libraries, broker, proxy, "robust", few, False)
    found = [none("umqtt.robust: records lost or out of order", disorder(reference), of=few)]
    for what, restart in (("drain of a full log", False), ("with a broker restart", True)):
        ours = drain(libraries, broker, proxy, "firmware", count, restart)
        ratio = ours["per_second"] / reference["per_second"]
        name = "%s, %d records, %d ms" % (what, count, ROUND_TRIP_MS)
        against = ("umqtt.robust, %d records" % few, reference["per_second"])
        target = {"target": "at least %d times" % TARGET, "met": ratio >= TARGET, "timed": True}
        more = {key: ours[key] for key in ("duplicates", "reconnects", "longest_ms")}
        found.append(row(name, ours["per_second"], "1/s", against, **target, **more))
        found.append(none(what + ": records lost or out of order", disorder(ours), of=count))
    return found


def disorder(found):
    """Records lost, and one more if they came in another order."""
    return found["lost"] + (not found["in_order"])
