# The uplink on MicroPython against whatever listens on a port: argv[1] is a file with a JSON object:
# port, records (how many), size (bytes of each), settings, pid (packet id to begin with), reply (topic), qos,
# until: {"acked": n} and/or {"attempts": n}, seconds (give up), umqtt and firmware by MICROPYPATH.
# Prints one JSON object: acked (numbers in order), attempts (ms each one lasted and its error), the longest time
# the loop stood still, messages, heap figures.
import asyncio
import gc
import json
import socket
import sys
import time

sys.path[:0] = [".", "tests/host/support/mpy"]

from cores import Limit, Waits  # noqa: E402
from umqtt import simple  # noqa: E402

gc.collect()
# A board has it for its flash anyway.
from firmware.core import flash_gate  # noqa: E402, F401

before = gc.mem_alloc()

from firmware.core import overlay  # noqa: E402
from firmware.delivery.mqtt.service import MqttService  # noqa: E402  its memory is measured

gc.collect()
code = gc.mem_alloc() - before
with open(sys.argv[1]) as file:
    order = json.load(file)
settings = {"host": "127.0.0.1", "port": order["port"], "client_id": "uplink", "keepalive": 60}
settings.update(order.get("settings", {}))


class Ring:
    """Records made up as they are read: number, then a pattern up to the size."""

    def __init__(self, count, size):
        self.count, self.size = count, size
        self.flying, self.acked, self.done = set(), [], set()
        self.low = 1
        self.flushes = 0

    def take(self):
        seq = self.low
        while seq in self.done:
            seq += 1
        self.low = seq
        while seq in self.flying or seq in self.done:
            seq += 1
        if seq > self.count:
            return None
        self.flying.add(seq)
        return seq

    def info(self, seq):
        return 1, 0, self.size

    def read_into(self, seq, buf):
        head = b"%d " % seq
        for i in range(self.size):
            buf[i] = head[i] if i < len(head) else (seq * 7 + i) & 0xFF
        return self.size

    def ack(self, seq):
        self.flying.discard(seq)
        self.done.add(seq)
        self.acked.append(seq)

    def flush(self):
        self.flushes += 1

    def release(self, seq=None):
        self.flying.clear()


class Link:
    socket = socket
    suspected = 0

    def is_up(self):
        return True

    async def up(self, ms):
        return True

    def suspect(self):
        self.suspected += 1


ring = Ring(order["records"], order.get("size", 100))
attempts = []
waits = Waits()
began = [0]


def machine_ms():
    """The clock less what this process has stood in line for a core."""
    return time.ticks_add(time.ticks_ms(), -waits.stood_ms())


def changed(state):
    now = machine_ms()
    if state == "connecting":
        began[0] = now
        service._backoff = min(service._backoff, 100)  # waiting is not what is measured here
    elif state == "waiting":
        attempts.append([time.ticks_diff(now, began[0]), service.status()["last_error"]])
    elif state == "online" and "pid" in order:
        service.session.client.pid = order["pid"]


# The table of names doubles when it is full, by 7 KB here: let it have done so already.
for number in range(700):
    hasattr(sys, "n%d" % number)
gc.collect()
before = gc.mem_alloc()
service = MqttService(simple, settings, ring, Link(), lambda kind: "up/é", lambda: None, None, 7, changed)
service._backoff = 100
messages = []
figures = {"longest_ms": 0, "objects": 0, "peak": 0}


async def tick():
    last = machine_ms()
    while True:
        await asyncio.sleep_ms(10)
        now = machine_ms()
        figures["longest_ms"] = max(figures["longest_ms"], time.ticks_diff(now, last) - 10)
        figures["peak"] = max(figures["peak"], gc.mem_alloc())
        last = now


def reached(until):
    return (
        len(ring.acked) >= until.get("acked", 0)
        and len(attempts) >= until.get("attempts", 0)
        and len(messages) >= until.get("messages", 0)
    )


async def main():
    task = asyncio.create_task(service.run())
    ticker = asyncio.create_task(tick())
    until = order["until"]
    till = Limit(order.get("seconds", 30))
    while not till.ran_out():
        await asyncio.sleep_ms(10)
        if service.connected and not figures["objects"]:
            overlay.reclaim()  # the login is done
            overlay.let_go()  # the reserve is held in a short heap alone, and is none of the connection's
            figures["objects"] = gc.mem_alloc() - before
        message = service.next_message()
        if message:
            if len(messages) < 50:
                messages.append(message[1].decode())
            await service.reply(order["reply"], "got " + message[1].decode())
        if reached(until):
            break
    if until.get("leave"):
        await service.leave()
    ticker.cancel()
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        pass
    figures["code"] = code
    figures["flying"] = len(ring.flying)
    figures["suspected"] = service._link.suspected
    figures["status"] = service.status()
    figures["acked"] = ring.acked
    figures["attempts"] = attempts[:20]
    figures["messages"] = messages
    print(json.dumps(figures))


asyncio.run(main())
