"""Started by MicroPython after boot.py: runs the app; says, keeps and survives what ends it."""

import sys
import time


def _keep(error):
    """Write the traceback where it survives the reset; nothing in here may fail on its own
    account.
    """
    try:
        from firmware import safestart

        safestart.crashed(error)
    except Exception as second:  # the version itself is broken: all that is left is to say so
        print("main: the crash could not be kept: %s" % second)


def _interrupted():
    """Ctrl-C: leave the REPL alone, with a quiet watchdog and room to work in."""
    try:
        from firmware import safestart

        return safestart.interrupted()
    except Exception as error:  # a version that cannot be imported has no watchdog running either
        print("main: %s" % error)
        return None


try:
    from firmware import app

    app.start()
except KeyboardInterrupt:
    app = None
    _held = _interrupted()
    print("main: stopped; machine.reset() starts the firmware again")
except Exception as error:
    if hasattr(sys, "print_exception"):
        sys.print_exception(error)
    _keep(error)
    import machine

    if not hasattr(machine, "reset"):
        raise  # the twin: whoever started it wants to see this
    print("main: restarting in 3 s; Ctrl-C stops that")
    time.sleep(3)
    machine.reset()
