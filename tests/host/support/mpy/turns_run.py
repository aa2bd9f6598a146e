"""What commands do in one turn of the loop: prints of each its name, the most modules (packages aside) it loaded in
one, the most lines its answer it gave in one, and how many turns it took.
"""

import asyncio
import builtins
import sys

from firmware.commands.dispatcher import Channel, Processor
from firmware.core.compat import sleep_ms
from tests.host.support.fake_device import Device

turn = 0
loaded = []  # the turn of each module that was loaded
_import = builtins.__import__
_depth = [0]


def load(name, *more):
    """As __import__, which the others call through: what is there afterwards and was not before was loaded."""
    if _depth[0]:
        return _import(name, *more)
    _depth[0] = 1
    before = set(sys.modules)
    try:
        return _import(name, *more)
    finally:
        _depth[0] = 0
        new = [each for each in sys.modules if each not in before]
        loaded.extend(turn for each in new if not hasattr(sys.modules[each], "__path__"))


def most(turns):
    return max([turns.count(each) for each in turns] or (0,))


async def count():
    global turn
    while True:
        turn += 1
        await sleep_ms(0)


async def main():
    counting = asyncio.create_task(count())
    channel = Channel("console", "console.commands", person=True)
    processor = Processor(Device())
    processor.release()
    for name in sys.argv[1:]:
        lines = []

        async def write(data, lines=lines):
            if data == channel.end:
                lines.append(turn)

        loaded.clear()
        since = turn
        await sleep_ms(0)
        await processor.execute(name if name == "AT" else "AT^MTXTUNNEL=" + name, channel, write)
        # The empty line and OK are no lines of their own.
        print(name, most(loaded), most(lines[:-2]), turn - since)
    counting.cancel()


builtins.__import__ = load
asyncio.run(main())
