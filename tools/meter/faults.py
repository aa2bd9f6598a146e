"""What may go wrong between a meter and whoever reads it; each with its own probability, from one seed."""

import random

_HELP = "drop P, corrupt P, noise P, half P (0..1), delay MS, busy N, mute on|off, echo on|off, clear, show"


class Faults:
    """`apply(frame)` returns (milliseconds to wait, bytes to send or b"")."""

    def __init__(self, seed=1):
        self._random = random.Random(seed)
        self.clear()

    def clear(self):
        self.drop = self.corrupt = self.noise = self.half = 0.0
        self.delay = 0
        self.busy = 0
        self.mute = self.echo = False

    def apply(self, frame):
        if self.mute or self._random.random() < self.drop:
            return 0, b""
        data = frame
        if self._random.random() < self.corrupt:
            data = bytearray(data)
            for _ in range(self._random.randint(1, 3)):
                data[self._random.randrange(len(data))] ^= 1 << self._random.randrange(8)
        if self._random.random() < self.half:
            data = data[: self._random.randrange(1, len(data))]
        if self._random.random() < self.noise:
            data = self._rubbish() + bytes(data)
        return self.delay, bytes(data)

    def _rubbish(self):
        kind = self._random.randrange(4)
        if kind == 0:
            return b"\xff" * self._random.randint(1, 12)
        if kind == 1:
            return b"\x68"  # a false start
        if kind == 2:
            return b"\x10\x0b"
        return bytes(self._random.randrange(256) for _ in range(self._random.randint(1, 20)))

    def command(self, line):
        """Carry out a line such as `drop 0.1`; returns the answer for a person."""
        words = line.split()
        if not words:
            return _HELP
        name, value = words[0], words[1] if len(words) > 1 else ""
        try:
            if name == "clear":
                self.clear()
            elif name in ("drop", "corrupt", "noise", "half"):
                setattr(self, name, float(value))
            elif name in ("delay", "busy"):
                setattr(self, name, int(value))
            elif name in ("mute", "echo"):
                setattr(self, name, {"on": True, "off": False}[value])
            elif name != "show":
                return _HELP
        except (ValueError, KeyError):
            return _HELP
        names = ("drop", "corrupt", "noise", "half", "delay", "busy", "mute", "echo")
        return " ".join("%s=%s" % (name, getattr(self, name)) for name in names)
