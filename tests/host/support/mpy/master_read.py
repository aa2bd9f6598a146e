# Read 163 through the pty: argv = pty, baud, link, point, password, how many sessions.
# Prints one JSON object: sessions (ms, bytes sent and received), raw answer, its objects, errors.
import asyncio
import gc
import json
import sys
import time

from firmware.boards.twin import PtyUart
from firmware.core.serial_port import SerialPort
from firmware.iec102.errors import Iec102Error
from firmware.iec102.master import LinkAddress, Master


def plain(value):
    if isinstance(value, dict):
        return {key: plain(v) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value.text() if hasattr(value, "text") else value


async def main(path, baud, link, point, password, times):
    port = SerialPort(PtyUart(path), baud)
    count = {">": 0, "<": 0}

    def trace(direction, data):
        count[direction] += len(data)

    master = Master(port, trace)
    address = LinkAddress(link, point, password)
    out = {"sessions": [], "failures": []}
    for _ in range(times):
        gc.collect()
        count[">"] = count["<"] = 0
        start = time.ticks_us()
        try:
            await master.open(address)
            answer = await master.read(162, 0, (192, 193, 194))
            out["raw"] = bytes(master.link.asdu).hex()
            out["objects"] = plain(answer.objects)
        except Iec102Error as error:
            out["failures"].append("%s: %s" % (type(error).__name__, error))
        await master.close()
        ms = time.ticks_diff(time.ticks_us(), start) / 1000
        out["sessions"].append([ms, count[">"], count["<"]])
    out["errors"] = master.errors
    out["repeats"] = master.link.repeats
    print(json.dumps(out))


asyncio.run(main(sys.argv[1], *[int(word) for word in sys.argv[2:]]))
