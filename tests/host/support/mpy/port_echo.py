# Echo what comes over the pty named in argv until "stop"; print time-outs, reads and turns of
# another task.
import asyncio
import sys

from firmware.boards.twin import PtyUart
from firmware.core.serial_port import SerialPort


async def main():
    line = SerialPort(PtyUart(sys.argv[1]), 9600)
    turns = 0

    async def other():
        nonlocal turns
        while True:
            await asyncio.sleep_ms(100)
            turns += 1

    task = asyncio.create_task(other())
    buf = bytearray(300)
    print("ready")
    timeouts = reads = 0
    while True:
        n = await line.readinto(buf, 100)
        if not n:
            timeouts += 1
            continue
        reads += 1
        await line.send(memoryview(buf)[:n])
        if bytes(buf[:n]) == b"stop":
            break
    task.cancel()
    print(timeouts, reads, turns)


asyncio.run(main())
