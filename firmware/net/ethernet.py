"""Ethernet, where a board has it: an ESP32. Not in the base version."""

from firmware.net.link import Link

_NO_ETHERNET = const(249)  # code of an error (core/errors.py)
_ATTEMPT_S = const(20)  # as link.py has it


class EthLink(Link):
    """`options` are network.LAN's, from board.json; `phy_type` and pins by name or number."""

    kind = "ethernet"

    def __init__(self, network, sockets, options):
        super().__init__(sockets)
        self._network = network
        self._options = options

    def _begin(self):
        if self._interface is None:
            self._interface = self._network.LAN(**self._arguments())
        self._interface.active(True)

    def _arguments(self):
        import machine

        found = {}
        for name, value in self._options.items():
            if name in ("mdc", "mdio", "power", "ref_clk"):
                value = machine.Pin(value)
            elif name == "phy_type" and isinstance(value, str):
                value = getattr(self._network, "PHY_" + value.upper())
            found[name] = value
        return found

    def _give_up(self):
        if self._interface:
            self._interface.active(False)

    def _why(self):
        return (_NO_ETHERNET, _ATTEMPT_S)
