"""What errors mean and what to do about them, in the words of the device's DOCTOR (firmware/core/error_texts.py)."""

from firmware.core import error_texts
from tools.doctor.report import Fault


def of(why):
    """(what is wrong, what to do) of a `why` (firmware/core/errors.py)."""
    found, todo = error_texts.advice(why)
    return found.removeprefix("FAULT "), todo


def fault(why, *more):
    """A Fault that names it, with what was told in brackets where that says more; `more` to do."""
    found, todo = of(why)
    told = error_texts.text(why)
    return Fault(found if told == found else "%s (%s)" % (found, told), todo, *more)


def cause_text(number):
    """A cause of transmission in words."""
    return error_texts.text((100 + number,)) if 12 < number < 19 else "cause %d" % number


def cause(number):
    """A cause of transmission in words, with its number."""
    return "%s (cause %d)" % (cause_text(number), number)


def refusal(number):
    """What to do about a refusal with this cause."""
    return of((100 + number if 12 < number < 19 else 110, number, 0))[1]
