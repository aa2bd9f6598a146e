"""A board and a modem with a mix of faults by chance (tools/modem/weather.py): it comes up, stays up, and what it says
of its modem and takes from short messages is right.
`python -m tests.host.system.test_modem_weather FROM TO` tries more.
"""

import asyncio
import random
import sys

import pytest

from tests.host.support.virtual_modem import World, run_virtual
from tools.modem import weather

_ME = "+34600123456"
_LINE = "at^mtxtunnel=x_y,{[~]}|\\@"
_HOURS = 0.5
_MODELS = ("generic", "sim7600", "a7670", "ec25", "sim7000", "bg95", "lara-r6")


def wrong(seed):
    """What goes wrong with this seed, in words; empty: nothing."""
    chance = random.Random(seed)
    faults = weather.mix(chance)
    profile = chance.choice(_MODELS)
    sms = {"enabled": True, "numbers": [_ME], "reply": True}
    settings = {"pin": "1234", "model": "auto", "sms": sms, "keep_online_host": "8.8.8.8", "keep_online_period": 60}

    async def main():
        world = World(profile, faults, settings, pin="1234", seed=seed)
        clock = asyncio.get_running_loop().time
        start, up, asked = clock(), 0, 0
        while clock() - start < _HOURS * 3600:
            await asyncio.sleep(1)
            up += world.link.is_up()
            if world.link.is_up() and up % 600 == 300 and clock() - start < _HOURS * 3600 - 60:
                world.modem.sms(_ME, "mtx " + _LINE)
                asked += 1
        return world, up / (_HOURS * 3600), asked, int(world.epoch + clock() - start)

    world, up, asked, now = run_virtual(main)
    status, sim = world.link.status(), world.modem.sim
    facts = {"imei": world.modem.imei, "model": world.modem.profile["model"], "iccid": sim.iccid, "imsi": sim.imsi}
    facts["operator"] = "LOOPBACK TELECOM"
    found = ["%s %r" % (name, status[name]) for name in facts if status[name] != facts[name]]
    if up < 0.8:
        found.append("up %d %%: %s" % (up * 100, status["last_reason"]))
    if [utc for utc in world.times if not now - _HOURS * 3600 - 10 <= utc <= now]:
        found.append("times %s" % world.times)
    # Without CMUX a message waits for the next call.
    if {line for line, _ in world.ran} - {_LINE} or (world.link.mux and len(world.ran) != asked):
        found.append("ran %s, %d were sent" % (world.ran, asked))
    if sim.pin_attempts > 2 * world.modem.boots:
        found.append("%d PINs" % sim.pin_attempts)
    return "; ".join(found) and "%s: %s with %s" % (profile, "; ".join(found), dict(faults))


@pytest.mark.parametrize("seed", range(12))
def test_weather(seed):
    assert not wrong(seed)


def test_a_seed_decides_everything():
    assert weather.mix(random.Random(7)) == weather.mix(random.Random(7)) != weather.mix(random.Random(8))


if __name__ == "__main__":
    for number in range(int(sys.argv[1]), int(sys.argv[2])):
        print(number, wrong(number) or "well", flush=True)
