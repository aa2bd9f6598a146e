"""A service that fails starts again, whatever it failed with, and whatever fails while that is told."""

import pytest

from firmware import diag, supervise
from firmware.port import sleep_ms
from tests.host import virtual


class Failing:
    def __init__(self, lives, error):
        self.lives, self.error = lives, error

    async def run(self):
        self.lives.append(True)
        await sleep_ms(10)
        raise self.error


def lives_in(seconds, error):
    lives = []
    watched = supervise.Supervised("part", lambda: Failing(lives, error))

    async def main():
        import asyncio

        task = asyncio.create_task(watched.run())
        await sleep_ms(seconds * 1000)
        task.cancel()

    virtual.run(main())
    return len(lives), watched


@pytest.mark.parametrize("error", (ValueError("x"), OSError(5), MemoryError(), AttributeError("y")))
def test_whatever_it_fails_with(error):
    count, watched = lives_in(20, error)
    # 1, 2, 4 and 8 s between them.
    assert count == 5 and watched.restarts == 5
    assert watched.last_error.startswith(type(error).__name__)


def test_no_memory_even_for_the_words(monkeypatch):
    def full(line):
        raise MemoryError

    monkeypatch.setattr(diag, "sink", full)
    monkeypatch.setattr(supervise, "_show", full)
    count, watched = lives_in(20, MemoryError())
    assert count == 5 and watched.last_error == "out of memory"
