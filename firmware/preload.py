"""Loads what comes and goes all the time once, before anything else is in the heap; for boards that let it go.

MicroPython keeps each name it has ever loaded, in small pieces where there just was room. With the first session and
the first command those would come to lie between what was in use then, and leave no large piece for the next ones.
"""

from firmware.core import overlay


def load():
    # Each in a frame of its own, which holds what it has loaded.
    for step in (_session, _readings, _grammar, _commands, _rights, _settings, _rest):
        step()
        overlay.reclaim()


def _session():
    with overlay.use("session"):
        from firmware.iec102 import instant, simple, totals  # noqa: F401
        from firmware.meter import session  # noqa: F401


def _readings():
    with overlay.use("session"):
        from firmware.readings import closings, curve, facts, instant  # noqa: F401


def _grammar():
    with overlay.use("grammar"):
        from firmware.commands import parser  # noqa: F401


def _commands():
    with overlay.use("command"):
        from firmware.commands import basic, readings, runner, setup  # noqa: F401


def _rights():
    with overlay.use("rights"):
        from firmware.commands import leave  # noqa: F401


def _settings():
    with overlay.use("change"):
        from firmware.config import changes  # noqa: F401


def _rest():
    with overlay.use("login"):
        from firmware.uplink import login  # noqa: F401
    with overlay.use("segments"):
        from firmware.log import segments  # noqa: F401
    with overlay.use("find"):
        from firmware.log import find  # noqa: F401
    with overlay.use("status"):
        from firmware import appwork  # noqa: F401
