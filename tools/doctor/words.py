"""What a meter's refusals mean, and what to do about them (protocol reference 2.2 and 3.1)."""

from firmware.commands.advice import CAUSES
from firmware.iec102.errors import cause_text

NACK = "the meter refuses the frame (NACK): it is not ready for this request, or does not take it now"



def cause(number):
    """A cause of transmission in words, with its number."""
    return "%s (cause %d)" % (cause_text(number), number)


def todo(number):
    """What to do about a refusal with this cause."""
    return CAUSES.get(number, "note the cause and ask the maker of the meter")
