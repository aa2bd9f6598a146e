"""One connection through firmware/net/tls.py on MicroPython, as order.json says; prints what came of it as JSON."""

import asyncio
import json
import random
import socket
import sys
import time

from firmware.core import errors
from firmware.delivery.mqtt.packets import Guard, Stream
from firmware.net import connect, tcp, tls
from firmware.security import trust

with open(sys.argv[1]) as file:
    ORDER = json.load(file)


class Clock:
    known = ORDER.get("known", True)

    def utc(self):
        return int(time.time())


def pattern(at, size):
    return bytes((at + i) * 7 & 0xFF for i in range(size))


async def sent(covered, data):
    while data:
        data = data[tcp.now(covered.send, data) or 0 :]
        await asyncio.sleep_ms(2)


async def talk(covered, found):
    await sent(covered, b"hello")
    buffer = bytearray(64)
    while True:
        count = tcp.now(covered.recv_into, buffer)
        if count is not None:
            break
        await asyncio.sleep_ms(2)
    found["answer"] = bytes(buffer[:count]).decode()


async def pour(covered, found):
    """All that is offered after a refusal begins with what was refused, and is longer, as short or shorter."""
    total, most = 0, ORDER["bytes"]
    waiting = b""
    random.seed(ORDER["seed"])
    while total < most:
        if len(waiting) < 3000:
            waiting += pattern(total + len(waiting), random.getrandbits(10) + 1)
        count = tcp.now(covered.send, waiting[: random.getrandbits(12) + 1])
        if count is None:
            found["refused"] = found.get("refused", 0) + 1
            await asyncio.sleep_ms(1)
            continue
        total += count
        waiting = waiting[count:]
    found["total"] = total
    await ended(covered)


async def guarded(covered, found):
    """The same through what umqtt.simple writes to: its head() grows between two turns."""
    guard, stream = Guard(), Stream()
    stream.socket = covered
    total, most = 0, ORDER["bytes"]
    random.seed(ORDER["seed"])
    while total < most:
        if guard.room():
            piece = pattern(total, random.getrandbits(7 if random.getrandbits(2) else 11) + 1)
            guard.write(piece)
            total += len(piece)
        elif not stream.flush(guard):
            found["refused"] = found.get("refused", 0) + 1
            await asyncio.sleep_ms(1)
        if not random.getrandbits(3):
            stream.flush(guard)
    while not stream.flush(guard):
        await asyncio.sleep_ms(1)
    found["total"] = total
    await ended(covered)


async def ended(covered):
    """Wait until the server has read all and hangs up: close() alone would lose what the kernel has not sent."""
    buffer = bytearray(64)
    while True:
        try:
            if tcp.now(covered.recv_into, buffer) is not None:
                return
        except OSError:
            return
        await asyncio.sleep_ms(5)


async def main():
    found = {"fed": 0, "longest": 0}
    wanted = trust.Trust(
        ORDER["folder"],
        Clock(),
        ORDER.get("verify", "ca"),
        ORDER.get("roots", ["own"]),
        ORDER.get("pins", []),
        ORDER.get("client", "off"),
    )
    start = [time.ticks_ms()]

    def feed():
        found["fed"] += 1

    async def watch():
        while True:
            now = time.ticks_ms()
            found["longest"] = max(found["longest"], time.ticks_diff(now, start[0]))
            start[0] = now
            await asyncio.sleep_ms(1)

    watching = asyncio.create_task(watch())
    covered = sock = None
    try:
        wanted.ready()
        sock = socket.socket()
        if ORDER.get("bytes"):
            sock.setsockopt(1, 7, 8192)  # SOL_SOCKET, SO_SNDBUF: what the kernel takes, as little as lwIP
        address = connect.look_up(socket, "127.0.0.1", ORDER["port"])
        await connect.connect(sock, address, 5000, "127.0.0.1", ORDER["port"])
        covered = tls.Covered(sock, ORDER.get("host", "localhost"), wanted, feed)
        what = {"talk": talk, "pour": pour, "guarded": guarded}[ORDER.get("what", "talk")]
        await asyncio.wait_for(what(covered, found), ORDER.get("seconds", 20))
    except errors.BrokerError as error:
        found["code"] = error.args[0]
        found["words"] = str(error)
        from firmware.core import error_texts

        found["advice"] = list(error_texts.advice(error.why()))
    except (OSError, MemoryError, asyncio.TimeoutError) as error:
        found["error"] = "%s: %s" % (type(error).__name__, error)
    watching.cancel()
    found["moved"] = tcp.moved[0]
    found["pinned"], found["ends"] = wanted.pinned, wanted.ends
    if covered:
        found["shaking"] = covered.shaking
        covered.close()
    found["held"] = len(wanted._room)
    print(json.dumps(found))


asyncio.run(main())
