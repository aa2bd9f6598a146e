"""Started by MicroPython after boot.py: runs the app; says, keeps and survives what ends it."""

import asyncio
import gc
import sys
import time


def _keep(error):
    """Write the traceback where it survives the reset; nothing in here may fail on its own
    account.
    """
    try:
        from firmware.update import safestart

        safestart.crashed(error)
    except Exception as second:  # the version itself is broken: all that is left is to say so
        print("main: the crash could not be kept: %s" % second)


def _interrupted():
    """After Ctrl-C: a quiet watchdog at the REPL and, for a deployment, all the app's memory."""
    safestart = sys.modules.get("firmware.update.safestart")
    held = safestart.interrupted() if safestart else None
    # These two hold every task, and each task its service.
    asyncio.new_event_loop()
    asyncio.core.cur_task = None
    for name in list(sys.modules):
        if name.split(".")[0] in ("firmware", "umqtt"):
            del sys.modules[name]
    gc.collect()
    return held


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
