# Runs on MicroPython: argv = port, how many records, flash image. The real log on littlefs in a file, drained by the
# real service until nothing waits; the first start makes the file system and fills the log. Kill it at any moment.
import asyncio
import socket
import sys

import vfs

sys.path.insert(0, ".")
from umqtt import simple  # noqa: E402

from firmware.boards.twin import FileFlash  # noqa: E402
from firmware.log.ring import Ring  # noqa: E402
from firmware.uplink.service import MqttService  # noqa: E402

PORT, COUNT, FLASH = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]


class Link:
    socket = socket

    def is_up(self):
        return True

    def suspect(self):
        pass


def log():
    flash = FileFlash(FLASH, 128)
    try:
        vfs.mount(vfs.VfsLfs2(flash, progsize=32), "/crash")
    except OSError:
        vfs.VfsLfs2.mkfs(flash, progsize=32)
        vfs.mount(vfs.VfsLfs2(flash, progsize=32), "/crash")
    ring = Ring("/crash/log")
    ring.mount()
    while ring.last < COUNT:
        ring.append_many([(1, 0, b"%d " % (ring.last + n) + b"x" * 200) for n in range(1, 11)])
    return ring


async def main():
    ring = log()
    settings = {"host": "127.0.0.1", "port": PORT, "client_id": "crash", "keepalive": 60}
    service = MqttService(simple, settings, ring, Link(), lambda kind: "up", lambda: None)
    task = asyncio.create_task(service.run())
    while ring.stats()["depth"]:
        await asyncio.sleep_ms(20)
    task.cancel()


asyncio.run(main())
print("drained")
