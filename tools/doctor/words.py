"""What errors mean and what to do about them, in the words of the device's DOCTOR (firmware/core/error_texts.py)."""

from firmware.core import error_texts
from firmware.iec102 import frame_text
from tools.doctor.report import Fault


def of(why):
    """(what is wrong, what to do) of a `why` (firmware/core/errors.py)."""
    found, todo = error_texts.advice(why)
    return found.removeprefix("FAULT "), todo


def fault(why, *more, seen=""):
    """A Fault that names it; `more` to do.

    Behind it `seen`, which this computer knows and a device does not, or else in brackets what the error itself says
    where that says more.
    """
    found, todo = of(why)
    if seen:
        found = "%s: %s" % (found, seen)
    else:
        told = error_texts.text(why)
        if found in told:
            found = told
        elif told not in found:
            found = "%s (%s)" % (found, told)
    return Fault(found, todo, *more)


def cause(number):
    """A cause of transmission in words, with its number."""
    return "%s (cause %d)" % (frame_text.cause_of(number), number)


def refusal(number):
    """What to do about a refusal with this cause."""
    return of((100 + number if 12 < number < 19 else 110, number, 0))[1]
