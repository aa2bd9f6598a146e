"""What ran last, told after a reset."""

import asyncio
import sys
from types import SimpleNamespace

import pytest

from firmware.app import starting
from firmware.core import log
from firmware.core.compat import monotonic_s

LAYOUTS = {"rp2040": (("I", 4), ("I", 3)), "rp2350": (("I", 4), ("I", 3), ("I", 8)), "esp32": (("B", 2048),)}


@pytest.fixture(params=LAYOUTS)
def regions(request, monkeypatch):
    """Memory that survives; the cells that boot.py has are told apart."""
    found = tuple(
        memoryview(bytearray(size * (4 if kind == "I" else 1))).cast(kind) for kind, size in LAYOUTS[request.param]
    )
    monkeypatch.setitem(sys.modules, "machine", SimpleNamespace(mem_backup=lambda region=0: found))
    yield found
    log.cells = ()


def restart():
    log.cells = starting._cells()
    return starting._told()


def test_nothing_is_told_after_a_power_on(regions):
    assert restart() == ""


def test_the_task_and_the_last_line_are_told_once(regions):
    restart()

    async def service():
        log.warn("meter", "no answer from %s", 7)
        await asyncio.sleep(0)

    asyncio.run(asyncio.wait_for(_await(log.Marked(service(), "mqtt service")), 5))
    said = "task mqtt, line mete %04X, %%d s after the start" % log.number("no answer from %s")
    assert restart() in (said % monotonic_s(), said % (monotonic_s() - 1))
    assert restart() == ""


async def _await(marked):
    return await marked


def test_boot_s_cells_are_left_alone(regions):
    regions[0][len(regions[0]) - 1], regions[0][len(regions[0]) - 2] = 3, 0xA5
    restart()
    log.info("modem", "x")
    asyncio.run(_await(log.Marked(asyncio.sleep(0), "t")))
    assert (regions[0][len(regions[0]) - 1], regions[0][len(regions[0]) - 2]) == (3, 0xA5)


def test_no_word_needs_the_heap(regions):
    restart()
    for name in ("\x7f\x7f\x7f\x7f", "meter 1"):
        assert log._packed(name) < 1 << 30
    assert starting._MAGIC == log._MAGIC and log._MAGIC << 16 | 0xFFFF < 1 << 30


def test_without_such_memory_nothing_is_kept(monkeypatch):
    for machine in (SimpleNamespace(), None):
        monkeypatch.setitem(sys.modules, "machine", machine)
        assert restart() == ""
        log.info("modem", "x")
    monkeypatch.undo()


def test_a_cancelled_task_ends_as_without_the_mark():
    ended = []

    async def service():
        try:
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(0)
            ended.append(True)

    async def main():
        task = asyncio.ensure_future(_await(log.Marked(service(), "t")))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(ValueError):
            await log.Marked(_raise(), "t")
        return await log.Marked(_give(), "t")

    assert asyncio.run(main()) == 7 and ended


async def _raise():
    await asyncio.sleep(0)
    raise ValueError("x")


async def _give():
    return 7
