"""A mix of what goes wrong between a reader and its meters on an ordinary day, by chance from a seed.

All of it passes: each trouble has its end, and whoever reads must then have everything, or have told what is missing.
What only a person can mend (a wrong password, a cut cable for good) is no weather.
"""

import random

_CALM_S = (120, 2400)
_ROUGH_S = (30, 1500)
_WAYS = ("13", "14", "15", "17", "18", "nack", "busy", "silent")
_REFUSABLE = ("190", "123", "102/53", "102/55", "162", "162.193", "162.194", "133", "134")


def _line(chance):
    """Trouble of the line, which all its meters have."""
    kinds = ("drop", "corrupt", "noise", "half")
    return "%s %.2f" % (chance.choice(kinds), chance.uniform(0.02, 0.25))


def _manner(chance):
    """An odd manner of a meter."""
    return chance.choice((
        lambda: "refuse %s=%s" % (chance.choice(_REFUSABLE), chance.choice(_WAYS)),
        lambda: "twice on",
        lambda: "again on",
        lambda: "short on",
        lambda: "strict on",
        lambda: "midnight24 on",
        lambda: "no-end on",
        lambda: "no-confirm on",
        lambda: "stop %d" % chance.randint(1, 20),
        lambda: "vsq %d" % chance.choice((0, 1, 5, 127)),
        lambda: "shift %d" % chance.choice((1, 8, 184)),
        lambda: "leave-out %d" % chance.choice((192, 193, 194, 20)),
    ))()  # fmt: skip


def story(seed, seconds, links=(1,)):
    """[(second, an order of tools.meter)] by time; the last one clears up before `seconds` are over.

    The first of `links` is the meter that is off its line now and then.
    """
    chance = random.Random(seed)
    found, at = [], chance.uniform(*_CALM_S)
    while at < seconds - _ROUGH_S[1]:
        until = at + chance.uniform(*_ROUGH_S)
        kind = chance.random()
        if kind < 0.25:
            found += [(at, "unplug %d" % links[0]), (until, "plug %d" % links[0])]
        elif kind < 0.6:
            found += [(at, _manner(chance)), (until, "clear")]
        elif kind < 0.9:
            found += [(at, _line(chance)), (until, "clear")]
        else:
            found += [(at, "delay %d" % chance.randint(100, 1500)), (until, "clear")]
        at = until + chance.uniform(*_CALM_S)
    return found
