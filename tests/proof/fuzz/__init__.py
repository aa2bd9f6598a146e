"""What comes from outside, mutated: nothing but a module's own errors comes out, in bounded steps and memory.

A module here is a kind of input. Its `Target(generator)` has `make()`, the next input, and `run(given)`, which returns
a word for what became of it ("taken", "refused", …) and raises what should never come out; AssertionError where a
bound or a promise was broken. `COUNT` inputs are run by `make proof`, `SAMPLE` by a test; `HEAP` bytes are the most
that CPython may take for one of them beyond what the Target had.

    python -m tests.proof.fuzz frames 17

runs the chunk 17 of the kind `frames` once more, in this process; `all` for its number is the whole kind.
"""

import collections
import concurrent.futures
import importlib
import random
import signal
import sys
import tracemalloc

from tools import patience

KINDS = (
    "frames", "sessions", "lines", "tags", "messages", "heads", "packets", "configs", "packs", "logs", "ledgers",
    "audits",
)  # fmt: skip
SEED = 102
# Inputs of one Target.
CHUNK = 2000
# One input of so many has its memory counted, which takes several times as long.
_MEASURED = 40
# Seconds of computing (not of the wall clock) after which an input counts as endless: what counts its own steps ends
# long before.
_ENDLESS_S = 30


class Fault(AssertionError):
    """An input that did what none may do."""


class Endless(Exception):
    """An input has kept the processor busy for too long."""


def run(kind, chunk, count):
    """`count` inputs of a kind: a Counter of what became of them, and "heap", the most bytes one took. Fault."""
    module = importlib.import_module("%s.%s" % (__name__, kind))
    target = module.Target(random.Random("%d %s %d" % (SEED, kind, chunk)))
    found = collections.Counter()
    heap = 0
    before = signal.signal(signal.SIGVTALRM, _endless)
    try:
        for number in range(count):
            given = target.make()
            measured = number % _MEASURED == _MEASURED - 1
            if measured:
                tracemalloc.start()
            signal.setitimer(signal.ITIMER_VIRTUAL, _ENDLESS_S)
            try:
                became = target.run(given)
                heap = max(heap, tracemalloc.get_traced_memory()[1] if measured else 0)
                assert heap <= module.HEAP, "%d bytes of memory" % heap
            except Exception as error:
                text = "%s, chunk %d, input %d: %r\n%r" % (kind, chunk, number, error, given)
                raise Fault(text) from error
            finally:
                signal.setitimer(signal.ITIMER_VIRTUAL, 0)
                if measured:
                    tracemalloc.stop()
            found[became] += 1
    finally:
        signal.signal(signal.SIGVTALRM, before)
        if hasattr(target, "close"):
            target.close()
    # A session of a meter has several frames.
    found["inputs"] = getattr(target, "count", count)
    return found, heap


def _endless(*_):
    raise Endless()


def sample(kind):
    """The few of a test."""
    return run(kind, 0, importlib.import_module("%s.%s" % (__name__, kind)).SAMPLE)


def proof(kinds=KINDS):
    figures, failed = {}, []
    with concurrent.futures.ProcessPoolExecutor(patience.cores()) as pool:
        for kind in kinds:
            found, heap, faults = _whole(pool, kind)
            failed += faults
            words = ", ".join("%d %s" % (found[word], word) for word in sorted(found) if word != "inputs")
            figures[kind] = "%d inputs: %s; %d bytes at most" % (found["inputs"], words, heap)
            print("      %s: %s" % (kind, figures[kind]), flush=True)
    assert not failed, "\n".join(failed)
    return {"inputs": sum(int(text.split()[0]) for text in figures.values())}


def _whole(pool, kind):
    """All inputs of a kind: (what became of them, bytes, faults)."""
    wanted = importlib.import_module("%s.%s" % (__name__, kind)).COUNT
    found, heap, faults, chunk = collections.Counter(), 0, [], 0
    running = set()
    while (found["inputs"] < wanted and len(faults) < 3) or running:
        while len(running) < 2 * patience.cores() and found["inputs"] < wanted and len(faults) < 3:
            running.add(pool.submit(run, kind, chunk, CHUNK))
            chunk += 1
        done, running = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
        for each in done:
            try:
                counted, most = each.result()
                found += counted
                heap = max(heap, most)
            except Fault as fault:
                faults.append(str(fault))
                print(fault, file=sys.stderr, flush=True)
    return found, heap, faults
