"""The firmware: everything that runs on the board. See docs/architecture.md for what may import what.

`const()` needs no import: it is a word of MicroPython's compiler, which puts the value where the name stands. CPython
is given it here.

On a board this is the first module that is read of a version. What lies on the root of a flash is never updated, so a
board keeps the packfs.mpy it was deployed with. One that knows of no window could read none of the other modules: the
version brings a packfs.mpy of its own, which takes its place. Nothing is known of the old one but what boot.py
calls, and that it keeps its path: the names within were others in each version.
"""

import sys

if sys.implementation.name != "micropython":
    import builtins

    builtins.const = lambda value: value
elif __file__.startswith("/app/"):  # a pack is mounted, not the folder of a build
    from packfs import mounted as _old

    if _old and not hasattr(_old, "window"):
        from firmware import packfs

        packfs.replace(_old)
    del _old
