# Runs on MicroPython: argv = flash image, port, how many records, window. The real log on littlefs in a file, drained
# by the real uplink until nothing waits; filled first when the image is new. Prints a line when it begins.
import asyncio
import os
import socket
import sys

import vfs

sys.path.insert(0, "build/device")
from umqtt import simple  # noqa: E402

from firmware.boards.twin import FileFlash  # noqa: E402
from firmware.delivery.mqtt.service import MqttService  # noqa: E402
from firmware.recordlog.ring import Ring  # noqa: E402

IMAGE, PORT, COUNT, WINDOW = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])


class Link:
    socket = socket

    def is_up(self):
        return True

    def suspect(self):
        pass


def opened():
    try:
        os.stat(IMAGE)
        new = False
    except OSError:
        new = True
    flash = FileFlash(IMAGE, 128)
    if new:
        vfs.VfsLfs2.mkfs(flash, progsize=32)
    vfs.mount(vfs.VfsLfs2(flash, progsize=32), "/drain")
    ring = Ring("/drain/log")
    ring.mount()
    if new:
        ring.append_many([(1, 0, b"%d" % seq) for seq in range(1, COUNT + 1)])
    return ring


async def main():
    ring = opened()
    settings = {"host": "127.0.0.1", "port": PORT, "client_id": "drain", "keepalive": 60}
    settings["window"] = WINDOW
    service = MqttService(simple, settings, ring, Link(), lambda kind: "drain/t", lambda: None)
    task = asyncio.create_task(service.run())
    while ring.stats()["depth"]:
        await asyncio.sleep_ms(10)
    task.cancel()
    print("drained")


asyncio.run(main())
