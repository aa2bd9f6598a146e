"""The twin's network.PPP, run beside the simulated modem: on a board it is C and lwIP's memory, none of the heap.

A client of the control port that says `ppp SECURITY USER KEY` (both in hex, `-` for none) hands its line over: from
then on what it sends are bytes of the line, and what it gets are bytes for the line. A byte 0 asks for the end; in
between stands `\\x01STATE ALIVE ADDRESS DNS\\n` whenever one of them changes. Neither can be confused with PPP's own
bytes: those below 32 are escaped (RFC 1662 7.1), and the client drops them where a faulty line brings some.
"""

from firmware.boards.ppp_standin import PPP


class _Line:
    """The client's line as PPP's stream."""

    IRQ_RXIDLE = 0

    def __init__(self):
        self.rx = bytearray()
        self.tx = bytearray()

    def irq(self, handler=None, trigger=0):
        return None

    def readinto(self, buf):
        count = min(len(buf), len(self.rx))
        buf[:count] = self.rx[:count]
        del self.rx[:count]
        return count or None

    def write(self, data):
        self.tx += data
        return len(data)


def _text(word):
    return bytes.fromhex(word).decode() if word != "-" else None


class Relay:
    """One PPP object for one client; `arguments`: what followed `ppp`. ValueError."""

    def __init__(self, arguments):
        security, user, key = arguments.split()
        self._line = _Line()
        self._ppp = PPP(self._line)
        self._told = None
        self._rest = b""
        self._ppp.connect(int(security), _text(user), _text(key))

    def take(self, data):
        """Bytes from the client."""
        data = self._rest + data
        while data and len(data) > data[0]:
            if not data[0]:
                self._ppp.disconnect()
            self._line.rx += data[1 : data[0] + 1]
            data = data[data[0] + 1 :]
        self._rest = data

    def turn(self):
        """What is to be sent to the client now."""
        ppp, line = self._ppp, self._line
        ppp.poll()
        if ppp.status() <= 0:
            line.rx.clear()
        out = bytes(line.tx)
        line.tx.clear()
        names = ppp.ipconfig("addr4")[0], ppp.ipconfig("dns")
        told = "%d %d %s %s" % (ppp.status(), ppp.alive(), *names)
        if told != self._told:
            self._told = told
            out += b"\x01" + told.encode() + b"\n"
        return out
