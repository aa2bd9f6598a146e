"""What runs on a computer: the twin, the simulators, the doctor, deployment, releases."""

import sys

# The simulators' codec is tried on MicroPython, too, which has none of these and needs none.
if sys.implementation.name == "cpython":
    import importlib.util
    import os
    import shlex

# What every tool and test may import; `make setup` brings it into .venv/.
_WANTED = ("mpremote", "paho", "serial", "amqtt")
# The make target that runs a tool, where there is one.
_TARGETS = {
    "tools.twin": "run",
    "tools.board": "deploy, make config, make console, ...",
    "tools.board.sim": "board-sim",
    "tools.build": "build",
    "tools.decode": "decode",
    "tools.docs": "docs",
    "tools.doctor": "doctor",
    "tools.fleet": "fleet",
    "tools.lib": "lib",
    "tools.pico": "pico",
    "tools.release": "release",
    "bench": "bench",
    "tests.proof": "proof",
}


def without_environment(words, where):
    """What to type in the place of `words` (a command line that another Python was given)."""
    module = words[words.index("-m") + 1] if "-m" in words[:-1] else ""
    rest = shlex.join(words[words.index("-m") + 2 :]) if module else ""
    typed = ".venv/bin/python -m " + " ".join(filter(None, (module or "tools.X", rest)))
    target = _TARGETS.get(module)
    text = "this Python (%s) does not have what the tools need: run %s" % (where, typed)
    if target:
        text += ", or make " + target
    return text + ("" if os.path.exists(".venv/bin/python") else " (make setup makes .venv first)")


if sys.implementation.name == "cpython" and not all(importlib.util.find_spec(name) for name in _WANTED):
    sys.exit(without_environment(getattr(sys, "orig_argv", sys.argv), sys.executable))
