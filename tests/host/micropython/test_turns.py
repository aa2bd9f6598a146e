"""In a small heap what needs much of it goes one after the other: a meter's session, the parts of the modem's way up,
commands. And an import that ran out of memory leaves none of it taken.
"""

import asyncio
import subprocess
from types import SimpleNamespace

import pytest

from firmware.core import overlay
from firmware.core.compat import sleep_ms, ticks_diff, ticks_ms
from firmware.meters import readings, session
from firmware.meters.readings import kinds
from tests.host.support import virtual_time
from tests.host.support.record_format import record_format
from tests.host.support.virtual_modem import World, run_virtual
from tests.host.unit.commands.test_commands import OURS, Desk
from tools import build, micropython

_PARTS = ("wake", "bringup", "register", "dial")


@pytest.fixture
def short(monkeypatch):
    """Nothing fits beside anything else."""
    monkeypatch.setattr(overlay, "_short", lambda need: True)


def _in_use(names):
    return [name for name in names if overlay._users.get(name, [0])[0]]


async def _sessions(seen, seconds=1):
    """Sessions with a meter, a breath between them; what else was in memory with each goes into `seen`."""
    while True:
        with await overlay.turn("session"):
            seen.append(_in_use(_PARTS))
            await sleep_ms(seconds * 1000)
            seen[-1] += _in_use(_PARTS)
        await sleep_ms(50)


@pytest.mark.parametrize("cmux", [True, False])
def test_the_modem_comes_up_beside_sessions_and_never_with_one(short, cmux):
    async def main():
        seen = []
        task = asyncio.create_task(_sessions(seen))
        world = World("sim7600", settings={"cmux": cmux})
        await world.online(120)
        task.cancel()
        assert len(seen) > 2 and not any(seen), seen

    run_virtual(main)


def test_while_there_is_no_network_sessions_go_on(short):
    async def main():
        seen = []
        world = World("sim7600")
        world.modem.faults.set("no-signal")
        await world.until(lambda: world.link.state == "registering", 60)
        task = asyncio.create_task(_sessions(seen))
        await sleep_ms(60000)
        task.cancel()
        assert world.link.state == "registering"
        assert len(seen) > 15 and not any(seen), seen

    run_virtual(main)


def test_a_command_waits_for_the_session_without_whose_end_there_is_no_room(short):
    waited = []

    async def command():
        start = ticks_ms()
        with await overlay.turn("command"):
            waited.append(ticks_diff(ticks_ms(), start))

    async def main():
        with await overlay.turn("session"):
            task = asyncio.create_task(command())
            await sleep_ms(50000)
            assert not waited
        await task
        assert 50000 <= waited[0] < 51100

    virtual_time.run(main())


def test_whoever_waits_leaves_the_collector_alone(short, monkeypatch):
    looks = []
    monkeypatch.setattr(overlay, "tidy", lambda: looks.append(ticks_ms()))

    async def waits():
        with await overlay.turn("command"):
            pass

    async def main():
        with await overlay.turn("session"):
            task = asyncio.create_task(waits())
            looks.clear()
            await sleep_ms(10000)
            assert len(looks) <= 20
        start = ticks_ms()
        await task
        assert ticks_diff(ticks_ms(), start) < 100

    virtual_time.run(main())


def test_code_may_come_to_lie_where_a_piece_was_held_back(short):
    overlay.hold()
    assert len(overlay._held) == overlay._HELD
    with overlay.use("zone"):
        assert overlay._held is None
    assert len(overlay._held) == overlay._HELD
    overlay.running[0] += 1
    try:
        overlay.let_go()
        with overlay.use("zone"):
            pass
        overlay.hold()
        assert overlay._held is None  # the session may need it
    finally:
        overlay.running[0] -= 1
    overlay.let_go()


def test_getstatus_looks_for_secrets_with_code_that_is_loaded_once(short, monkeypatch):
    loads = []
    enter = overlay._enter

    def entered(name, *short):
        if name == "settings" and not overlay._users.get(name, [0])[0]:
            loads.append(name)
        return enter(name, *short)

    monkeypatch.setattr(overlay, "_enter", entered)
    lines = Desk().ok(OURS + "GETSTATUS")
    assert len(loads) < 8 < len(lines), (len(loads), len(lines))


def test_the_batch_of_a_session_lies_in_the_buffer_that_is_kept_for_records():
    kept = []

    def keep(batch):
        kept.extend((type(payload), bytes(payload)) for _, _, payload in batch)

    async def main():
        clock = SimpleNamespace(utc=lambda: 1)
        line = SimpleNamespace(format=record_format("86", "ID"), clock=clock, keep=keep, gate=None)
        meter = SimpleNamespace(log=True, ledger=SimpleNamespace(dirty=False))
        for kind in (readings.CURVE, readings.CLOSINGS):
            job = session.Job(line, meter, kinds.find(kind), None, None, bytearray(overlay.LARGEST))
            for number in range(20):
                job.out.begin()
                job.out.int("N", number)
                job.out.raw(" " * 300)
                await job.emit(job.out.end())
            await job.flush()

    virtual_time.run(main())
    records = [data.replace(b" ", b"") for _, data in kept]
    assert records == [b'{"N":%d}' % number for number in range(20)] * 2
    assert {kind for kind, _ in kept[:20]} == {memoryview} and {kind for kind, _ in kept[20:]} == {bytes}


FAILING = """
import gc
from firmware.core import overlay

def taken():
    gc.collect()
    return gc.mem_alloc()

def fail():
    with overlay.attempt:
        import heavy
        return
    return True

before = taken()
print(all([fail() for _ in range(3)]), taken() - before < 4000)
try:
    import heavy
except MemoryError:
    overlay.reclaim()
print(taken() - before < 4000)
"""
HEAVY = """
data = bytearray(300000)
raise MemoryError("as one of its imports would")
"""


def test_an_import_that_fails_leaves_nothing_in_the_heap(tmp_path):
    """MicroPython takes the key out of sys.modules and leaves the module in its place: the heap was full from then on,
    and each further session failed.
    """
    build.build()
    (tmp_path / "heavy.py").write_text(HEAVY)
    done = subprocess.run(
        micropython.command("-c", FAILING, heap=micropython.MIDDLE),
        cwd="/",
        env={"MICROPYPATH": "%s:%s:.frozen" % (build.DEVICE, tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.stdout.split("\n")[:-1] == ["True True", "True"], done.stdout + done.stderr
