"""Flash writes wait for the moments in which no meter speaks."""

import asyncio

from firmware.core.flash_gate import Gate


def test_open_gate_does_not_wait_and_closed_one_waits_for_all():
    async def play():
        gate, order = Gate(), []
        await gate.wait()
        gate.close()
        gate.close()

        async def writer():
            await gate.wait(5000)
            order.append("write")

        task = asyncio.create_task(writer())
        await asyncio.sleep(0.01)
        gate.open()
        await asyncio.sleep(0.01)
        order.append("one open")
        gate.open()
        await gate.pause()
        order.append("all open")
        await task
        return order, gate.forced

    assert asyncio.run(play()) == (["one open", "write", "all open"], 0)


def test_a_line_that_never_falls_silent_holds_the_log_up_only_so_long():
    async def play():
        gate = Gate()
        gate.close()
        await gate.wait(20)
        return gate.forced

    assert asyncio.run(play()) == 1
