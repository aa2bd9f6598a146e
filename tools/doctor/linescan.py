"""Finding a meter on a line: speed and format, link address. Bounded, and polite to whoever else is on the bus.

Only the request for the status of the link goes out (protocol reference 2.2: it changes nothing in a meter), with a
pause between two of them and a limit on their number. A meter hears its own address at its own speed only, so each
pair has to be tried; the likely ones come first. How one is tried, and which are likely, is the device's own
(firmware/meters/line_probe.py); it looks at fewer of them.
"""

from firmware.iec102.link import Link
from firmware.meters import line_probe
from tools.doctor.serialline import NotPossible

BAUDS = (*line_probe.BAUDS, 57600, 115200, 600, 300)
FORMATS = {"8N1": (8, None, 1), "8E1": (8, 0, 1), "8O1": (8, 1, 1)}
_USUAL = ("8N1", "8E1")
LINKS = (*line_probe.LINKS, 100)
# Tries of the pair that was given or is most likely, and of one at which something was heard.
_FIRST_TRIES = 3
# Pairs of speed and format at which all link addresses are tried before any other pair.
_LIKELY = 2


class Found:
    """What the scan came to: `line` (baud, format name) and `link` or None; counts of what was heard otherwise."""

    def __init__(self):
        self.line = None
        self.link = None
        self.garbled = {}  # (baud, format) -> frames answered by something that is no frame
        self.echoes = 0
        self.impossible = set()  # formats the port does not know
        self.frames = 0
        self.cut = 0  # pairs left out for the limit


class Scan:
    """`port`: a SerialPort over a HostUart. `frames`: most frames to send."""

    def __init__(self, port, answer_ms=None, pause_ms=100, frames=200, say=lambda text: None, trace=None):
        self.port = port
        self.link = Link(port)
        self.link.clean = True
        self.link.trace = trace
        self.answer_ms = answer_ms
        self.pause_ms = pause_ms
        self.frames = frames
        self.say = say
        self.found = Found()

    async def run(self, lines, links):
        """Try `lines` ((baud, format name), the likely ones first) with `links`; returns the Found."""
        found = self.found
        for number, (line, link, tries) in enumerate(_order(lines, links)):
            if found.frames + tries > self.frames:
                found.cut = len(lines) * len(links) - number
                break
            if line[1] in found.impossible:
                continue
            if await self._look(line, link, tries):
                return found
        return await self._once_more(found)

    async def _once_more(self, found):
        """Where something was heard a spoilt answer may have been the only reason."""
        for line in sorted(found.garbled, key=found.garbled.get, reverse=True)[:2]:
            if found.frames < self.frames + _FIRST_TRIES and await self._look(line, self._heard, _FIRST_TRIES):
                break
        return found

    async def _look(self, line, link, tries):
        """Whether a meter with this link address answers; what is heard otherwise is counted."""
        found = self.found
        if not self.configure(line):
            found.impossible.add(line[1])
            return False
        self.say("%d baud %s, link address %d" % (*line, link))
        for _ in range(tries):
            answered = other = await self._ask(line, link)
            if other not in (link, None):
                # Another one answers: it has to do so when it is meant, too.
                answered = await self._ask(line, other)
            if answered is not None and answered == other:
                found.line, found.link = line, other
                return True
        return False

    def configure(self, line):
        try:
            self.port.configure(line[0], *FORMATS[line[1]])
        except NotPossible:
            return False
        return True

    async def _ask(self, line, link):
        """The link address that answers to a request for `link`, or None."""
        found, garbled, ignored = self.found, [0], self.link.ignored
        found.frames += 1
        given = {} if self.answer_ms is None else {"answer_ms": self.answer_ms}
        answered = await line_probe.ask(self.link, link, garbled, pause_ms=self.pause_ms, **given)
        if garbled[0]:
            found.garbled[line] = found.garbled.get(line, 0) + 1
            self._heard = link
        elif answered is None:
            found.echoes += self.link.ignored > ignored
        return answered


def lines_of(baud=None, form=None, only=False):
    """Pairs of speed and format: the one given first, then the rest by how likely it is."""
    first = [(baud or BAUDS[0], form or _USUAL[0])]
    if only:
        return first
    forms = [form, *_USUAL] if form else _USUAL
    bauds = [baud, *BAUDS] if baud else BAUDS
    for b in bauds:
        for f in forms:
            if (b, f) not in first:
                first.append((b, f))
    return first


def _order(lines, links):
    """(line, link, tries) of every pair, the likely ones first."""
    yield lines[0], links[0], _FIRST_TRIES
    for line in lines[1:]:
        yield line, links[0], 1
    for part in (lines[:_LIKELY], lines[_LIKELY:]):
        for line in part:
            for link in links[1:]:
                yield line, link, 1
