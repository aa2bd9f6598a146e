# Runs on MicroPython: argv = who ("firmware" or "single"), port, how many records, records in a request, flash image,
# whether with TLS.
# Prints {"ms", "longest_ms"}: from the start of the service, or of the first connection, to the last answer.
import asyncio
import json
import sys
import time

sys.path.insert(0, "build/device")
WHO, PORT, COUNT, BATCH, FLASH = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
SECURE = sys.argv[6:] == ["tls"]
# As long as a record of a meter reading.
FILLER = "x" * 300


def payload(seq):
    return b'{"IMEI":"860000000000001","N":%d,"X":"%s"}' % (seq, FILLER)


def filled(count):
    """The real log on a littlefs in a file, with `count` records waiting in it, and the cursor of HTTP."""
    import vfs

    from firmware.boards.twin import FileFlash
    from firmware.recordlog.kept import Kept
    from firmware.recordlog.ring import Ring

    flash = FileFlash(FLASH, 256)
    vfs.VfsLfs2.mkfs(flash, progsize=32)
    vfs.mount(vfs.VfsLfs2(flash, progsize=32), "/drain")
    ring = Ring("/drain/log")
    cursor = Kept(ring, "http")
    ring.mount()
    cursor.mount()
    for first in range(1, count + 1, 20):
        last = min(first + 20, count + 1)
        ring.append_many([(1, 0, payload(seq)) for seq in range(first, last)])
    return cursor


class Link:
    import socket

    def is_up(self):
        return True

    def suspect(self):
        pass


class Device:
    link = Link()
    mqtt = None

    class board:
        def feed():
            pass

    class clock:
        known = True

        def utc():
            return 0


async def firmware():
    from firmware.core.flash_gate import Gate
    from firmware.delivery.sender import Sender

    cursor = filled(COUNT)
    Device.gate = Gate()
    settings = {
        "enabled": True, "probe": False, "host": "127.0.0.1", "port": PORT, "path": "/in", "trust": None, "user": "",
        "password": "", "form": "titan", "timeout": 20, "mode": "post-json", "batch": BATCH, "order": "fifo",
        "tries": 3, "header1": "", "header2": "",
    }  # fmt: skip
    if SECURE:
        # Who is there costs the same arithmetic, whether it is believed or not.
        from firmware.security.trust import Trust

        settings["trust"] = Trust("", Device.clock, "none", [])
    sender = Sender("http", settings, cursor, Device)
    start = last = time.ticks_ms()
    task = asyncio.create_task(sender.run())
    longest = 0
    while cursor.depth():
        await asyncio.sleep_ms(10)
        now = time.ticks_ms()
        longest = max(longest, time.ticks_diff(now, last) - 10)
        last = now
    ms = time.ticks_diff(time.ticks_ms(), start)
    task.cancel()
    return {"ms": ms, "longest_ms": longest}


def single():
    import socket

    address = socket.getaddrinfo("127.0.0.1", PORT)[0][-1]
    start = time.ticks_ms()
    for seq in range(1, COUNT + 1):
        body = b"[" + payload(seq) + b"]"
        sock = socket.socket()
        sock.connect(address)
        if SECURE:
            import ssl

            sock = ssl.wrap_socket(sock)
        sock.write(
            b"POST /in HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        )
        while sock.read(512):
            pass
        sock.close()
    return {"ms": time.ticks_diff(time.ticks_ms(), start), "longest_ms": 0}


found = single() if WHO == "single" else asyncio.run(firmware())
print(json.dumps(found))
