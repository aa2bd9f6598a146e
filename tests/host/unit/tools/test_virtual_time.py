"""The virtual clock must be exact, must not hang, and must let real files through."""

import asyncio
import time

import pytest

from firmware.core import compat
from tests.host.support import virtual_time


def test_a_month_passes_at_once_and_exactly():
    async def month():
        wakes = []

        async def ticker():
            for _ in range(30 * 24 * 4):
                await compat.sleep_ms(900_000)
                wakes.append((compat.ticks_ms(), virtual_time.utc()))

        await ticker()
        return wakes

    began = time.process_time()
    wakes = virtual_time.run(month(), start_utc=1_700_000_000)
    assert time.process_time() - began < 20
    assert wakes == [((i + 1) * 900_000, 1_700_000_000 + (i + 1) * 900) for i in range(2880)]


def test_no_millisecond_is_lost_to_rounding():
    async def sums():
        seen = []
        for ms in (7, 100, 570, 1, 290, 580, 33, 3) * 500:
            before = compat.ticks_ms()
            await compat.sleep_ms(ms)
            seen.append(compat.ticks_ms() - before - ms)
        return seen

    assert set(virtual_time.run(sums())) == {0}


def test_timeouts_fire_in_order():
    async def main():
        order = []

        async def note(ms):
            await compat.sleep_ms(ms)
            order.append(ms)

        await asyncio.gather(*(note(ms) for ms in (500, 20, 3_600_000, 21)))
        with pytest.raises(asyncio.TimeoutError):
            await compat.wait_for_ms(asyncio.Event().wait(), 1500)
        return order, compat.ticks_ms()

    assert virtual_time.run(main()) == ([20, 21, 500, 3_600_000], 3_601_500)


def test_a_program_that_can_never_go_on_is_stuck():
    async def wait():
        await asyncio.Event().wait()

    with pytest.raises(virtual_time.Stuck):
        virtual_time.run(wait())


def test_a_program_that_never_ends_is_stopped_and_cleaned_up():
    cleaned = []

    async def forever():
        try:
            while True:
                await compat.sleep_ms(1000)
        finally:
            await compat.sleep_ms(10)
            cleaned.append(compat.ticks_ms())

    with pytest.raises(virtual_time.TooLong):
        virtual_time.run(forever(), limit_s=100)
    assert len(cleaned) == 1


def test_an_error_comes_out_and_left_over_tasks_end():
    ended = []

    async def background():
        try:
            await compat.sleep_ms(10**9)
        finally:
            ended.append(True)

    async def main():
        task = asyncio.create_task(background())
        await compat.sleep_ms(1)
        raise KeyError(task.done())

    with pytest.raises(KeyError):
        virtual_time.run(main())
    assert ended == [True]


def test_wall_clock_follows_when_asked():
    async def main():
        await compat.sleep_ms(86_400_000)
        return int(time.time())

    assert virtual_time.run(main(), start_utc=1_800_000_000, wall=True) == 1_800_086_400
    assert abs(time.time() - virtual_time.run(main())) < 100
