"""What may go wrong between a meter and whoever reads it; each with its own probability or number, from one seed."""

import random

from firmware.iec102 import ft12

CHANCES = ("drop", "corrupt", "noise", "half")
NUMBERS = ("delay", "busy")
SWITCHES = ("mute", "echo")
NAMES = CHANCES + NUMBERS + SWITCHES
HELP = (
    "drop P, corrupt P, noise P, half P (0..1, or 3x: the next three), delay MS, busy N, "
    "mute on|off, echo on|off, clear, show"
)


def chance(text):
    """A probability 0..1 (float), or a number of times such as `3x` (int); ValueError otherwise."""
    try:
        value = int(text[:-1]) if text.endswith("x") else float(text)
    except ValueError:
        raise ValueError("0 to 1, or a number such as 3x, not %r" % text) from None
    if not text.endswith("x") and not 0 <= value <= 1:
        raise ValueError("%s is not 0 to 1" % text)
    return value


class Faults:
    """`apply(frame)` returns (milliseconds to wait, bytes to send or b"").

    `drop`, `corrupt`, `noise` and `half` are probabilities (float); an int instead is how many of the next answers
    are spoilt for certain. `delay` in ms; `busy`, `echo`: whoever owns the line looks at them; `mute`: no answer.
    """

    def __init__(self, seed=1):
        self._random = random.Random(seed)
        self.clear()

    def clear(self):
        self.drop = self.corrupt = self.noise = self.half = 0.0
        self.delay = 0
        self.busy = 0
        self.mute = self.echo = False

    def _strikes(self, name):
        value = getattr(self, name)
        if isinstance(value, int):
            setattr(self, name, value - 1 if value > 1 else 0.0)
            return value > 0
        return self._random.random() < value

    def apply(self, frame):
        if self.mute or self._strikes("drop"):
            return 0, b""
        data = bytes(frame)
        if self._strikes("corrupt"):
            data = self._spoilt(data)
        if self._strikes("half"):
            data = data[: self._random.randrange(1, len(data))]
        if self._strikes("noise"):
            data = self._rubbish() + data
        return self.delay, data

    def _spoilt(self, frame):
        """One to three bits flipped, so that the frame is not good any more.

        Flips can cancel out in FT1.2's sum. A real line has parity against that; a pty has none, so such a frame
        is drawn again: what the receiver can't possibly notice would prove nothing.
        """
        while True:
            data = bytearray(frame)
            for _ in range(self._random.randint(1, 3)):
                data[self._random.randrange(len(data))] ^= 1 << self._random.randrange(8)
            parser = ft12.Parser()
            parser.feed(data)
            if data != frame and not parser.next():
                return bytes(data)

    def _rubbish(self):
        """What comes before an answer: a run of 0xFF, a false start, or any bytes."""
        kind = self._random.randrange(4)
        if kind == 0:
            return b"\xff" * self._random.randint(1, 12)
        if kind == 1:
            return b"\x68"
        if kind == 2:
            return b"\x10\x0b"
        return bytes(self._random.randrange(256) for _ in range(self._random.randint(1, 20)))

    def set(self, name, text):
        """Set a fault from text; ValueError if it makes no sense."""
        if name in CHANCES:
            value = chance(text)
        elif name in NUMBERS:
            value = int(text)
            if value < 0:
                raise ValueError("%d is negative" % value)
        elif name in SWITCHES and text in ("on", "off"):
            value = text == "on"
        else:
            raise ValueError("%s %s" % (name, text))
        setattr(self, name, value)

    def show(self):
        return " ".join("%s=%s" % (name, _text(getattr(self, name))) for name in NAMES)

    def command(self, line):
        """Carry out a line such as `drop 0.1`; returns the answer for a person."""
        words = line.split()
        try:
            if words == ["clear"]:
                self.clear()
            elif words != ["show"]:
                name, value = words
                self.set(name, value)
        except ValueError:
            return HELP
        return self.show()


def _text(value):
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)
