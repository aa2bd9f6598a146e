"""Diagnostic lines: three levels, one sink.

`sink` is a function of one str; the app points it at the console (and later at a file). Lines carry the
seconds since start, a level letter and the name of the source: `   12.345 I meter: read ok`.
"""

from firmware import lastrun
from firmware.core import overlay
from firmware.port import ticks_diff, ticks_ms

_start = ticks_ms()
sink = print


def _line(level, source, text, args):
    # In a full heap a line less: whoever says something there has more important things to do.
    with overlay.attempt:
        lastrun.line(source, text)
        if args:
            text = text % args
        ms = ticks_diff(ticks_ms(), _start)
        sink("%5d.%03d %s %s: %s" % (ms // 1000, ms % 1000, level, source, text))


def info(source, text, *args):
    _line("I", source, text, args)


def warn(source, text, *args):
    _line("W", source, text, args)


def error(source, text, *args):
    _line("E", source, text, args)
