"""The facts about the network, as last heard; what they mean and how they are asked for is network.py."""

from firmware.core import overlay


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
        with overlay.use("register"):
            from firmware.modem import network

            network.heard(self, line)

    def measure(self, channel, deadline_ms):
        """To be awaited: signal and operator. Raises NoAnswer when the modem is silent."""
        with overlay.use("register"):
            from firmware.modem import network

            return network.measure(self, channel, deadline_ms)
