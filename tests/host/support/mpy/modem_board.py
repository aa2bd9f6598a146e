"""A board with a modem, on MicroPython's unix port: argv[1] is a JSON file, answers go to stdout
as JSON lines.

Keys: pty, control, settings, wires (which pins), actions: a list of [what, ...]: ["online", s],
["down", s], ["control", line], ["sleep", s], ["command", line], ["status"], ["tcp", port],
["settle", s]. With `meter`, too, a meter is read all the while (modem_meter.py).
"""

import asyncio
import gc
import json
import socket
import sys

import network

sys.path[:0] = ["build/device", "build/device/lib", "tests/host/support/mpy"]
from cores import Limit, Waits  # noqa: E402

from firmware.boards.modem_twin import Uart, Wires  # noqa: E402
from firmware.core import log  # noqa: E402
from firmware.core.compat import ticks_diff, ticks_ms  # noqa: E402

log.sink = lambda line: print("#", line)


def tell(**what):
    print(json.dumps(what))


class Store(dict):
    gate = None

    def set(self, key, value):
        self[key] = value


class Ticker:
    """A turn every 10 ms; the longest gap is how long anything here, not the machine, has held it up."""

    def __init__(self):
        self.longest = 0
        self.turns = 0

    async def run(self):
        waits = Waits()
        last, waited = ticks_ms(), waits.stood_ms()
        while True:
            await asyncio.sleep_ms(10)
            chip = network.PPP.chip
            now, stood = ticks_ms(), waits.stood_ms() + (chip.away_us // 1000 if chip else 0)
            self.longest = max(self.longest, ticks_diff(now, last) - 10 - (stood - waited))
            last, waited = now, stood
            self.turns += 1


async def wait(condition, seconds):
    start, till = ticks_ms(), Limit(seconds)
    while not condition():
        if till.ran_out():
            return -1
        await asyncio.sleep_ms(20)
    return ticks_diff(ticks_ms(), start)


async def exchange(link, port):
    """Send a line over the link's sockets and read it back; what came, or the error."""
    sock = link.socket.socket()
    try:
        sock.setblocking(False)
        address = link.socket.getaddrinfo("127.0.0.1", port)[0][-1]
        await again(lambda: sock.connect(address))
        sock.send(b"hello over the link\n")
        return (await again(lambda: sock.recv(64))).decode()
    except OSError as error:
        return "error %s" % error
    finally:
        sock.close()


async def again(step):
    """What `step` answers once the socket does not say "later" any more, for three seconds."""
    till = Limit(3)
    while True:
        try:
            return step()
        except OSError as error:
            code = error.args[0]
            if code == 106:
                return None  # connected
            if till.ran_out() or code not in (11, 114, 115):
                raise
        await asyncio.sleep_ms(20)


async def act(link, wires, what, rest, reading):
    if what == "online":
        tell(online=await wait(link.is_up, rest[0]))
    elif what == "down":
        tell(down=await wait(lambda: not link.is_up(), rest[0]), reason=link.status()["last_reason"])
    elif what == "state":
        tell(state=await wait(lambda: link.state == rest[0], rest[1]))
    elif what == "failures":
        tell(failures=await wait(lambda: link.ladder.failures >= rest[0], rest[1]))
    elif what == "control":
        tell(control=wires.ask(rest[0]))
    elif what == "sleep":
        await asyncio.sleep_ms(int(rest[0] * 1000))
    elif what == "command":
        tell(command=await link.command(rest[0]))
    elif what == "suspect":
        link.suspect()
    elif what == "status":
        tell(status=link.status())
    elif what == "tcp":
        tell(tcp=await exchange(link, rest[0]))
    elif what == "settle":
        tell(waiting=await reading.settle(rest[0]))


async def main(setup):
    gc.collect()
    before = gc.mem_alloc()
    from firmware.net.modem.at import AtChannel  # noqa: F401
    from firmware.net.modem.link import Session  # noqa: F401

    gc.collect()
    loaded = gc.mem_alloc() - before
    wires = Wires(setup["control"])
    chosen = {name: getattr(wires, name) for name in setup["wires"]}
    uart = Uart(setup["pty"])
    ran = []

    async def execute(line, channel):
        ran.append((line, channel))
        return line + "\nOK"

    times = []
    from firmware.net.modem import prepare

    link = prepare.link(
        uart,
        network.PPP,
        setup["settings"],
        socket,
        Store(),
        execute=execute,
        on_time=times.append,
        **chosen,
    )
    ticker = Ticker()
    reading = None
    if setup.get("meter"):
        from modem_meter import Reading

        reading = Reading(setup, link)

    async def service():
        try:
            await link.run()
        except Exception as error:  # said aloud, then the supervisor of the app would restart it
            sys.print_exception(error)
            raise

    tasks = [asyncio.create_task(service()), asyncio.create_task(ticker.run())]
    if reading:
        tasks += [asyncio.create_task(reading.run()), asyncio.create_task(reading.mqtt.run())]
    await asyncio.sleep_ms(0)
    for action in setup["actions"]:
        await act(link, wires, action[0], action[1:], reading)
    gc.collect()
    if reading:
        # Some scenarios are over sooner than the meter has been read a few times.
        till = Limit(10)
        while reading.read < 3 and not till.ran_out():
            await asyncio.sleep_ms(20)
        tell(
            read=reading.read,
            failed=reading.failed,
            pause=reading.pause,
            stats=reading.ring.stats(),
        )
    tell(
        longest=ticker.longest,
        turns=ticker.turns,
        loaded=loaded,
        heap=gc.mem_alloc() - before,
        ran=ran,
        times=times,
        done=True,
    )
    for task in tasks:
        task.cancel()


with open(sys.argv[1]) as file:
    setup = json.load(file)
asyncio.run(main(setup))
