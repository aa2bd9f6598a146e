"""The virtual clock beside real sockets."""

import asyncio
import os
import socket
import time

from firmware.core import compat
from tests.host.support import virtual_time


def test_real_sockets_and_threads_hold_the_clock():
    async def main():
        left, right = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=left)
        loop = asyncio.get_running_loop()

        def later():
            time.sleep(0.05)
            os.write(right.fileno(), b"hello")
            return "done"

        result = await loop.run_in_executor(None, later)
        data = await reader.readexactly(5)
        writer.close()
        right.close()
        return result, data, compat.ticks_ms()

    assert virtual_time.run(main()) == ("done", b"hello", 0)
