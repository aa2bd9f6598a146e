"""The facts about the network, as last heard; what they mean and how they are asked for is network.py."""

from firmware.modem import lazy


class Cell:
    def __init__(self):
        self.stat = None
        self.access = None
        self.cause = None
        self.operator = ""
        self.signal = None  # dBm
        self.rsrp = None
        self.rsrq = None

    @property
    def registered(self):
        return self.stat in (1, 5)

    def heard(self, line):
        """A registration line, asked for or not."""
        lazy.glance("network").heard(self, line)

    def measure(self, channel, deadline_ms):
        """To be awaited: signal and operator. Raises NoAnswer when the modem is silent."""
        return lazy.glance("network").measure(self, channel, deadline_ms)
