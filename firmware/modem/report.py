"""The status as a short message every so many hours, on its own account; in memory only where that is wanted."""

from firmware import diag
from firmware.core import overlay
from firmware.gate import silence
from firmware.modem.at import ModemError
from firmware.port import const, monotonic_s

# In the modem's store: UTC of the last one, so that a restart does not send another.
KEY = "sms_status"
_MOST = const(150)  # characters; one message takes 160, some models count worse
_LOOK_S = const(600)
_AGAIN_S = const(900)
_TRIES = const(3)


class Report:
    """`hours` between two messages to `number`; the first one as soon as there is a network.

    What cannot be sent is tried three times, then it is left for the next one. While the time is not known the hours
    count from the start.
    """

    def __init__(self, sms, link, hours, number):
        self._sms = sms
        self._link = link
        self._period = hours * 3600
        self._number = number
        self._start = self._next = monotonic_s()
        self._tries = 0

    def due(self):
        """Whether turn() has something to look at."""
        return monotonic_s() >= self._next

    async def turn(self):
        """Send the message if it is time. Never raises a ModemError or MemoryError."""
        utc, sent, why = 0, False, "out of memory"
        try:
            with overlay.attempt:
                utc = self._utc()
                wait = self._wait(utc)
                if wait > 0:
                    self._next = monotonic_s() + wait
                    return
                sent = await self._sms.send(self._number, self._sms.status_text(_MOST))
                why = ""
        except ModemError as error:
            why = error
        if why:
            diag.warn("sms", "status: %s", why)
        await self._note(sent, utc if sent else 0)

    def _utc(self):
        """0: the time is not known."""
        return self._link.tell()[0] if self._link.tell else 0

    def _wait(self, utc):
        """Seconds until the next one is due, or until it makes sense to look again."""
        if utc:
            last = self._link.store.get(KEY) or 0
            # A time to come: the clock was wrong then.
            return last + self._period - utc if last <= utc else 0
        return min(_LOOK_S, self._start + self._period - monotonic_s())

    async def _note(self, sent, utc):
        self._tries = 0 if sent else self._tries + 1
        wait = self._period
        if 0 < self._tries < _TRIES:
            wait = _AGAIN_S
        else:
            self._tries = 0
            # Whether it went out or not: this one is over.
            self._start = monotonic_s()
        self._next = monotonic_s() + wait
        if utc:
            await silence(self._link.store)
            self._link.store.set(KEY, utc)
