# Runs on MicroPython: argv = who ("firmware" or "robust"), port, how many records, window.
# Prints {"ms", "reconnects", "longest_ms"}: from the moment the connection is up until the last PUBACK.
import asyncio
import json
import sys
import time

sys.path.insert(0, ".")
WHO, PORT, COUNT, WINDOW = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
# As long as a record of a meter reading.
FILLER = b"x" * 320


def payload(seq):
    return b"%d %s" % (seq, FILLER)


class Records:
    """What the service needs of a log, with the records made up as they are read."""

    def __init__(self, count):
        self.left = count
        self._count = count
        self._low = 1
        self._flying = set()
        self._done = set()

    def take(self):
        while self._low in self._done:
            self._done.discard(self._low)
            self._low += 1
        seq = self._low
        while seq in self._flying or seq in self._done:
            seq += 1
        if seq > self._count:
            return None
        self._flying.add(seq)
        return seq

    def info(self, seq):
        return 1, 0, len(payload(seq))

    def read_into(self, seq, buf):
        data = payload(seq)
        buf[: len(data)] = data
        return len(data)

    def ack(self, seq):
        self._flying.discard(seq)
        self._done.add(seq)
        self.left -= 1

    def flush(self):
        pass

    def release(self, seq=None):
        self._flying.clear()


class Link:
    import socket

    def is_up(self):
        return True

    def suspect(self):
        pass


async def firmware():
    from umqtt import simple

    from firmware.uplink.service import MqttService

    start = []

    def changed(state):
        if state == "online" and not start:
            start.append(time.ticks_ms())

    settings = {"host": "127.0.0.1", "port": PORT, "client_id": "bench", "keepalive": 60}
    settings["window"] = WINDOW
    records = Records(COUNT)
    service = MqttService(
        simple, settings, records, Link(), lambda kind: "bench/t", lambda: None, None, 0, changed
    )
    task = asyncio.create_task(service.run())
    longest = 0
    last = time.ticks_ms()
    while records.left:
        await asyncio.sleep_ms(10)
        now = time.ticks_ms()
        longest = max(longest, time.ticks_diff(now, last) - 10)
        last = now
    ms = time.ticks_diff(time.ticks_ms(), start[0])
    task.cancel()
    return {"ms": ms, "reconnects": service.status()["reconnects"], "longest_ms": longest}


def robust():
    from umqtt import robust

    client = robust.MQTTClient(b"bench", "127.0.0.1", PORT, keepalive=60)
    client.connect()
    start = time.ticks_ms()
    for seq in range(1, COUNT + 1):
        client.publish(b"bench/t", payload(seq), qos=1)
    return {"ms": time.ticks_diff(time.ticks_ms(), start), "reconnects": 0, "longest_ms": 0}


found = robust() if WHO == "robust" else asyncio.run(firmware())
print(json.dumps(found))
