"""What the turns that come all the time leave to the collector: a Pico W takes 20 to 40 ms for each of its rounds."""

from pathlib import Path

from tools import micropython, patience

ROOT = Path(__file__).resolve().parents[3]
_RUN = """
import gc
from firmware.delivery.publisher import Publisher
from firmware.net.modem import dial, prepare

class Uart:
    takes = 10000
    def any(self):
        return 0
    def write(self, piece):
        return min(len(piece), self.takes)

class Session:
    flying = dict.fromkeys(range(8))
    banned = ()
    def room(self):
        return True

uart = Uart()
mux = prepare.make_mux(uart)
dial.restart_mux(mux, 127)
ring = mux.channels[1].buffer
piece = bytes(127)
publisher = Publisher(Session(), None, None)
settings = {"window": 8, "qos": 1}

def idle():
    mux.poll()

def frame():
    ring.write(piece)
    mux.poll()

def slow():
    uart.takes = 50  # what is left is moved to the front again and again
    ring.write(piece)
    mux.poll()
    mux.poll()
    mux.poll()

def window_full():
    publisher.offer(settings)

gc.collect()
gc.disable()
for function in (idle, frame, slow, window_full):
    function()
    before = gc.mem_alloc()
    for _ in range(10):
        function()
    print(function.__name__, (gc.mem_alloc() - before) // 10)
"""


def test_turns_of_the_line_and_of_a_full_window():
    done = patience.run([*micropython.command(), "-c", _RUN], 60, cwd=ROOT)
    found = {name: int(count) for name, count in (line.split() for line in done.stdout.splitlines())}
    assert set(found) == {"idle", "frame", "slow", "window_full"}, done.stderr
    # A view has 32 bytes here, half of that on a board; a frame had 320, and a copy of what waited in the queue.
    assert found["idle"] == found["window_full"] == 0
    assert found["frame"] <= 96
    assert found["slow"] <= 256
