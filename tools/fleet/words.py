"""What a person types and reads: numbers of options with their limits, texts of devices fit for a terminal."""

import argparse


def whole(least, most=None):
    """An argparse type: a whole number from `least` to `most`."""
    return _number(int, "a whole number", least, most)


def percent(text):
    """An argparse type: 0 to 100."""
    return _number(float, "a number", 0, 100)(text)


def _number(kind, name, least, most):
    def made(text):
        try:
            value = kind(text)
        except ValueError:
            value = None
        # Not a number at all compares with nothing.
        if value is None or not value >= least or (most is not None and value > most):
            limits = "from %d on" % least if most is None else "from %d to %d" % (least, most)
            raise argparse.ArgumentTypeError("%s %s, not %s" % (name, limits, shown(text)))
        return value

    return made


def shown(text):
    """`text` without what steers a terminal: names and words come from whoever writes to the broker."""
    return "".join(each if each.isprintable() else "?" for each in str(text))
