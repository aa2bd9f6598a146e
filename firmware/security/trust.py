"""Whom a connection believes: what the settings say of it, kept as long as they are in use. What TLS wants of it is
made by context.py, for the moment of a connection.
"""

from firmware.core import overlay
from firmware.core.errors import BrokerError

# The roots that the version brings, and the device's own ones.
AUTO = const("auto")
# What TLS wants in one piece each: the buffers for a record in and one out (MicroPython's mbedtls_config).
_RECORDS = const((17408, 4608))
_NO_TIME = const(350)  # code of an error (core/errors.py)


class Trust:
    """`verify`: ca, pin or none; `roots`: names, as tls.ca has them; `pins`: SHA-256 of public keys in hex; `folder`:
    the flash's; `clock`: the device's; `client`: which certificate of its own to show (own, own2; off: none).

    `gate`: a firmware.core.flash_gate.Gate: a handshake's arithmetic, which holds up the loop, waits for a meter's
    answer. `pinned`: of how many certificates of servers the public key was compared; `leaf`: the last one (bytes)
    while its handshake is not over; `ends`: when it ends, UTC seconds, 0: none was seen.
    """

    pinned = ends = 0
    leaf = gate = None
    _room = ()

    def __init__(self, folder, clock, verify, roots, pins=(), client="off"):
        self.folder = folder
        self.clock = clock
        self.verify = verify
        self.roots = roots
        self.pins = pins
        self.client = client

    def __eq__(self, other):
        """Whether a connection under the one is as good as under the other: settings are compared."""
        return isinstance(other, Trust) and self._facts() == other._facts()

    def _facts(self):
        return self.verify, self.roots, self.pins, self.client

    def ready(self):
        """BrokerError: no handshake can be begun, since nobody knows what time it is."""
        if self.verify == "ca" and not self.clock.known:
            raise BrokerError(_NO_TIME)

    def words(self):
        """How the server is checked, for GETSTATUS."""
        if self.verify == "none":
            return "NOT CHECKED (tls.verify none): anybody can be the broker"
        return "checked: " + ("its key" if self.verify == "pin" else "its certificate, " + ",".join(self.roots))

    def hold(self):
        """Keep the room that the next connection wants in large pieces, as far as there is any; let_go() before."""
        if not self._room:
            with overlay.attempt:
                self._room = [bytearray(size) for size in _RECORDS]

    def let_go(self):
        """Give that room to the connection that is made in this very turn."""
        self._room = ()
        overlay.tidy()


def of_broker(folder, clock, get):
    """The Trust of the connection to the broker; `get`: Config.get."""
    return Trust(
        folder, clock, get("tls.verify"), _words(get("tls.ca")), _words(get("tls.pins").lower()), get("tls.client")
    )


def of_server(folder, clock, get):
    """The Trust of a delivery over HTTPS or FTPS: the roots of tls.ca; a pin is the broker's alone."""
    return Trust(folder, clock, "none" if get("tls.verify") == "none" else "ca", _words(get("tls.ca")))


def of_update(folder, clock, get):
    """The Trust of a download: the roots of tls.ca and those that the version brings, where update.verify is on."""
    roots = _words(get("tls.ca"))
    return Trust(folder, clock, "ca" if get("update.verify") else "none", roots if AUTO in roots else roots + [AUTO])


def _words(text):
    return [word for word in text.replace(",", " ").split() if word]
