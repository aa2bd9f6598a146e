"""What a meter's refusals mean, and what to do about them (protocol reference 2.2 and 3.1)."""

from firmware.iec102.errors import cause_text

NACK = (
    "the meter refuses the frame (NACK): it is not ready for this request, or does not take it now"
)

_TODO = {
    13: "nothing is stored there yet, or not in this period: ask again later or for another period",
    14: "this meter lacks the reading: switch it off in the settings of the meter",
    15: "set another record (meter.N.curve_record) or contract (meter.N.contract)",
    16: "correct meter.N.point (punto de medida); the distributor knows it",
    17: "the meter does not keep these values: switch the reading off in the settings of the meter",
    18: "the meter keeps no such period: try the other meter.N.curve_record, or fewer meter.N.curve_days",
}


def cause(number):
    """A cause of transmission in words, with its number."""
    return "%s (cause %d)" % (cause_text(number), number)


def todo(number):
    """What to do about a refusal with this cause."""
    return _TODO.get(number, "note the cause and ask the maker of the meter")
