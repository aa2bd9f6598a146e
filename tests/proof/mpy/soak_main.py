"""main.py of the twin in tests/proof/soak_twin.py: the firmware's own is begin.py beside it.

Prints `soak: BYTES` every ten seconds: what of the heap is in use after a collection.
"""

import asyncio
import gc

_EACH_S = 10
_run = asyncio.run


async def _look():
    while True:
        await asyncio.sleep(_EACH_S)
        gc.collect()
        print("soak:", gc.mem_alloc())


async def _both(firmware):
    looking = asyncio.create_task(_look())
    try:
        await firmware
    finally:
        looking.cancel()


asyncio.run = lambda firmware: _run(_both(firmware))

import begin  # noqa: E402, F401
