# Runs on MicroPython: argv = who ("firmware" or "robust"), port, how many records, window, flash image.
# Prints {"ms", "reconnects", "longest_ms"}: from the moment the connection is up until the last PUBACK.
import asyncio
import json
import sys
import time

sys.path.insert(0, "build/device")
WHO, PORT, COUNT, WINDOW = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
FLASH = sys.argv[5]
# As long as a record of a meter reading.
FILLER = b"x" * 320


def payload(seq):
    return b"%d %s" % (seq, FILLER)


def filled(count):
    """The real log on a littlefs in a file, with `count` records waiting in it."""
    import vfs

    from firmware.boards.twin import FileFlash
    from firmware.recordlog.ring import Ring

    flash = FileFlash(FLASH, 256)
    vfs.VfsLfs2.mkfs(flash, progsize=32)
    vfs.mount(vfs.VfsLfs2(flash, progsize=32), "/drain")
    ring = Ring("/drain/log")
    ring.mount()
    for first in range(1, count + 1, 20):
        last = min(first + 20, count + 1)
        ring.append_many([(1, 0, payload(seq)) for seq in range(first, last)])
    return ring


class Link:
    import socket

    def is_up(self):
        return True

    def suspect(self):
        pass


async def firmware():
    from umqtt import simple

    from firmware.delivery.mqtt.service import MqttService

    start = []

    def changed(state):
        if state == "online" and not start:
            start.append(time.ticks_ms())

    settings = {"host": "127.0.0.1", "port": PORT, "client_id": "bench", "keepalive": 60}
    settings["window"] = WINDOW
    records = filled(COUNT)
    service = MqttService(simple, settings, records, Link(), lambda kind: "bench/t", lambda: None, None, 0, changed)
    task = asyncio.create_task(service.run())
    longest = 0
    last = time.ticks_ms()
    while records.stats()["depth"]:
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
