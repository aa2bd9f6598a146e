"""What the parser takes of MicroPython's heap."""

from tests.host.unit.iec102.test_vectors import ROOT
from tools import micropython, patience

ALLOCATION = """
import gc
from firmware.iec102 import ft12
parser = ft12.Parser()
noise = bytearray(10000)
for i in range(10000):
    noise[i] = (i * 37 + 11) & 0xFF
pieces = [memoryview(noise)[i:i + 500] for i in range(0, 10000, 500)]
def run():
    for piece in pieces:
        parser.feed(piece)
        while parser.next():
            pass
run()
gc.collect()
gc.disable()
before = gc.mem_alloc()
run()
print(gc.mem_alloc() - before)
"""


def test_no_allocation_per_byte_on_micropython(tmp_path):
    (tmp_path / "script.py").write_text(ALLOCATION)
    command = micropython.command(tmp_path / "script.py")
    done = patience.run(command, 60, env={"MICROPYPATH": "%s:.frozen" % ROOT})
    assert done.stdout, done.stderr
    # Twenty pieces of 500 bytes: a view or a compaction each, nothing for a byte.
    assert int(done.stdout) < 10000 * 2
