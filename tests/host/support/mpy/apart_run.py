"""diag.apart(): what comes of it, whose turns it counts as, and how it ends; on any Python. Prints `ok`."""

import asyncio

from firmware.app import starting
from firmware.core import log
from firmware.core.compat import sleep_ms

words = []
log.put = lambda index, value: words.append(starting._letters(value))
turned = []
ended = []


async def deep():
    await sleep_ms(0)
    words.clear()
    turned.clear()
    await sleep_ms(0)
    assert words[-1] == "mqtt" and turned, (words, turned)
    return 7


async def breaks():
    await sleep_ms(0)
    raise ValueError("x")


async def stays():
    try:
        while True:
            await sleep_ms(10)
    finally:
        await sleep_ms(0)
        ended.append("deep")


async def service(what):
    try:
        return await log.apart(what)
    finally:
        ended.append("service")


async def marked(what):
    return await log.Marked(service(what), "mqtt", lambda: turned.append(True))


async def main():
    assert await marked(deep()) == 7
    try:
        await marked(breaks())
        raise SystemExit("no error")
    except ValueError as error:
        assert error.args == ("x",)
    # Of a task that is not marked it is not marked either, be it that another has just had its turn.
    words.clear()
    assert await log.apart(seven()) == 7
    assert not words
    del ended[:]
    task = asyncio.create_task(marked(stays()))
    await sleep_ms(50)
    task.cancel()
    try:
        await task
        raise SystemExit("not cancelled")
    except asyncio.CancelledError:
        # What it had to clean up it has before the one that waits goes on.
        assert ended == ["deep", "service"], ended


async def seven():
    await sleep_ms(0)
    return 7


asyncio.run(main())
print("ok")
