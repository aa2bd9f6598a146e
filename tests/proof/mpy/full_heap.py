# Runs on MicroPython: argv = folder of the flash, turns, seed. The app with a silent meter, a console at which nobody
# types, a broker out of reach and a link of its own that fails now and then. Before each turn of the loop the heap is
# filled up to a random rest of 0 to 8 KB for a random time. Now and then it is emptied: within five minutes every
# service has to do its work again, in this life of the device or, where it was reset with a reason, in the next.
# Time is the clock's and what would only have been waited for. Prints JSON: turns, fills, resets (reason: how often),
# failures.
import json
import random
import sys

from rig import Ballast, Board, Link, Reset, asyncio, forget, skip, ticks, ticks_diff, use

ROOT, TURNS, SEED = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
REST = 8192
# Within such a time each service does something that is seen from outside: the longest wait is the meter's interval,
# after a back-off of a minute and the retries of a reading.
RECOVERY_MS = 300000
# What a board's watchdog waits for at most.
WATCHDOG_MS = 8000
random.seed(SEED)


class Zombie(BaseException):
    """A service does nothing any more and nobody noticed."""


class Heap(Ballast):
    """Before each turn of the loop: full, or left alone."""

    def __init__(self):
        super().__init__()
        self.turns = self.fills = 0
        self.left = 0
        self.full = self.rests = False
        self.begun = False  # the start is over, whatever is built then has been
        # What was last seen of each service, and of the watchdog.
        self.seen = dict.fromkeys(("meter", "console", "mqtt", "link"), 0)
        self.fed = ticks()
        self.rest_since = 0

    def wait_io_event(self, ms):
        skip(ms)
        now = ticks()
        if ticks_diff(now, self.fed) > WATCHDOG_MS:
            raise Zombie("the watchdog was not fed")
        if not self.begun:
            return
        if self.rests:
            self.look(now)
            return
        self.turns += 1
        self.left -= 1
        if self.left < 0:
            self.full = not self.full
            # For an instant, or for so long that a service fails many times.
            self.left = 1 + random.getrandbits(random.getrandbits(3))
            self.empty()
            if self.full:
                self.fills += 1
                self.fill(random.getrandbits(13) % REST)

    def have_rest(self):
        self.full, self.rests = False, True
        self.empty()
        self.rest_since = ticks()

    def look(self, now):
        """Whether all of them were seen since the rest began; too late for that: Zombie."""
        late = ticks_diff(now, self.rest_since) > RECOVERY_MS
        for name in self.seen:
            if ticks_diff(self.seen[name], self.rest_since) < 0:
                if late:
                    raise Zombie(name)
                return
        self.rests = False


heap = Heap()


class FailingLink(Link):
    async def run(self):
        for _ in range(random.getrandbits(6)):
            await asyncio.sleep_ms(random.getrandbits(8))
            held = bytearray(random.getrandbits(10))
            self.board.seen("link")
        raise ValueError("the link fails with %d bytes in its hands" % len(held))


class Watched(Board):
    def seen(self, name):
        heap.seen[name] = ticks()

    def link(self, config):
        return FailingLink(self)

    def feed(self):
        heap.fed = ticks()

    def led(self, code):
        heap.begun = True  # the app's watch has its turns

    def reset(self, reason):
        heap.empty()
        super().reset(reason)


SETTINGS = {
    "meter.0.enabled": True,
    "meter.0.interval": 1,
    "mqtt.enabled": True,
    "mqtt.broker": "tcp://nowhere",
}


last = []


def sink(line):
    last.append(line)
    if len(last) > 12:
        last.pop(0)


def start(board):
    """What main.py does at each start: (the app's module, the guard)."""
    from firmware.app import main as app
    from firmware.core import log
    from firmware.update import starts

    log.sink = sink
    return app, starts.begin(board)


resets = {}
failures = []
rests = 0
while True:
    use(heap)
    board = app = guard = main = None
    forget()
    board = Watched(ROOT, SETTINGS)
    heap.fed = ticks()
    heap.begun = False
    app, guard = start(board)
    if heap.rests:
        heap.rest_since = ticks()

    async def main(board=board, guard=guard, app=app):
        global rests
        running = asyncio.create_task(app.run(board, guard))
        while True:
            await asyncio.sleep_ms(100)
            if running.done():
                raise running.data
            if not heap.rests and heap.turns >= TURNS * (rests + 1) // 10:
                if rests == 10:
                    return
                rests += 1
                heap.have_rest()

    try:
        asyncio.run(main())
        break
    except Reset as reset:
        why = str(reset)
        resets[why] = resets.get(why, 0) + 1
    except Exception as error:  # main.py keeps it and resets the board
        heap.empty()
        why = "main: %s" % type(error).__name__
        resets[why] = resets.get(why, 0) + 1
        sys.print_exception(error)
    except Zombie as zombie:
        heap.empty()
        failures.append(str(zombie))
        print("\n".join(last))
        break
print(json.dumps({"turns": heap.turns, "fills": heap.fills, "resets": resets, "failures": failures}))
sys.exit(1 if failures else 0)
